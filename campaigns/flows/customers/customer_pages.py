"""One customer as the console shows them: who they are, what they agreed to, what they got, and why.

Addresses are masked until somebody asks for one, which is recorded. What was shown at opens is told only while the
customer agrees to it being noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import history, states
from campaigns.audience.contact import ContactTerms
from campaigns.audience.customer_file import OrderView, orders_of, segments_with
from campaigns.audience.customers import address_of, find
from campaigns.audience.favourites import favourites_of
from campaigns.audience.masking import masked
from campaigns.audience.segment_why import reason_of
from campaigns.core.clock import Clock
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.core.frequency import FrequencyCap
from campaigns.flows.console.audit import record
from campaigns.flows.copy.copystore import parts_by_number
from campaigns.flows.customers.why import PickedFor, picks_in_words
from campaigns.models import (
    PIXEL_SLOT,
    PURPOSES,
    Campaign,
    ConsentEntry,
    ContactPreference,
    Customer,
    EngagementState,
    Event,
    Send,
    SlotServe,
)

PAGE = 20


@dataclass(frozen=True, slots=True)
class Statement:
    """One entry of the ledger."""

    purpose: str
    action: str
    wording: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerView:
    """Who a customer is; `address` is masked. `reason` says why they would get no marketing mail now, "": would."""

    number: int
    external_id: str
    name: str
    address: str
    locale: str
    timezone: str
    city: str
    country: str
    tags: tuple[str, ...]
    created_at: datetime
    granted: dict[str, bool]
    statements: tuple[Statement, ...]
    reason: str
    segments: tuple[tuple[int, str], ...]
    likes: tuple[str, ...]
    frequency: str
    paused_until: datetime | None
    muted_topics: tuple[str, ...]
    engagement: str
    mails_without_sign: int
    last_sign: datetime | None


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """The picture last shown in a slot; place and weather are "" unless the customer agrees to their use."""

    slot: str
    variant: str
    signal: str
    weather: str
    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class SendView:
    """One mail, or why there is none. `happened` are (event, when, whether a machine did it)."""

    campaign_id: int
    campaign: str
    status: str
    reason: str
    at: datetime
    subject: str
    picks: tuple[PickedFor, ...]
    pictures: tuple[ShownPicture, ...]
    happened: tuple[tuple[str, datetime, bool], ...]


class CustomerPages:
    """`cap` is the house's limit of mails, which decides with the rest who would be held back."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, cap: FrequencyCap | None) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._cap = cap

    def find(self, who: str) -> str | None:
        """The external id of the customer with this external id or address; None where nobody has it."""
        with self._db.transaction() as session:
            found = find(session, self._keyring, who)
            return found.external_id if found else None

    def show(self, external_id: str) -> CustomerView:
        """The customer.

        Raises:
            NotFound: there is none of this id, or they were erased.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            customer = _known(session, external_id)
            granted = states(session, [customer.id])[customer.id]
            wishes = session.get(ContactPreference, customer.id)
            engaged = session.get(EngagementState, customer.id) if "open_tracking" in granted else None
            liked = favourites_of(session, [customer.id]).get(customer.id, [])
            return CustomerView(
                number=customer.id,
                external_id=customer.external_id,
                name=f"{customer.first_name} {customer.last_name}".strip(),
                address=self._address(customer, mask=True),
                locale=customer.locale,
                timezone=customer.timezone,
                city=customer.city,
                country=customer.country,
                tags=tuple(customer.tags),
                created_at=customer.created_at,
                granted={purpose: purpose in granted for purpose in PURPOSES},
                statements=tuple(_statement(entry) for entry in reversed(history(session, customer.id))),
                reason=reason_of(session, customer.id, ContactTerms(0, cap=self._cap), now),
                segments=tuple(segments_with(session, customer.id, now)),
                likes=tuple(value for _, value in liked),
                frequency=wishes.frequency if wishes else "all",
                paused_until=wishes.paused_until if wishes else None,
                muted_topics=tuple(wishes.muted_topics) if wishes else (),
                engagement=engaged.state if engaged else "",
                mails_without_sign=engaged.mails if engaged else 0,
                last_sign=engaged.last_human_at if engaged else None,
            )

    def address(self, external_id: str, by: str) -> str:
        """The address in the clear; that somebody looked is recorded."""
        with self._db.transaction() as session:
            customer = _known(session, external_id)
            record(session, self._clock.now(), by, "customer.address_shown", f"customer {customer.id}")
            return self._address(customer, mask=False)

    def sends(self, external_id: str, before: int | None = None) -> list[SendView]:
        """A page of mails, of the newest campaigns first, from below the campaign number `before`."""
        with self._db.transaction() as session:
            customer = _known(session, external_id)
            sends = select(Send).where(Send.customer_id == customer.id)
            if before is not None:
                sends = sends.where(Send.campaign_id < before)
            found = session.scalars(sends.order_by(Send.campaign_id.desc()).limit(PAGE)).all()
            granted = states(session, [customer.id])[customer.id]
            return _SendsOf(session, found, granted).views()

    def orders(self, external_id: str, before: tuple[datetime, int] | None = None) -> list[OrderView]:
        """A page of order lines, newest first, from after the place `before` (moment, line)."""
        with self._db.transaction() as session:
            return orders_of(session, _known(session, external_id).id, before, PAGE)

    def _address(self, customer: Customer, mask: bool) -> str:
        try:
            address = address_of(self._keyring, customer)
        except CannotDecrypt:
            return ""
        return masked(address) if mask else address


class _SendsOf:
    """What belongs to a page of sends, read for all of them at once."""

    def __init__(self, session: Session, sends: Sequence[Send], granted: frozenset[str]) -> None:
        self._session = session
        self._sends = sends
        self._granted = granted
        numbers = {send.campaign_id for send in sends}
        campaigns = session.scalars(select(Campaign).where(Campaign.id.in_(numbers)))
        self._campaigns = {campaign.id: campaign for campaign in campaigns}
        self._copies = parts_by_number(session, [send.copy_id for send in sends if send.copy_id])
        self._serves = self._by_send(SlotServe) if "open_tracking" in granted else {}
        self._events = self._by_send(Event)

    def views(self) -> list[SendView]:
        return [self._view(send) for send in self._sends]

    def _by_send(self, table: type[SlotServe] | type[Event]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        keys = {send.campaign_id for send in self._sends}, {send.id for send in self._sends}
        rows = select(table).where(table.campaign_id.in_(keys[0]), table.send_id.in_(keys[1]))
        row: Any
        for row in self._session.scalars(rows):
            found.setdefault(row.send_id or 0, []).append(row)
        return found

    def _view(self, send: Send) -> SendView:
        campaign = self._campaigns.get(send.campaign_id)
        copy = self._copies.get(send.copy_id) if send.copy_id else None
        happened = sorted((event.at, event.name, event.machine) for event in self._events.get(send.id, []))
        if "open_tracking" not in self._granted:
            happened = [one for one in happened if one[1] not in ("opened", "clicked")]
        return SendView(
            campaign_id=send.campaign_id,
            campaign=campaign.name if campaign else "",
            status=send.status,
            reason=send.reason,
            at=send.sent_at or send.intent_at or send.created_at,
            subject=copy.subject if copy else "",
            picks=picks_in_words(self._session, send.picks or [], "en"),
            pictures=tuple(self._picture(serve, campaign) for serve in self._shown(send)),
            happened=tuple((name, at, machine) for at, name, machine in happened),
        )

    def _shown(self, send: Send) -> list[SlotServe]:
        serves = [serve for serve in self._serves.get(send.id, []) if serve.slot != PIXEL_SLOT]
        return sorted(serves, key=lambda serve: serve.slot)

    def _picture(self, serve: SlotServe, campaign: Campaign | None) -> ShownPicture:
        slots = campaign.slots if campaign else []
        name = str(slots[serve.slot]["name"]) if serve.slot < len(slots) else str(serve.slot)
        located = "open_location" in self._granted
        return ShownPicture(
            slot=name,
            variant=serve.variant,
            signal=serve.signal if located else "",
            weather=serve.weather if located else "",
            at=serve.served_at,
            times=serve.count,
        )


def _known(session: Session, external_id: str) -> Customer:
    customer = session.scalar(
        select(Customer).where(Customer.external_id == external_id, Customer.erased_at.is_(None))
    )
    if customer is None:
        raise NotFound("there is no customer of this number")
    return customer


def _statement(entry: ConsentEntry) -> Statement:
    return Statement(entry.purpose, entry.action, entry.wording, entry.source, entry.at)

"""The preference centre: what a customer agreed to, how often, about what, and until when not at all.

Who holds the link may look and choose, without a password: a mail may have been forwarded, so nothing that this
flow tells names the customer or says more of them than the mail itself did.

A page may lie open while something is changed elsewhere (another device, the unsubscribe button of a mail
program). Saving it can then take away, and never give back: what is not ticked is withdrawn or muted, and only
what the person ticked on that very page, where it was shown unticked, is granted or wanted again. How often and
until when change only if the person changed them on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience import contact_preferences
from campaigns.audience.consent import moment_for, record, states, withdraw
from campaigns.audience.contact_preferences import Wishes
from campaigns.compose.content import language_of
from campaigns.compose.links import read_link
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.flows.customers.unsubscribing import Wish, fulfil
from campaigns.flows.customers.why import Explanation, explain
from campaigns.flows.opening.open_states import OpenStates
from campaigns.models import PURPOSES, Customer

PREFERENCE_PAGE = "preference page"
PAUSES = (30, 90)
"""For how many days mail can be paused."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the page shows; `gone` says that there is no such customer any more, and then nothing else counts.

    `topics` are those offered, with whether mail about them is wanted.
    """

    campaign_id: int
    customer_id: int
    send_id: int
    language: str
    granted: frozenset[str] = frozenset()
    wishes: Wishes = field(default_factory=Wishes)
    topics: Mapping[str, bool] = field(default_factory=dict)
    timezone: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """A page as it was sent off.

    `purposes` and `topics` are ticked; `purposes_before` were shown ticked, `topics_before` tells of every topic
    that was shown whether it was. `frequency` is None where it was left as shown; `pause_days` is None for
    leaving the pause as it is, and 0 for going on at once. `wording` is, by purpose, what stood beside its box.
    """

    purposes: frozenset[str]
    purposes_before: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    topics_before: Mapping[str, bool] = field(default_factory=dict)
    frequency: str | None = None
    pause_days: int | None = None
    wording: Mapping[str, str] = field(default_factory=dict)


class Preferences:
    """Shows and changes the choices of the customer to whom a mail's link belongs."""

    def __init__(
        self, *, db: Database, clock: Clock, signer: Signer, open_states: OpenStates, meters: Meters
    ) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._open_states = open_states
        self._meters = meters

    def of(self, token: str) -> Choices:
        """What this customer chose; changes nothing.

        Raises:
            BadToken: forged or damaged.
        """
        mail = self._mail(token)
        with self._db.transaction() as session:
            return self._choices(session, mail, _alive(session, mail[1]))

    def why(self, token: str) -> Explanation | None:
        """Why the mail of this link was sent and what is in it; None where that is no longer kept.

        Raises:
            BadToken: forged or damaged.
        """
        campaign_id, customer_id, send_id = self._mail(token)
        with self._db.transaction() as session:
            return explain(session, campaign_id, customer_id, send_id)

    def save(self, token: str, saved: Saved) -> Choices:
        """Make what the person chose hold, as far as they chose it on this page; returns what holds now.

        For somebody who is gone nothing is kept.

        Raises:
            BadInput: an unknown purpose, frequency or length of a pause.
            BadToken: forged or damaged.
        """
        mail = self._mail(token)
        now = self._clock.now()
        with self._db.transaction() as session:
            customer = _alive(session, mail[1], lock=True)
            if customer is not None:
                held = states(session, [customer.id])[customer.id]
                wanted = (saved.purposes - saved.purposes_before) | (saved.purposes & held)
                self._consent(session, mail, wanted, saved.wording, now)
                _wish(session, customer.id, saved, now)
            return self._choices(session, mail, customer)

    def set_preferences(self, token: str, wanted: frozenset[str], wording: str) -> Choices:
        """Grant and withdraw so that exactly `wanted` holds; `wording` is what the person was told.

        Raises:
            BadInput: an unknown purpose.
            BadToken: forged or damaged.
            NotFound: there is no such customer any more.
        """
        mail = self._mail(token)
        with self._db.transaction() as session:
            customer = _alive(session, mail[1], lock=True)
            if customer is None:
                raise NotFound("this customer is no longer known")
            self._consent(session, mail, wanted, dict.fromkeys(wanted, wording), self._clock.now())
            return self._choices(session, mail, customer)

    def end_all(self, token: str) -> Choices:
        """Unsubscribe from everything: every purpose is withdrawn, also those that were never asked for.

        Raises:
            BadToken: forged or damaged.
        """
        mail = self._mail(token)
        now = self._clock.now()
        with self._db.transaction() as session:
            customer = _alive(session, mail[1], lock=True)
            if customer is not None:
                wish = Wish(*mail, at=now, source=PREFERENCE_PAGE, everything=True)
                fulfil(session, wish, now, self._meters)
                contact_preferences.note_saved(session, customer.id, now)
                self._write_through(session, customer.id)
            return self._choices(session, mail, customer)

    def _mail(self, token: str) -> tuple[int, int, int]:
        """(campaign, customer, send) as the link says."""
        campaign_id, customer_id, send_id = read_link(self._signer, "preferences", token)
        return campaign_id, customer_id, send_id

    def _consent(
        self,
        session: UnitOfWork,
        mail: tuple[int, int, int],
        wanted: frozenset[str],
        wording: Mapping[str, str],
        now: datetime,
    ) -> None:
        unknown = wanted - frozenset(PURPOSES)
        if unknown:
            raise BadInput(f"unknown purpose {', '.join(sorted(unknown))}", where="purpose")
        customer_id = mail[1]
        held = states(session, [customer_id])[customer_id]
        for purpose in sorted(wanted - held):
            at = moment_for(session, customer_id, purpose, now)
            record(session, customer_id, purpose, "granted", wording.get(purpose, ""), PREFERENCE_PAGE, at)
        for purpose in sorted(held - wanted):
            if purpose == "marketing":
                wish = Wish(*mail, at=now, source=PREFERENCE_PAGE)
                fulfil(session, wish, now, self._meters)
            else:
                withdraw(session, customer_id, purpose, PREFERENCE_PAGE, now, now)
        self._write_through(session, customer_id)

    def _write_through(self, session: UnitOfWork, customer_id: int) -> None:
        session.after_commit(lambda: self._open_states.write_through([customer_id]))

    def _choices(self, session: Session, mail: tuple[int, int, int], customer: Customer | None) -> Choices:
        if customer is None:
            return Choices(*mail, language=_language(session, mail[1]), gone=True)
        wishes = contact_preferences.read(session, customer.id, self._clock.now())
        # What was muted stays on the page, though nobody may have written about it for long.
        offered = contact_preferences.offered_topics(session)
        shown = [*offered, *sorted(wishes.muted_topics.difference(offered))]
        return Choices(
            *mail,
            language=language_of(customer.locale or "en"),
            granted=states(session, [customer.id])[customer.id],
            wishes=wishes,
            topics={topic: topic not in wishes.muted_topics for topic in shown},
            timezone=customer.timezone,
        )


def _wish(session: Session, customer_id: int, saved: Saved, now: datetime) -> None:
    contact_preferences.note_saved(session, customer_id, now)
    if saved.frequency is not None:
        contact_preferences.set_frequency(session, customer_id, saved.frequency, now)
    if saved.pause_days is not None:
        if saved.pause_days not in (0, *PAUSES):
            raise BadInput(f"must be one of {', '.join(map(str, PAUSES))} days", where="pause")
        until = now + timedelta(days=saved.pause_days) if saved.pause_days else None
        contact_preferences.set_pause(session, customer_id, until, now)
    mute = saved.topics_before.keys() - saved.topics
    unmute = {topic for topic in saved.topics if not saved.topics_before.get(topic, True)}
    if mute or unmute:
        contact_preferences.mute_topics(session, customer_id, mute, unmute, now)


def _alive(session: Session, customer_id: int, lock: bool = False) -> Customer | None:
    """The customer, None where there is none or only the trace of one who was erased."""
    customer = session.get(Customer, customer_id, with_for_update=lock)
    return None if customer is None or customer.erased_at is not None else customer


def _language(session: Session, customer_id: int) -> str:
    locale = session.scalar(select(Customer.locale).where(Customer.id == customer_id))
    return language_of(locale or "en")

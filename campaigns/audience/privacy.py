"""A person's rights: a copy of what is known (GDPR art. 15 and 20), and erasure (art. 17).

What stays after an erasure: an empty shell `erased-<id>` that keeps the sends countable, the ledger's
entries (purpose, wording, date: the proof of past consent) without evidence, and keyed HMACs of the
address and the external id, so that an old export of the shop cannot bring the person back. Order lines
are deleted: their order ids lead back to the person in the shop's books, which remain with the shop.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Executable, case, delete, func, or_, select, text, tuple_, update
from sqlalchemy.orm import Session

from campaigns.audience import consent
from campaigns.audience.customers import address_of, find_by_address
from campaigns.audience.suppression import ERASED, bury_external_id, is_suppressed, suppress
from campaigns.core.crypto import KeyRing
from campaigns.core.errors import NotFound
from campaigns.models import (
    Campaign,
    ConsentEntry,
    Customer,
    Event,
    OrderLine,
    Product,
    Send,
    SendResolution,
    SlotServe,
    WrittenCopyRow,
)
from campaigns.models.copy import assembled_fields, line_ids

_BLANKED: dict[str, Any] = {
    "email_cipher": None, "email_hmac": None, "first_name": "", "last_name": "", "locale": "", "timezone": "",
    "country": "", "city": "", "latitude": None, "longitude": None, "tags": [],
}  # fmt: skip


def export_customer(session: Session, keyring: KeyRing, email: str) -> dict[str, Any]:
    """All that is stored about the person, ready for JSON: {profile, suppressed, orders, consents, sends,
    resolutions, pictures_shown, events}; moments are ISO 8601, money is a decimal string.

    Raises:
        NotFound: no customer has this address.
    """
    customer = _customer(session, keyring, email)
    own = customer.id
    return {
        "profile": {
            "external_id": customer.external_id,
            "email": address_of(keyring, customer),
            **{name: _plain(getattr(customer, name)) for name in _BLANKED if not name.startswith("email")},
            "created_at": _plain(customer.created_at),
            "updated_at": _plain(customer.updated_at),
        },
        "suppressed": is_suppressed(session, keyring, email),
        "orders": _rows(session, _orders(own)),
        "consents": _rows(session, _consents(own)),
        "sends": _mails(session, own),
        "resolutions": _rows(session, _resolutions(own)),
        "pictures_shown": _rows(session, _pictures(own)),
        "events": _rows(session, _events(own, _keys_of_sends(session, own))),
    }


def erase_customer(session: Session, keyring: KeyRing, email: str, at: datetime) -> int:
    """Forget the person; returns the id of the empty shell that stays.

    Sends that have not left are not touched here: whoever is about to mail finds the person erased
    (checking.still_allowed) and holds the send back, with its counters.

    Raises:
        NotFound: no customer has this address.
    """
    customer = _customer(session, keyring, email)
    own, external_id = customer.id, customer.external_id
    consent.withdraw_all(session, own, "erasure", at)
    suppress(session, keyring, email, ERASED, "erasure", at)
    bury_external_id(session, keyring, external_id, "erasure", at)
    sends = _keys_of_sends(session, own)
    session.execute(delete(SlotServe).where(tuple_(SlotServe.campaign_id, SlotServe.send_id).in_(sends)))
    _blank_words(session, own, sends)
    session.execute(delete(OrderLine).where(OrderLine.customer_id == own))
    _blank_evidence(session, own)
    shell = {**_BLANKED, "external_id": f"erased-{own}", "erased_at": at, "updated_at": at}
    session.execute(update(Customer).where(Customer.id == own).values(shell))
    session.expire_all()
    return own


def _customer(session: Session, keyring: KeyRing, email: str) -> Customer:
    customer = find_by_address(session, keyring, email)
    if customer is None:
        raise NotFound("no customer has this address")
    return customer


def _blank_words(session: Session, own: int, sends: list[tuple[int, int]]) -> None:
    """What others said about the person's mails: relays, providers and colleagues like to repeat the address.

    Of a reason, what stands before the colon is one of a few fixed phrases, by which reports count.
    """
    key = case((Event.key.contains("@"), func.concat("erased:", Event.id)), else_=Event.key)
    session.execute(update(Event).where(_about(own, sends)).values(detail={}, key=key))
    reason = func.split_part(Send.reason, ":", 1)
    blanks = {"picks": None, "copy_id": None, "smtp_reply": "", "reason": reason}
    session.execute(update(Send).where(Send.customer_id == own).values(blanks))
    mails = tuple_(SendResolution.campaign_id, SendResolution.send_id).in_(sends)
    session.execute(update(SendResolution).where(mails).values(evidence=""))


def _blank_evidence(session: Session, customer_id: int) -> None:
    """The ledger's trigger lets exactly this through, while the transaction says that it is erasing."""
    switch = text("select set_config('tailormail.erasing', :state, true)")
    session.execute(switch, {"state": "on"})
    session.execute(update(ConsentEntry).where(ConsentEntry.customer_id == customer_id).values(evidence=""))
    session.execute(switch, {"state": "off"})


def _orders(own: int) -> Executable:
    return (
        select(
            OrderLine.order_id, Product.sku, Product.title, OrderLine.quantity, OrderLine.unit_price,
            OrderLine.ordered_at,
        )
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.customer_id == own)
        .order_by(OrderLine.ordered_at, OrderLine.id)
    )  # fmt: skip


def _consents(own: int) -> Executable:
    entry = ConsentEntry
    return (
        select(entry.purpose, entry.action, entry.wording, entry.source, entry.at, entry.evidence)
        .where(entry.customer_id == own)
        .order_by(entry.at, entry.id)
    )


def _mails(session: Session, own: int) -> list[dict[str, Any]]:
    """The sends, each with the words of its mail put together from where they are kept."""
    mails = _rows(session, _sends(own))
    numbers = {number for mail in mails for number in line_ids(mail["picks"])}
    found = session.execute(
        select(WrittenCopyRow.id, WrittenCopyRow.fields).where(WrittenCopyRow.id.in_(numbers))
    )
    kept = {row[0]: row[1] for row in found}
    for mail in mails:
        if mail["copy"] is not None:
            lines = [kept[number] for number in line_ids(mail["picks"]) if number]
            mail["copy"] = assembled_fields(mail["copy"], lines)
    return mails


def _sends(own: int) -> Executable:
    return (
        select(
            Campaign.name.label("campaign"), Send.status, Send.reason, Send.personal, Send.tracked,
            Send.picks, WrittenCopyRow.fields.label("copy"), Send.smtp_reply, Send.created_at, Send.sent_at,
        )
        .join(Campaign, Campaign.id == Send.campaign_id)
        .outerjoin(WrittenCopyRow, WrittenCopyRow.id == Send.copy_id)
        .where(Send.customer_id == own)
        .order_by(Send.id)
    )  # fmt: skip


def _resolutions(own: int) -> Executable:
    """What was found out about mails that may not have arrived; who found it out is another person's data."""
    resolution = SendResolution
    return (
        select(
            Campaign.name.label("campaign"), resolution.how, resolution.verdict, resolution.evidence,
            resolution.at,
        )
        .join(Campaign, Campaign.id == resolution.campaign_id)
        .join(Send, (Send.campaign_id == resolution.campaign_id) & (Send.id == resolution.send_id))
        .where(Send.customer_id == own)
        .order_by(resolution.id)
    )  # fmt: skip


def _pictures(own: int) -> Executable:
    return (
        select(
            SlotServe.slot, SlotServe.variant, SlotServe.link, SlotServe.signal, SlotServe.weather,
            SlotServe.served_at, SlotServe.count.label("times"),
        )
        .join(Send, (Send.campaign_id == SlotServe.campaign_id) & (Send.id == SlotServe.send_id))
        .where(Send.customer_id == own)
        .order_by(SlotServe.send_id, SlotServe.slot)
    )  # fmt: skip


def _keys_of_sends(session: Session, own: int) -> list[tuple[int, int]]:
    """(campaign, send) of every mail to this customer."""
    rows = session.execute(select(Send.campaign_id, Send.id).where(Send.customer_id == own))
    return [(row[0], row[1]) for row in rows]


def _about(own: int, sends: list[tuple[int, int]]) -> ColumnElement[bool]:
    # The sends as values and not as a subquery: so both sides of the `or` are found by their index.
    return or_(Event.customer_id == own, Event.send_id.in_([send_id for _, send_id in sends]))


def _events(own: int, sends: list[tuple[int, int]]) -> Executable:
    return (
        select(Event.name, Event.campaign_id, Event.at, Event.machine, Event.detail)
        .where(_about(own, sends))
        .order_by(Event.at, Event.id)
    )


def _rows(session: Session, query: Executable) -> list[dict[str, Any]]:
    return [{key: _plain(value) for key, value in row.items()} for row in session.execute(query).mappings()]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str | dict | list):
        return list(value)
    return value

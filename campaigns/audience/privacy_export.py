"""The right to a copy (GDPR art. 15 and 20): all that the tables hold about a person, ready for JSON.

What flows keep sealed with contexts of their own is added by flows/rights.py. The README documents the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Executable, select
from sqlalchemy.orm import Session

from campaigns.audience.consent import Allowed, why_allowed_all
from campaigns.audience.customers import address_of
from campaigns.audience.privacy import BLANKED
from campaigns.audience.privacy_rows import about, keys_of_sends
from campaigns.audience.suppression import suppressed_by
from campaigns.core.crypto import KeyRing
from campaigns.models import (
    Campaign,
    ClickHours,
    ConsentEntry,
    ConsentState,
    ContactPreference,
    Customer,
    EngagementState,
    Event,
    Favourite,
    OrderLine,
    OrderReturn,
    Product,
    Send,
    SendResolution,
    Signal,
    SlotServe,
    TestMail,
    WrittenCopyRow,
)
from campaigns.models.copy import assembled_fields, line_ids

FORMAT, VERSION = "tailormail customer export", 2


def export_customer(session: Session, keyring: KeyRing, customer: Customer, at: datetime) -> dict[str, Any]:
    """Everything about this customer; moments are ISO 8601, money is a decimal string, hashes are hexadecimal."""
    own = customer.id
    email = address_of(keyring, customer)
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": at.isoformat(),
        "profile": {
            "external_id": customer.external_id,
            "email": email,
            **{name: plain(getattr(customer, name)) for name in BLANKED if not name.startswith("email")},
            "created_at": plain(customer.created_at),
            "updated_at": plain(customer.updated_at),
        },
        "suppressed": _suppressed(session, keyring, email),
        "contact_preferences": rows_of(session, _wishes(own)),
        "favourites": rows_of(session, _favourites(own)),
        "engagement": rows_of(session, _engagement(own)),
        "click_hours": rows_of(session, _click_hours(own)),
        "orders": rows_of(session, _orders(own)),
        "returns": rows_of(session, _returns(own)),
        "signals": rows_of(session, _signals(own)),
        "consents": rows_of(session, _consents(own)),
        "consent_now": rows_of(session, _consent_now(own)),
        "sends": _mails(session, own),
        "resolutions": rows_of(session, _resolutions(own)),
        "pictures_shown": rows_of(session, _pictures(own)),
        "test_mails": rows_of(session, _test_mails(keyring, own, email)),
        "events": rows_of(session, _events(own, keys_of_sends(session, own))),
    }


def rows_of(session: Session, query: Executable) -> list[dict[str, Any]]:
    """The rows of a query, ready for JSON."""
    return [{key: plain(value) for key, value in row.items()} for row in session.execute(query).mappings()]


def plain(value: Any) -> Any:
    """A value of a column, ready for JSON."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, Iterable) and not isinstance(value, str | dict | list):
        return list(value)
    return value


def _suppressed(session: Session, keyring: KeyRing, email: str) -> list[dict[str, Any]]:
    found = suppressed_by(session, keyring, email) if email else []
    return [
        {"domain": one.domain, "reason": one.reason, "source": one.source, "at": one.at.isoformat()}
        for one in found
    ]


def _wishes(own: int) -> Executable:
    chosen = ContactPreference
    columns = (chosen.frequency, chosen.paused_until, chosen.muted_topics, chosen.updated_at)
    return select(*columns).where(chosen.customer_id == own)


def _test_mails(keyring: KeyRing, own: int, email: str) -> Executable:
    """Tests that showed this person's mail to the shop's own people, and those that came to their address."""
    tested = TestMail
    theirs = (tested.customer_id == own) | tested.email_hmac.in_(
        keyring.address_hmacs(email) if email else []
    )
    columns = (tested.campaign_id, tested.state, tested.asked_at, tested.ended_at)
    return select(*columns).where(theirs).order_by(tested.id)


def _favourites(own: int) -> Executable:
    liked = Favourite
    return (
        select(liked.kind, liked.value, liked.at)
        .where(liked.customer_id == own)
        .order_by(liked.kind, liked.value)
    )


def _click_hours(own: int) -> Executable:
    counted = ClickHours
    columns = (counted.clicks.label("clicks_by_hour"), counted.ranked.label("best_hours"), counted.counted_at)
    return select(*columns).where(counted.customer_id == own)


def _engagement(own: int) -> Executable:
    state = EngagementState
    columns = (state.mails.label("mails_without_a_sign"), state.last_human_at, state.state, state.state_at)
    return select(*columns).where(state.customer_id == own)


def _orders(own: int) -> Executable:
    return (
        select(
            OrderLine.order_id, Product.sku, Product.title, OrderLine.quantity, OrderLine.unit_price,
            OrderLine.ordered_at, OrderLine.returned,
        )
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.customer_id == own)
        .order_by(OrderLine.ordered_at, OrderLine.order_id, Product.sku)
    )  # fmt: skip


def _returns(own: int) -> Executable:
    """What of the orders came back, as the shop told it."""
    back = OrderReturn
    return (
        select(back.key, back.order_id, Product.sku, Product.title, back.quantity, back.returned_at)
        .join(Product, Product.id == back.product_id)
        .where(back.customer_id == own)
        .order_by(back.returned_at, back.id)
    )


def _signals(own: int) -> Executable:
    """What the shop told that the person looked at or put into the cart."""
    return (
        select(Signal.key, Signal.kind, Product.sku, Product.title, Signal.at)
        .join(Product, Product.id == Signal.product_id)
        .where(Signal.customer_id == own)
        .order_by(Signal.at, Signal.id)
    )


def _consents(own: int) -> Executable:
    """The whole chain, with what is needed to verify it (audience/ledger.py)."""
    entry = ConsentEntry
    return (
        select(
            entry.position, entry.purpose, entry.action, entry.wording_version, entry.wording, entry.source,
            entry.at, entry.recorded_at, entry.evidence, entry.evidence_salt, entry.evidence_hash,
            entry.previous_hash, entry.hash,
        )
        .where(entry.customer_id == own)
        .order_by(entry.position)
    )  # fmt: skip


def _consent_now(own: int) -> Executable:
    state = ConsentState
    return (
        select(state.purpose, state.granted, state.at, ConsentEntry.position.label("by_position"))
        .join(ConsentEntry, ConsentEntry.id == state.entry_id)
        .where(state.customer_id == own)
        .order_by(state.purpose)
    )


def _mails(session: Session, own: int) -> list[dict[str, Any]]:
    """The sends, each with what was picked and why, its words and who wrote them, and the consent that allowed it."""
    mails = [dict(row) for row in session.execute(_sends(own)).mappings()]
    picked = [pick for mail in mails for pick in mail["picks"] or ()]
    products = _products(session, [int(pick[0]) for pick in picked])
    parts = _parts(session, [mail["copy_id"] for mail in mails if mail["copy_id"]], picked)
    allowed = why_allowed_all(session, own)
    return [_mail(mail, products, parts, allowed) for mail in mails]


def _mail(
    mail: dict[str, Any],
    products: dict[int, tuple[str, str]],
    parts: dict[int, WrittenCopyRow],
    allowed: dict[tuple[int, int], Allowed],
) -> dict[str, Any]:
    because = allowed.get((mail.pop("campaign_id"), mail.pop("id")))
    picks, copy_id = mail.pop("picks"), mail.pop("copy_id")
    told = {name: plain(value) for name, value in mail.items()}
    told["allowed_because"] = _allowed(because) if because and because.action == "granted" else None
    told["picks"] = [_pick(pick, products) for pick in picks or ()]
    head = parts.get(copy_id) if copy_id else None
    lines = [parts[number] for number in line_ids(picks) if number in parts]
    told["copy"] = assembled_fields(head.fields, [line.fields for line in lines]) if head else None
    told["copy_told"] = _told(head)
    told["written_by"] = [_facts(part) for part in (head, *lines) if part is not None]
    return told


def _told(head: WrittenCopyRow | None) -> dict[str, Any] | None:
    """What the writer was told of the reader and the situation; the picks it knew may be those of a mail alike."""
    if head is None or head.facts is None:
        return None
    return {name: value for name, value in head.facts.items() if name != "picks"}


def _allowed(because: Allowed) -> dict[str, Any]:
    """The entry of the ledger, found again by its position among the consents."""
    names = ("position", "purpose", "action", "wording_version", "source", "at", "hash")
    return {name: plain(getattr(because, name)) for name in names}


def _pick(pick: Sequence[Any], products: dict[int, tuple[str, str]]) -> dict[str, Any]:
    sku, title = products.get(int(pick[0]), ("", ""))
    return {"sku": sku, "title": title, "reason": str(pick[1]), "because_of": str(pick[3])}


def _facts(part: WrittenCopyRow) -> dict[str, Any]:
    names = (
        "writer", "model", "prompt_version", "verdicts", "repairs", "offline_fields", "created_at",
    )  # fmt: skip
    return {name: plain(getattr(part, name)) for name in names}


def _products(session: Session, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    found = session.execute(select(Product.id, Product.sku, Product.title).where(Product.id.in_(ids)))
    return {row.id: (row.sku, row.title) for row in found}


def _parts(
    session: Session, heads: Sequence[int], picks: Sequence[Sequence[Any]]
) -> dict[int, WrittenCopyRow]:
    numbers = {*heads, *filter(None, line_ids(picks))}
    return {
        row.id: row for row in session.scalars(select(WrittenCopyRow).where(WrittenCopyRow.id.in_(numbers)))
    }


def _sends(own: int) -> Executable:
    return (
        select(
            Campaign.name.label("campaign"), Campaign.kind, Campaign.topic, Send.status, Send.reason,
            Send.personal, Send.tracked, Send.picks, Send.campaign_id, Send.id,
            Send.copy_id, Send.arm,
            Send.smtp_reply, Send.created_at, Send.sent_at,
        )
        .join(Campaign, Campaign.id == Send.campaign_id)
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
            Campaign.name.label("campaign"), SlotServe.slot, SlotServe.variant, SlotServe.link,
            SlotServe.signal, SlotServe.weather, SlotServe.detail, SlotServe.served_at,
            SlotServe.count.label("times"),
        )
        .join(Send, (Send.campaign_id == SlotServe.campaign_id) & (Send.id == SlotServe.send_id))
        .join(Campaign, Campaign.id == SlotServe.campaign_id)
        .where(Send.customer_id == own)
        .order_by(SlotServe.send_id, SlotServe.slot)
    )  # fmt: skip


def _events(own: int, sends: list[tuple[int, int]]) -> Executable:
    return (
        select(Event.name, Event.campaign_id, Event.at, Event.machine, Event.detail)
        .where(about(own, sends))
        .order_by(Event.at, Event.id)
    )

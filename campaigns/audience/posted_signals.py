"""Views and carts as a shop posts them: only of customers who consented to profiling, and for some weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.audience.posted import (
    Landed,
    customers_of,
    identified,
    products_of,
    unknown_customer,
    unknown_product,
    why_no_moment,
)
from campaigns.models import ConsentState, Signal

KEPT = timedelta(days=60)
"""After this a view or a cart says nothing any more (recommend/feedback.py looks back less far)."""

_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class PostedSignal:
    """`id` is the shop's own number of the event; `kind` one of models.SIGNAL_KINDS."""

    id: str
    kind: str
    customer_id: str
    sku: str
    at: datetime


def keep_signals(session: Session, signals: Sequence[PostedSignal], now: datetime) -> Landed:
    """Keep these views and carts; the same number again changes nothing.

    Of customers without consent to profiling nothing is written down (GDPR art. 5 (1) c): they are counted
    as `unwanted`.
    """
    landed = Landed()
    good = _checked(signals, now, landed)
    customers = customers_of(session, {signal.customer_id for _, signal in good})
    products = products_of(session, {signal.sku.strip() for _, signal in good})
    granted = states(session, customers.values())
    rows = []
    for where, signal in good:
        customer_id, product_id = customers.get(signal.customer_id), products.get(signal.sku.strip())
        if customer_id is None:
            landed.note(where, unknown_customer(signal.customer_id))
        elif product_id is None:
            landed.note(where, unknown_product(signal.sku))
        elif "profiling" not in granted[customer_id]:
            landed.unwanted += 1
        else:
            rows.append(_row(signal, customer_id, product_id))
    if rows:
        rows.sort(key=lambda row: str(row["key"]))
        statement = insert(Signal).values(rows).on_conflict_do_nothing(index_elements=["key"])
        landed.inserted = len(session.execute(statement.returning(Signal.id)).all())
        landed.unchanged = len(rows) - landed.inserted
    return landed


def forget_signals(session: Session, now: datetime, most: int) -> int:
    """Delete up to `most` signals that are too old, or whose customer no longer consents; returns how many."""
    consents = exists().where(
        ConsentState.customer_id == Signal.customer_id,
        ConsentState.purpose == "profiling",
        ConsentState.granted,
    )
    due = select(Signal.id).where((Signal.at < now - KEPT) | ~consents).limit(most)
    gone = session.execute(delete(Signal).where(Signal.id.in_(due)).returning(Signal.id))
    return len(gone.all())


def _checked(
    signals: Sequence[PostedSignal], now: datetime, landed: Landed
) -> list[tuple[str, PostedSignal]]:
    good = []
    for number, signal in enumerate(signals):
        where = f"events[{number}]"
        ids = identified(landed, where, id=signal.id, customer_id=signal.customer_id)
        if ids is None:
            continue
        key, customer_id = ids
        trouble = why_no_moment(signal.at, "at", now, _AHEAD)
        if not trouble and signal.at < now - KEPT:
            trouble = f"at is more than {KEPT.days} days ago, when events are no longer kept"
        if trouble:
            landed.note(where, trouble)
            continue
        good.append((where, PostedSignal(key, signal.kind, customer_id, signal.sku, signal.at)))
    return good


def _row(signal: PostedSignal, customer_id: int, product_id: int) -> dict[str, Any]:
    return {
        "key": signal.id,
        "customer_id": customer_id,
        "product_id": product_id,
        "kind": signal.kind,
        "at": signal.at,
    }

"""What is known of one customer, piece by piece, each read by its index; long lists come a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from campaigns.audience.segment_references import put_in
from campaigns.audience.segments import parse_segment
from campaigns.core.errors import BadInput
from campaigns.models import Customer, KeptSegment, OrderLine, Product

_MOST_SEGMENTS = 100


@dataclass(frozen=True, slots=True)
class OrderView:
    """One line of an order; `line` and `at` name the place in the list, newest first."""

    line: int
    order_id: str
    sku: str
    title: str
    quantity: int
    unit_price: Decimal | None
    currency: str
    at: datetime


def orders_of(
    session: Session, customer_id: int, before: tuple[datetime, int] | None, limit: int
) -> list[OrderView]:
    """Lines of orders, newest first, from after the place `before` (moment, line)."""
    lines = (
        select(
            OrderLine.id,
            OrderLine.order_id,
            Product.sku,
            Product.title,
            OrderLine.quantity,
            OrderLine.unit_price,
            Product.currency,
            OrderLine.ordered_at,
        )
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.customer_id == customer_id)
    )
    if before is not None:
        lines = lines.where(tuple_(OrderLine.ordered_at, OrderLine.id) < before)
    rows = session.execute(lines.order_by(OrderLine.ordered_at.desc(), OrderLine.id.desc()).limit(limit))
    return [OrderView(*row) for row in rows]


def segments_with(session: Session, customer_id: int, now: datetime) -> list[tuple[int, str]]:
    """(number, name) of the kept segments that the customer is in, by name; of at most a hundred segments."""
    kept = session.execute(
        select(KeptSegment.id, KeptSegment.name, KeptSegment.rules)
        .where(KeptSegment.archived_at.is_(None))
        .order_by(KeptSegment.name)
        .limit(_MOST_SEGMENTS)
    ).all()
    conditions, named = [], []
    for number, name, rules in kept:
        try:
            condition = parse_segment(put_in(session, rules)).condition(now)
        except BadInput:
            # Its rules went out of use; its own page says so.
            continue
        conditions.append(condition.label(f"segment_{number}"))
        named.append((number, name))
    if not conditions:
        return []
    held: Sequence[bool] = session.execute(
        select(*conditions).select_from(Customer).where(Customer.id == customer_id)
    ).one()
    return [one for one, holds in zip(named, held, strict=True) if holds]

"""What came back: pieces of an order that a customer returned. They count neither as bought nor as revenue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.posted import Landed, identified, why_no_moment
from campaigns.models import OrderLine, OrderReturn, Product

_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PostedReturn:
    """`quantity` pieces of a product of an order came back; `id` is the shop's own number of the return."""

    id: str
    order_id: str
    sku: str
    quantity: int
    returned_at: datetime


def keep_returns(session: Session, returns: Sequence[PostedReturn], now: datetime) -> Landed:
    """Take pieces off the orders they came from; the same return again changes nothing.

    What is not known, or is more than was bought, is named and left out; the rest lands.
    """
    landed = Landed()
    good = []
    for number, one in enumerate(returns):
        where = f"returns[{number}]"
        ids = identified(landed, where, id=one.id, order_id=one.order_id, sku=one.sku)
        if ids is None:
            continue
        trouble = why_no_moment(one.returned_at, "returned_at", now, _AHEAD)
        if trouble:
            landed.note(where, trouble)
            continue
        good.append((where, PostedReturn(ids[0], ids[1], ids[2], one.quantity, one.returned_at)))
    # In one order for all writers, so that two of them cannot wait for one another.
    for where, one in sorted(good, key=lambda each: (each[1].order_id, each[1].sku, each[1].id)):
        _keep(session, where, one, landed)
    return landed


def _keep(session: Session, where: str, one: PostedReturn, landed: Landed) -> None:
    found = (
        select(OrderLine)
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.order_id == one.order_id, Product.sku == one.sku)
        .order_by(OrderLine.id)
        .with_for_update(of=OrderLine)
    )
    lines = session.scalars(found).all()
    if not lines:
        landed.note(where, "this order has no such product; post the order first")
        return
    known = select(OrderReturn).where(
        OrderReturn.key == one.id, OrderReturn.product_id == lines[0].product_id
    )
    if session.scalar(known) is not None:
        landed.unchanged += 1
        return
    left = sum(line.quantity - line.returned for line in lines)
    if one.quantity > left:
        landed.note(where, f"more came back than was bought: {left} of this product are left in the order")
        return
    row = {
        "key": one.id,
        "order_id": one.order_id,
        "customer_id": lines[0].customer_id,
        "product_id": lines[0].product_id,
        "quantity": one.quantity,
        "returned_at": one.returned_at,
    }
    session.execute(insert(OrderReturn).values(row).on_conflict_do_nothing())
    rest = one.quantity
    for line in lines:
        taken = min(rest, line.quantity - line.returned)
        line.returned += taken
        rest -= taken
    session.flush()
    landed.inserted += 1

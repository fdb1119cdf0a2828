"""Orders as a shop posts them when they are made; kept by the same rules as imported ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.audience.posted import (
    Landed,
    customers_of,
    identified,
    products_of,
    unknown_customer,
    unknown_product,
    why_no_moment,
)

MOST_LINES = 1000
"""Of one order."""

# As in imports: a shop's clock may run ahead a little.
_AHEAD = timedelta(days=1)

_COLUMNS = ("order_id", "product_id", "occurrence", "customer_id", "quantity", "unit_price", "ordered_at")
_TYPES = ("text", "bigint", "smallint", "bigint", "integer", "numeric(12,2)", "timestamptz")
_VALUES = _COLUMNS[3:]
_UNNEST = ", ".join(f"cast(:{name} as {kind}[])" for name, kind in zip(_COLUMNS, _TYPES, strict=True))
_MERGE = text(
    f"""
    with landed as (
        insert into order_lines as t ({", ".join(_COLUMNS)})
        select * from unnest({_UNNEST})
        on conflict (order_id, product_id, occurrence) do update
            set {", ".join(f"{name} = excluded.{name}" for name in _VALUES)}
            where row({", ".join(f"t.{name}" for name in _VALUES)})
                is distinct from row({", ".join(f"excluded.{name}" for name in _VALUES)})
        returning xmax = 0 as fresh
    )
    select count(*) filter (where fresh), count(*) filter (where not fresh) from landed
    """
)


@dataclass(frozen=True, slots=True)
class PostedLine:
    """`quantity` pieces of a product, `unit_price` in the product's currency where it is known."""

    sku: str
    quantity: int = 1
    unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PostedOrder:
    """A whole order: equal products in it are told apart by their order among its lines."""

    order_id: str
    customer_id: str
    ordered_at: datetime
    lines: Sequence[PostedLine]


def keep_orders(session: Session, orders: Sequence[PostedOrder], now: datetime) -> Landed:
    """Insert or update the lines of these orders; what cannot be kept is named, and the rest lands.

    The same order again changes nothing, so that whoever got no answer may simply post it once more.
    """
    landed = Landed()
    good = _checked(orders, now, landed)
    customers = customers_of(session, {order.customer_id for _, order in good})
    products = products_of(session, {line.sku.strip() for _, order in good for line in order.lines})
    rows = []
    for where, order in good:
        if order.customer_id in customers:
            rows += _rows(where, order, customers[order.customer_id], products, landed)
        else:
            landed.note(where, unknown_customer(order.customer_id))
    if rows:
        # In one order for all writers, so that two of them cannot wait for one another.
        rows.sort(key=lambda row: row[:3])
        columns = dict(zip(_COLUMNS, (list(column) for column in zip(*rows, strict=True)), strict=True))
        landed.inserted, landed.updated = session.execute(_MERGE, columns).one()
        landed.unchanged = len(rows) - landed.inserted - landed.updated
    return landed


def _checked(orders: Sequence[PostedOrder], now: datetime, landed: Landed) -> list[tuple[str, PostedOrder]]:
    """The orders that can be kept, each with its place, and with the blanks around their ids gone."""
    good = []
    seen: set[str] = set()
    for number, order in enumerate(orders):
        where = f"orders[{number}]"
        ids = identified(landed, where, order_id=order.order_id, customer_id=order.customer_id)
        if ids is None:
            continue
        order_id, customer_id = ids
        trouble = why_no_moment(order.ordered_at, "ordered_at", now, _AHEAD)
        if order_id in seen:
            trouble = "order_id is there twice in this post; an order is posted as a whole"
        if trouble:
            landed.note(where, trouble)
            continue
        seen.add(order_id)
        good.append((where, PostedOrder(order_id, customer_id, order.ordered_at, order.lines)))
    return good


def _rows(
    where: str, order: PostedOrder, customer_id: int, products: dict[str, int], landed: Landed
) -> list[tuple[Any, ...]]:
    rows = []
    occurrences: Counter[int] = Counter()
    for number, line in enumerate(order.lines):
        product_id = products.get(line.sku.strip())
        if product_id is None:
            landed.note(f"{where}.lines[{number}]", unknown_product(line.sku))
            continue
        occurrences[product_id] += 1
        rows.append(
            (
                order.order_id, product_id, occurrences[product_id], customer_id, line.quantity,
                line.unit_price, order.ordered_at,
            )
        )  # fmt: skip
    return rows

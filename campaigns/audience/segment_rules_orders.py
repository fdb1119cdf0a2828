"""Rules about orders: what was bought, how often, for how much, and when first and last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, not_, select

from campaigns.audience.segment_rules import Condition, Rule, lower_in, overlap
from campaigns.audience.segment_values import (
    amount,
    between_moments,
    bounds,
    days,
    names,
    only_keys,
    whole_number,
)
from campaigns.models import Customer, OrderLine, Product

_PRODUCT_CONDITIONS: dict[str, Callable[[list[str]], ColumnElement[bool]]] = {
    "category": lambda values: lower_in(Product.category, values),
    "brand": lambda values: lower_in(Product.brand, values),
    "sku": lambda values: Product.sku.in_(values),
    "tag": lambda values: overlap(Product.tags, values),
}
_MOST_ORDERS = 1_000_000
_SUM = func.coalesce(func.sum((OrderLine.quantity - OrderLine.returned) * OrderLine.unit_price), Decimal(0))
# What came back altogether counts as never bought.
_KEPT = OrderLine.returned < OrderLine.quantity
_ORDERS = func.count(OrderLine.order_id.distinct())


def _bought(value: Any, path: str) -> Condition:
    what = only_keys(value, (*_PRODUCT_CONDITIONS, "within_days"), path)
    within = days(what.get("within_days"), f"{path}.within_days")
    wanted = {key: names(what[key], f"{path}.{key}") for key in what if key != "within_days"}

    def condition(now: datetime) -> ColumnElement[bool]:
        lines: Select[Any] = select(OrderLine.id).where(OrderLine.customer_id == Customer.id, _KEPT)
        if wanted:
            lines = lines.join(Product, Product.id == OrderLine.product_id)
        for key, values in wanted.items():
            lines = lines.where(_PRODUCT_CONDITIONS[key](values))
        return exists(_since(lines, now, within).correlate(Customer))

    return condition


def _not_bought(value: Any, path: str) -> Condition:
    bought = _bought(value, path)
    return lambda now: not_(bought(now))


def _figure(figure: ColumnElement[Any], read: Callable[[Any, str], Any]) -> Rule:
    """A rule of bounds on one figure of all orders, or of those of the last days."""

    def rule(value: Any, path: str) -> Condition:
        what = only_keys(value, ("at_least", "at_most", "within_days"), path)
        within = days(what.get("within_days"), f"{path}.within_days")
        least, most = bounds(what, read, path)

        def condition(now: datetime) -> ColumnElement[bool]:
            number = _of_customer(figure, now, within)
            if least is not None and most is not None:
                return func.coalesce(number.between(least, most), False)
            return func.coalesce(number >= least if least is not None else number <= most, False)

        return condition

    return rule


def _moment(figure: ColumnElement[Any]) -> Rule:
    """A rule about when an order was; it holds for nobody who has none."""

    def rule(value: Any, path: str) -> Condition:
        span = between_moments(value, path)
        return lambda now: func.coalesce(span(_of_customer(figure, now, None), now), False)

    return rule


def _of_customer(figure: ColumnElement[Any], now: datetime, within: timedelta | None) -> Any:
    lines = select(figure).where(OrderLine.customer_id == Customer.id, _KEPT)
    return _since(lines, now, within).correlate(Customer).scalar_subquery()


def _since(lines: Select[Any], now: datetime, within: timedelta | None) -> Select[Any]:
    return lines.where(OrderLine.ordered_at >= now - within) if within is not None else lines


def _orders(value: Any, path: str) -> int:
    return whole_number(value, 0, _MOST_ORDERS, path)


ORDER_RULES: dict[str, Rule] = {
    "bought": _bought,
    "not_bought": _not_bought,
    "total_spent": _figure(_SUM, amount),
    "orders": _figure(_ORDERS, _orders),
    # Without orders there is no average: the rule holds for nobody who has none.
    "average_order": _figure(_SUM / func.nullif(_ORDERS, 0), amount),
    "first_order": _moment(func.min(OrderLine.ordered_at)),
    "last_order": _moment(func.max(OrderLine.ordered_at)),
}

"""Segments: a small JSON tree of rules, checked and compiled to one SQL condition on customers.

    {}                                                  everybody
    {"all": [rule, ...]}  {"any": [rule, ...]}  {"not": rule}
    {"country": ["Norway", ...]}                        upper and lower case are the same
    {"language": ["de", "pt_BR", ...]}                  the beginning of the locale
    {"bought": {"category"|"sku"|"brand"|"tag": [..], "within_days": N}}   all keys optional, all must hold
    {"not_bought": {...}}                               the same, no such order line
    {"total_spent": {"at_least": x, "at_most": y, "within_days": N}}       bounds included, one is needed
    {"has_purpose": "profiling"}                        grants it now
    {"tag": ["vip", ...]}                               has one of them

Where a list stands, a single value does too. All values are bound parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, cast, exists, func, not_, or_, select, true

from campaigns.audience.segment_values import amount, days, names, only_keys
from campaigns.core.errors import BadInput
from campaigns.models import PURPOSES, ConsentState, Customer, OrderLine, Product

DEEPEST = 12
MOST_RULES = 200

Condition = Callable[[datetime], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Segment:
    """A checked tree; `condition(now)` is true for the customers in it."""

    tree: Mapping[str, Any]
    _condition: Condition

    def condition(self, now: datetime) -> ColumnElement[bool]:
        """The SQL condition on `customers`; `within_days` counts back from `now`."""
        return self._condition(now)


def parse_segment(tree: Any) -> Segment:
    """Check a tree of rules.

    Raises:
        BadInput: `where` is the path of what is wrong, such as `segment.all[1].bought.within_days`.
    """
    return Segment(tree, _Parser().rule(tree, "segment", 0))


class _Parser:
    def __init__(self) -> None:
        self._rules = 0

    def rule(self, tree: Any, path: str, depth: int) -> Condition:
        """The condition of one rule and all below it."""
        self._rules += 1
        if depth > DEEPEST or self._rules > MOST_RULES:
            raise BadInput(f"is too large: at most {MOST_RULES} rules, {DEEPEST} deep", path)
        if not isinstance(tree, Mapping):
            raise BadInput('must be an object with one rule, such as {"country": ["Norway"]}', path)
        if not tree:
            return lambda now: true()
        if len(tree) > 1:
            raise BadInput(f'has {len(tree)} rules; put them into {{"all": [...]}} or {{"any": [...]}}', path)
        [(name, value)] = tree.items()
        if name in ("all", "any"):
            return self._combined(name, value, f"{path}.{name}", depth)
        if name == "not":
            inner = self.rule(value, f"{path}.not", depth + 1)
            return lambda now: not_(inner(now))
        if name not in _RULES:
            known = ", ".join(["all", "any", "not", *_RULES])
            raise BadInput(f'"{str(name)[:40]}" is not a rule; the rules are {known}', path)
        return _RULES[name](value, f"{path}.{name}")

    def _combined(self, name: str, value: Any, path: str, depth: int) -> Condition:
        if not isinstance(value, list) or not value:
            raise BadInput("must be a list of at least one rule", path)
        inner = [self.rule(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
        join = and_ if name == "all" else or_
        return lambda now: join(*(condition(now) for condition in inner)).self_group()


def _country(value: Any, path: str) -> Condition:
    wanted = names(value, path)
    return lambda now: _lower_in(Customer.country, wanted)


def _language(value: Any, path: str) -> Condition:
    wanted = [name.replace("-", "_").lower() for name in names(value, path)]
    locale = func.lower(Customer.locale)
    return lambda now: or_(
        *(or_(locale == name, locale.startswith(f"{name}_", autoescape=True)) for name in wanted)
    )


def _tag(value: Any, path: str) -> Condition:
    wanted = names(value, path)
    return lambda now: _overlap(Customer.tags, wanted)


def _has_purpose(value: Any, path: str) -> Condition:
    if not isinstance(value, str) or value not in PURPOSES:
        raise BadInput(f"must be one of {', '.join(PURPOSES)}", path)
    return lambda now: exists(
        select(ConsentState.customer_id)
        .where(ConsentState.customer_id == Customer.id, ConsentState.purpose == value, ConsentState.granted)
        .correlate(Customer)
    )


def _bought(value: Any, path: str) -> Condition:
    what = only_keys(value, ("category", "sku", "brand", "tag", "within_days"), path)
    within = days(what.get("within_days"), f"{path}.within_days")
    wanted = {key: names(what[key], f"{path}.{key}") for key in what if key != "within_days"}

    def condition(now: datetime) -> ColumnElement[bool]:
        lines: Select[Any] = select(OrderLine.id).where(OrderLine.customer_id == Customer.id)
        if wanted:
            lines = lines.join(Product, Product.id == OrderLine.product_id)
        for key, values in wanted.items():
            lines = lines.where(_PRODUCT_CONDITIONS[key](values))
        return exists(_since(lines, now, within).correlate(Customer))

    return condition


def _not_bought(value: Any, path: str) -> Condition:
    bought = _bought(value, path)
    return lambda now: not_(bought(now))


def _total_spent(value: Any, path: str) -> Condition:
    what = only_keys(value, ("at_least", "at_most", "within_days"), path)
    within = days(what.get("within_days"), f"{path}.within_days")
    bounds = {key: amount(what[key], f"{path}.{key}") for key in ("at_least", "at_most") if key in what}
    if not bounds:
        raise BadInput('needs "at_least" or "at_most"', path)
    if len(bounds) == 2 and bounds["at_least"] > bounds["at_most"]:
        raise BadInput("at_least is more than at_most", path)

    def condition(now: datetime) -> ColumnElement[bool]:
        spent = func.coalesce(func.sum(OrderLine.quantity * OrderLine.unit_price), Decimal(0))
        lines = _since(select(spent).where(OrderLine.customer_id == Customer.id), now, within)
        total = lines.correlate(Customer).scalar_subquery()
        least, most = bounds.get("at_least"), bounds.get("at_most")
        if least is not None and most is not None:
            return total.between(least, most)
        return total >= least if least is not None else total <= most

    return condition


def _since(lines: Select[Any], now: datetime, within: timedelta | None) -> Select[Any]:
    return lines.where(OrderLine.ordered_at >= now - within) if within is not None else lines


def _lower_in(column: Any, wanted: list[str]) -> ColumnElement[bool]:
    # Lower case is made by the database on both sides: Python and PostgreSQL disagree on some letters.
    return or_(*(func.lower(column) == func.lower(name) for name in wanted))


def _overlap(column: Any, wanted: list[str]) -> ColumnElement[bool]:
    return column.op("&&", is_comparison=True)(cast(wanted, ARRAY(Text)))


_RULES: dict[str, Callable[[Any, str], Condition]] = {
    "country": _country,
    "language": _language,
    "bought": _bought,
    "not_bought": _not_bought,
    "total_spent": _total_spent,
    "has_purpose": _has_purpose,
    "tag": _tag,
}
_PRODUCT_CONDITIONS: dict[str, Callable[[list[str]], ColumnElement[bool]]] = {
    "category": lambda values: _lower_in(Product.category, values),
    "brand": lambda values: _lower_in(Product.brand, values),
    "sku": lambda values: Product.sku.in_(values),
    "tag": lambda values: _overlap(Product.tags, values),
}

"""Segments: a small JSON tree of rules, checked and compiled to one SQL condition on customers.

    {}                                                  everybody
    {"all": [rule, ...]}  {"any": [rule, ...]}  {"not": rule}
    {"country"|"city"|"timezone": ["Norway", ...]}      upper and lower case are the same
    {"language": ["de", "pt_BR", ...]}                  the beginning of the locale
    {"tag": ["vip", ...]}                               has one of them
    {"has_purpose": "profiling"}                        grants it now
    {"has_address": true}
    {"added": WHEN}                                     came into the shop's data
    {"near": {"latitude": x, "longitude": y, "km": n, "place": "Oslo"}}    lives so near; the name says nothing
    {"likes": {"category"|"sku": [...]}}                said so; one of the keys is needed
    {"engagement": ["active"|"snoozed"|"asked"|"sunset", ...]}
    {"bought": {"category"|"sku"|"brand"|"tag": [..], "within_days": N}}   all keys optional, all must hold
    {"not_bought": {...}}                               the same, no such order line
    {"total_spent"|"orders"|"average_order": {"at_least": x, "at_most": y, "within_days": N}}
                                                        bounds included, one is needed
    {"first_order"|"last_order": WHEN}
    {"got"|"opened"|"clicked"|"not_opened"|"not_clicked": {"campaign": [12, ...], "within_days": N}}
    {"segment": 7}                                      is put in before it is read here (segment_references.py)

WHEN is {"within_days": N, "more_than_days": N, "after": "2026-01-31", "before": "2026-12-31"}, at least one of them.
Where a list stands, a single value does too. All values are bound parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_, true

from campaigns.audience.segment_rules import CUSTOMER_RULES, Condition
from campaigns.audience.segment_rules_mails import MAIL_RULES
from campaigns.audience.segment_rules_orders import ORDER_RULES
from campaigns.core.errors import BadInput

DEEPEST = 12
MOST_RULES = 200
REFERENCE = "segment"
"""The rule that names a segment that is kept."""

RULES = {**CUSTOMER_RULES, **ORDER_RULES, **MAIL_RULES}
"""All rules but those that combine others."""


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
        if name == REFERENCE:
            raise BadInput("names a kept segment, which has to be put in first", f"{path}.{name}")
        if name not in RULES:
            known = ", ".join(["all", "any", "not", *RULES])
            raise BadInput(f'"{str(name)[:40]}" is not a rule; the rules are {known}', path)
        return RULES[name](value, f"{path}.{name}")

    def _combined(self, name: str, value: Any, path: str, depth: int) -> Condition:
        if not isinstance(value, list) or not value:
            raise BadInput("must be a list of at least one rule", path)
        inner = [self.rule(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
        join = and_ if name == "all" else or_
        return lambda now: join(*(condition(now) for condition in inner)).self_group()

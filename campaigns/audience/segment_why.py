"""Why a customer is in a segment or not: every rule of it, answered for them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import judged_by_reason
from campaigns.audience.limits import values
from campaigns.audience.segment_references import put_in
from campaigns.audience.segments import parse_segment
from campaigns.audience.verdict import standing
from campaigns.models import Customer


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """One rule as it stands in the tree, at a depth (0: the whole), and whether it holds for the customer."""

    rule: Mapping[str, Any]
    depth: int
    holds: bool


@dataclass(frozen=True, slots=True)
class WhyIn:
    """Whether the customer is in the segment, every rule of it, and why they would be held back ("": would not)."""

    inside: bool
    answers: tuple[RuleAnswer, ...]
    reason: str


def why_in(
    session: Session, rules: Mapping[str, Any], customer_id: int, terms: ContactTerms, now: datetime
) -> WhyIn:
    """Answer every rule, in the order in which they stand; a combination comes before its parts.

    Raises:
        BadInput: the rules are wrong.
    """
    found = list(_rules(rules, 0))
    conditions = [parse_segment(put_in(session, rule)).condition(now) for rule, _ in found]
    columns = [condition.label(f"rule_{number}") for number, condition in enumerate(conditions)]
    held = session.execute(select(*columns).select_from(Customer).where(Customer.id == customer_id)).one()
    answers = tuple(
        RuleAnswer(rule, depth, bool(holds)) for (rule, depth), holds in zip(found, held, strict=True)
    )
    return WhyIn(answers[0].holds, answers, reason_of(session, customer_id, terms, now))


def reason_of(session: Session, customer_id: int, terms: ContactTerms, now: datetime) -> str:
    """Why this customer would get no mail of a campaign with these terms now; "" where they would."""
    one = select().select_from(standing()).where(Customer.id == customer_id)
    return str(session.scalar(select(judged_by_reason(one).c.reason), values(terms, now)) or "")


def _rules(rule: Mapping[str, Any], depth: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    yield rule, depth
    for name, value in rule.items():
        if name in ("all", "any"):
            for inner in value:
                yield from _rules(inner, depth + 1)
        elif name == "not" and any(key in value for key in ("all", "any", "not")):
            yield from _rules(value, depth + 1)

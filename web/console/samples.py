"""Customers of a campaign's audience to try a preview with: one of each kind that gets another mail.

Looked for in a fair sample of the customers (ix_customers_sample), so that it takes as long with a million of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.audience.segments import parse_segment
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import PURPOSES, Customer, OrderLine
from campaigns.runtime import Runtime

SAMPLES = 12
_LOOKED_AT = 2000, 10_000
"""So many at first, and so many where hardly anybody of them is in the segment."""

_FITTING = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """A customer as the select shows one: `missing` are the purposes not agreed to, `kind` what they stand for."""

    external_id: str
    name: str
    city: str
    country: str
    language: str
    missing: tuple[str, ...]
    new: bool = False
    latitude: float | None = None
    kind: str = ""

    @property
    def label(self) -> str:
        """One line."""
        place = ", ".join(part for part in (self.city, self.country) if part) or "place unknown"
        kind = f" · {self.kind}" if self.kind else ""
        return f"{self.external_id} · {self.name or 'no name'} · {place} · {self.language}{kind}"


def sample_customers(runtime: Runtime, campaign_id: int) -> list[Sample]:
    """Up to a dozen customers of the segment, one of each kind that there is; those who may be mailed come first.

    Raises:
        NotFound: there is no such campaign.
    """
    with runtime.db.transaction() as session:
        segment = parse_segment(get_campaign(session, campaign_id).segment)
        fits = segment.condition(runtime.clock.now())
        people: list[Sample] = []
        for looked_at in _LOOKED_AT:
            people = _people(session, fits, looked_at)
            if len(people) >= SAMPLES:
                break
        return _of_each_kind(people)


def _people(session: Session, fits: ColumnElement[bool], looked_at: int) -> list[Sample]:
    """Those of the first so many of the sample that fit, at most _FITTING."""
    sample = (
        select(Customer.id)
        .where(Customer.erased_at.is_(None))
        .order_by(func.hashint8(Customer.id))
        .limit(looked_at)
        .subquery()
    )
    bought = exists(select(OrderLine.customer_id).where(OrderLine.customer_id == Customer.id))
    told = Customer.external_id, Customer.first_name, Customer.last_name, Customer.city, Customer.country
    rows = session.execute(
        select(Customer.id, *told, Customer.locale, Customer.latitude, bought.label("bought"))
        .where(Customer.id.in_(select(sample.c.id)), fits)
        .order_by(Customer.id)
        .limit(_FITTING)
    ).all()
    granted = states(session, [row.id for row in rows])
    return [
        Sample(
            row.external_id,
            f"{row.first_name} {row.last_name}".strip(),
            row.city,
            row.country,
            row.locale or "en",
            tuple(purpose for purpose in PURPOSES if purpose not in granted[row.id]),
            not row.bought,
            row.latitude,
        )
        for row in rows
    ]


def _of_each_kind(people: Sequence[Sample]) -> list[Sample]:
    """One of each kind, then others until there are enough; who must not be mailed is worth seeing too, at the end."""
    mailable = [one for one in people if "marketing" not in one.missing]
    chosen: dict[str, Sample] = {}
    for kind, fitting in _kinds(mailable, people):
        found = next((one for one in fitting if one.external_id not in chosen), None)
        if found is not None and len(chosen) < SAMPLES:
            chosen[found.external_id] = _as(found, kind)
    for one in mailable:
        if len(chosen) >= SAMPLES:
            break
        chosen.setdefault(one.external_id, one)
    return sorted(chosen.values(), key=lambda one: "marketing" in one.missing)


def _kinds(mailable: Sequence[Sample], people: Sequence[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    yield "agreed to everything", [one for one in mailable if not one.missing and not one.new]
    for purpose in ("profiling", "open_tracking", "open_location"):
        without = f"no {purpose.replace('_', ' ')}"
        yield (
            without,
            [one for one in mailable if one.missing == (purpose,)]
            or [one for one in mailable if purpose in one.missing],
        )
    yield "new, bought nothing yet", [one for one in mailable if one.new]
    yield "held back: no consent to marketing", [one for one in people if "marketing" in one.missing]
    at = [one for one in mailable if one.latitude is not None]
    yield "farthest north", sorted(at, key=lambda one: -(one.latitude or 0.0))
    yield "farthest south", sorted(at, key=lambda one: one.latitude or 0.0)
    for language in dict.fromkeys(one.language[:2].lower() for one in mailable):
        yield f"reads {language}", [one for one in mailable if one.language[:2].lower() == language]
    yield "place unknown", [one for one in mailable if one.latitude is None]


def _as(one: Sample, kind: str) -> Sample:
    return Sample(
        one.external_id,
        one.name,
        one.city,
        one.country,
        one.language,
        one.missing,
        one.new,
        one.latitude,
        kind,
    )

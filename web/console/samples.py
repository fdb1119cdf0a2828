"""Customers of a campaign's audience to try a preview with: few, and unlike one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.audience.segments import parse_segment
from campaigns.flows.plans import get_campaign
from campaigns.models import PURPOSES, Customer
from campaigns.runtime import Runtime

SAMPLES = 10
_LOOKED_AT = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """A customer as the select shows one: `missing` are the purposes not agreed to."""

    external_id: str
    name: str
    city: str
    country: str
    language: str
    missing: tuple[str, ...]

    @property
    def label(self) -> str:
        """One line."""
        place = ", ".join(part for part in (self.city, self.country) if part) or "place unknown"
        without = f" · no {', no '.join(self.missing)}".replace("_", " ") if self.missing else ""
        return f"{self.external_id} · {self.name or 'no name'} · {place} · {self.language}{without}"


def sample_customers(runtime: Runtime, campaign_id: int) -> list[Sample]:
    """Up to ten customers of the segment; those who may be mailed come first, one of each kind.

    Raises:
        NotFound: there is no such campaign.
    """
    with runtime.db.transaction() as session:
        segment = parse_segment(get_campaign(session, campaign_id).segment)
        people = session.execute(
            select(
                Customer.id,
                Customer.external_id,
                Customer.first_name,
                Customer.last_name,
                Customer.city,
                Customer.country,
                Customer.locale,
            )
            .where(Customer.erased_at.is_(None), segment.condition(runtime.clock.now()))
            .order_by(Customer.id)
            .limit(_LOOKED_AT)
        ).all()
        granted = states(session, [row.id for row in people])
    samples = [
        Sample(
            row.external_id,
            f"{row.first_name} {row.last_name}".strip(),
            row.city,
            row.country,
            row.locale or "en",
            tuple(purpose for purpose in PURPOSES if purpose not in granted[row.id]),
        )
        for row in people
    ]
    return _unlike(samples)


def cities(session: Session) -> list[str]:
    """Cities that customers live in, for the place field."""
    found = select(Customer.city).where(Customer.city != "", Customer.latitude.is_not(None))
    return list(session.scalars(found.distinct().order_by(Customer.city).limit(100)))


def _unlike(samples: Iterable[Sample]) -> list[Sample]:
    mailable_first = sorted(samples, key=lambda sample: "marketing" in sample.missing)
    seen: set[tuple[str, tuple[str, ...]]] = set()
    different: list[Sample] = []
    alike: list[Sample] = []
    for sample in mailable_first:
        kind = (sample.country, sample.missing)
        (alike if kind in seen else different).append(sample)
        seen.add(kind)
    # Nine of the first kind and, if there is one, somebody who must not be mailed: that is worth seeing too.
    chosen = (different + alike)[:SAMPLES]
    refused = next((sample for sample in different if "marketing" in sample.missing), None)
    if refused is not None and refused not in chosen:
        chosen[-1] = refused
    return chosen

"""A few people of an audience for whom a campaign is looked at before it is approved: always the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, not_, select
from sqlalchemy.orm import Session

from campaigns.audience.segments import Segment
from campaigns.models import ConsentState, Customer

_LONGEST = func.char_length(Customer.first_name) + func.char_length(Customer.last_name)


def sample_people(
    session: Session, segment: Segment, now: datetime, languages: Sequence[str]
) -> dict[str, int]:
    """Customer ids of the segment who have an address and agreed to marketing, by what each of them stands for.

    The one with the longest name, one for each language, one without profiling and one without open_tracking; a
    kind that nobody is of is left out, and nobody is named twice.
    """
    allowed = (
        select(Customer.id)
        .where(Customer.erased_at.is_(None), Customer.email_cipher.is_not(None))
        .where(_grants("marketing"), segment.condition(now))
        .limit(1)
    )
    wanted: dict[str, Select[Any]] = {"the longest name": allowed.order_by(_LONGEST.desc(), Customer.id)}
    for language in languages:
        speaks = func.lower(Customer.locale).startswith(language, autoescape=True)
        wanted[f"a customer who reads {language}"] = allowed.where(speaks).order_by(Customer.id)
    for purpose in ("profiling", "open_tracking"):
        without = allowed.where(not_(_grants(purpose))).order_by(Customer.id)
        wanted[f"a customer without {purpose}"] = without
    people: dict[str, int] = {}
    for label, query in wanted.items():
        found = session.scalar(query.where(Customer.id.not_in(people.values())) if people else query)
        if found is not None:
            people[label] = found
    return people


def _grants(purpose: str) -> ColumnElement[bool]:
    return exists(
        select(ConsentState.customer_id)
        .where(ConsentState.customer_id == Customer.id, ConsentState.purpose == purpose, ConsentState.granted)
        .correlate(Customer)
    )

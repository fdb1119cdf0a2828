"""Freezing: an audience becomes sends, unique per campaign and customer, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, Subquery, case, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.limits import values
from campaigns.audience.local_times import DueTimes
from campaigns.audience.segments import Segment
from campaigns.audience.verdict import (
    grants_profiling,
    grants_tracking,
    held_back_reason,
    marketing_entry,
    standing,
)
from campaigns.models import Customer, Send, SendStatus


@dataclass(frozen=True, slots=True)
class FrozenAudience:
    """How many are to be mailed, and how many are not, by reason."""

    planned: int
    held_back: dict[str, int]


def freeze_audience(
    session: Session,
    terms: ContactTerms,
    segment: Segment,
    now: datetime,
    local_time: time | None = None,
    default_zone: str = "UTC",
) -> FrozenAudience:
    """Write one send for each customer of the segment: planned, or held back with the reason.

    With `local_time` a planned send is due when that time comes next on the customer's own clock, or on that
    of `default_zone` where theirs is unknown; without it, at once.

    Repeating it leaves existing sends alone; the counts are those of the sends that this call wrote.
    Erased customers are in no audience. A customer who is held back misses this campaign for good.
    """
    audience = _audience(segment, now)
    due: ColumnElement[Any] = cast(null(), DateTime(timezone=True))
    if local_time is not None:
        due_times = DueTimes(local_time, now, default_zone)
        audience = audience.outerjoin(due_times.zones, due_times.zones.c.zone == Customer.timezone)
        due = due_times.due
    judged = _judged(
        audience.add_columns(
            Customer.id.label("customer_id"),
            marketing_entry().label("entry_id"),
            grants_profiling().label("personal"),
            grants_tracking().label("tracked"),
            due.label("due"),
        )
    )
    reason, allowed = judged.c.reason, judged.c.reason == ""
    rows = select(
        literal(terms.campaign_id),
        judged.c.customer_id,
        case((allowed, SendStatus.PLANNED.value), else_=SendStatus.HELD_BACK.value),
        reason,
        judged.c.entry_id,
        judged.c.personal,
        judged.c.tracked,
        literal(now),
        case((allowed, judged.c.due)),
    )
    columns = [
        "campaign_id", "customer_id", "status", "reason", "consent_entry_id", "personal", "tracked",
        "created_at", "not_before",
    ]  # fmt: skip
    written = (
        insert(Send)
        .from_select(columns, rows.order_by(judged.c.customer_id))
        .on_conflict_do_nothing(index_elements=["campaign_id", "customer_id"])
        .returning(Send.reason)
        .cte("written")
    )
    counts = select(written.c.reason, func.count()).group_by(written.c.reason)
    return _counted(session.connection().execute(counts, values(terms, now)))


def estimate_audience(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime
) -> FrozenAudience:
    """The counts that freezing would give now; nothing is written."""
    reason = _judged(_audience(segment, now)).c.reason
    return _counted(session.execute(select(reason, func.count()).group_by(reason), values(terms, now)))


def audience_page(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime, after: int, limit: int
) -> list[tuple[int, bool]]:
    """The next customers, by number, whom freezing would plan to mail now, each with whether profiling is granted."""
    customers = (
        _audience(segment, now)
        .add_columns(Customer.id, grants_profiling())
        .where(Customer.id > after, held_back_reason(with_waiting=True).is_(None))
        .order_by(Customer.id)
        .limit(limit)
    )
    return [(number, bool(personal)) for number, personal in session.execute(customers, values(terms, now))]


def _judged(audience: Select[Any]) -> Subquery:
    """The audience with the column `reason`, empty for those who may be mailed.

    The offset keeps PostgreSQL from working it out anew wherever it is used: it may look for earlier mails.
    """
    return (
        audience.add_columns(func.coalesce(held_back_reason(with_waiting=True), "").label("reason"))
        .offset(0)
        .subquery()
    )


def _audience(segment: Segment, now: datetime) -> Select[Any]:
    return select().select_from(standing()).where(Customer.erased_at.is_(None), segment.condition(now))


def _counted(rows: Iterable[Any]) -> FrozenAudience:
    counts = dict(map(tuple, rows))
    planned = counts.pop("", 0)
    return FrozenAudience(planned, dict(sorted(counts.items())))

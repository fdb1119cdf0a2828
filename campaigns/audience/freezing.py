"""Freezing: an audience becomes sends, unique per campaign and customer, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, case, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

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
    campaign_id: int,
    segment: Segment,
    now: datetime,
    local_time: time | None = None,
    default_zone: str = "UTC",
) -> FrozenAudience:
    """Write one send for each customer of the segment: planned, or held back with the reason.

    With `local_time` a planned send is due when that time comes next on the customer's own clock, or on that
    of `default_zone` where theirs is unknown; without it, at once.

    Repeating it leaves existing sends alone; the counts are those of the sends that this call wrote.
    Erased customers are in no audience.
    """
    reason = held_back_reason()
    status = case((reason.is_(None), SendStatus.PLANNED.value), else_=SendStatus.HELD_BACK.value)
    audience = _audience(segment, now)
    due: ColumnElement[Any] = cast(null(), DateTime(timezone=True))
    if local_time is not None:
        due_times = DueTimes(local_time, now, default_zone)
        audience = audience.outerjoin(due_times.zones, due_times.zones.c.zone == Customer.timezone)
        due = case((reason.is_(None), due_times.due))
    rows = audience.add_columns(
        literal(campaign_id),
        Customer.id,
        status,
        func.coalesce(reason, ""),
        marketing_entry(),
        grants_profiling(),
        grants_tracking(),
        literal(now),
        due,
    )
    columns = [
        "campaign_id", "customer_id", "status", "reason", "consent_entry_id", "personal", "tracked",
        "created_at", "not_before",
    ]  # fmt: skip
    written = (
        insert(Send)
        .from_select(columns, rows.order_by(Customer.id))
        .on_conflict_do_nothing(index_elements=["campaign_id", "customer_id"])
        .returning(Send.reason)
        .cte("written")
    )
    counts = select(written.c.reason, func.count()).group_by(written.c.reason)
    return _counted(session.connection().execute(counts))


def estimate_audience(session: Session, segment: Segment, now: datetime) -> FrozenAudience:
    """The counts that freezing would give now; nothing is written."""
    reason = func.coalesce(held_back_reason(), "").label("reason")
    rows = _audience(segment, now).add_columns(reason).subquery()
    return _counted(session.execute(select(rows.c.reason, func.count()).group_by(rows.c.reason)))


def _audience(segment: Segment, now: datetime) -> Select[Any]:
    return select().select_from(standing()).where(Customer.erased_at.is_(None), segment.condition(now))


def _counted(rows: Iterable[Any]) -> FrozenAudience:
    counts = dict(map(tuple, rows))
    planned = counts.pop("", 0)
    return FrozenAudience(planned, dict(sorted(counts.items())))

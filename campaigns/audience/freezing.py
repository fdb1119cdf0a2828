"""Freezing: an audience becomes sends, unique per campaign and customer, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    SmallInteger,
    Subquery,
    case,
    cast,
    false,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.arms import HOLDOUT, HOLDOUT_REASON, WAITING, Shares
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
from campaigns.audience.wall_times import TIME_PASSED, WallTimes
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
    shares: Shares | None = None,
    wall: WallTimes | None = None,
) -> FrozenAudience:
    """Write one send for each customer of the segment: planned, or held back with the reason.

    With `local_time` a planned send is due when that time comes next on the customer's own clock, or on that
    of `default_zone` where theirs is unknown; without it, at once; or as `wall` says. With `shares` each planned send is told its arm;
    those of the holdout are held back, and those of later waves wait.

    Repeating it leaves existing sends alone; the counts are those of the sends that this call wrote.
    Erased customers are in no audience. A customer who is held back misses this campaign for good.
    """
    judged = _judged_and_due(segment, now, local_time, default_zone, shares, wall)
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
    if shares is not None:
        rows, columns = rows.add_columns(judged.c.arm), [*columns, "arm"]
    written = (
        insert(Send)
        .from_select(columns, rows.order_by(judged.c.customer_id))
        .on_conflict_do_nothing(index_elements=["campaign_id", "customer_id"])
        .returning(Send.reason)
        .cte("written")
    )
    counts = select(written.c.reason, func.count()).group_by(written.c.reason)
    return _counted(session.connection().execute(counts, values(terms, now)))


def _judged_and_due(
    segment: Segment,
    now: datetime,
    local_time: time | None,
    default_zone: str,
    shares: Shares | None,
    wall: WallTimes | None,
) -> Subquery:
    """The audience with what is written of each: the reason against a mail, when it is due, and the arm."""
    audience, due, late = _due(audience_of(segment, now), now, local_time, default_zone, wall)
    own_times = times_of_arms(shares, now, default_zone)
    for times in own_times.values():
        audience = audience.outerjoin(times.zones, times.zones.c.zone == Customer.timezone)
    judged = judged_by_reason(
        audience.add_columns(
            Customer.id.label("customer_id"),
            marketing_entry().label("entry_id"),
            grants_profiling().label("personal"),
            grants_tracking().label("tracked"),
            due.label("due"),
            late.label("late"),
            *_due_by_arm(own_times),
        )
    )
    if wall is not None:
        judged = _in_time(judged)
    if shares is not None:
        judged = _in_arms(judged, shares)
    return judged


def estimate_audience(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime
) -> FrozenAudience:
    """The counts that freezing would give now; nothing is written."""
    reason = judged_by_reason(audience_of(segment, now)).c.reason
    return _counted(session.execute(select(reason, func.count()).group_by(reason), values(terms, now)))


def audience_page(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime, after: int, limit: int
) -> list[tuple[int, bool]]:
    """The next customers, by number, whom freezing would plan to mail now, each with whether profiling is granted."""
    customers = (
        audience_of(segment, now)
        .add_columns(Customer.id, grants_profiling())
        .where(Customer.id > after, held_back_reason(with_waiting=True).is_(None))
        .order_by(Customer.id)
        .limit(limit)
    )
    return [(number, bool(personal)) for number, personal in session.execute(customers, values(terms, now))]


def judged_by_reason(audience: Select[Any]) -> Subquery:
    """The audience with the column `reason`, empty for those who may be mailed.

    The offset keeps PostgreSQL from working it out anew wherever it is used: it may look for earlier mails.
    """
    return (
        audience.add_columns(func.coalesce(held_back_reason(with_waiting=True), "").label("reason"))
        .offset(0)
        .subquery()
    )


def _due(
    audience: Select[Any], now: datetime, local_time: time | None, default_zone: str, wall: WallTimes | None
) -> tuple[Select[Any], ColumnElement[Any], ColumnElement[bool]]:
    """The audience with what tells when each is due, that time (null: at once), and whether it is too late."""
    if wall is not None:
        return wall.join(audience), wall.due, wall.late
    if local_time is not None:
        times = DueTimes(local_time, now, default_zone)
        return audience.outerjoin(times.zones, times.zones.c.zone == Customer.timezone), times.due, false()
    return audience, cast(null(), DateTime(timezone=True)), false()


def _in_time(judged: Subquery) -> Subquery:
    """The same, with those held back whose time has passed and who are then to be left out."""
    too_late = (judged.c.reason == "") & judged.c.late
    reason = case((too_late, literal(TIME_PASSED)), else_=judged.c.reason).label("reason")
    return select(*(column for column in judged.c if column.key != "reason"), reason).subquery()


def _in_arms(judged: Subquery, shares: Shares) -> Subquery:
    """The same with the column `arm`; the holdout is held back, and who has no arm yet waits for a wave.

    The arm is told only to those who would be mailed, so that holdout and arms are alike in all but the mail.
    """
    arm = case((judged.c.reason == "", shares.arm(judged.c.customer_id)), else_=cast(null(), SmallInteger))
    drawn = select(*judged.c, arm.label("arm")).offset(0).subquery()
    reason = case((drawn.c.arm == HOLDOUT, literal(HOLDOUT_REASON)), else_=drawn.c.reason).label("reason")
    due: ColumnElement[Any] = drawn.c.due
    own = [(drawn.c.arm == arm, drawn.c[due_of(arm)]) for arm, at in enumerate(shares.times) if at]
    waits = [(drawn.c.arm.is_(None), literal(WAITING))] if shares.arms else []
    if waits or own:
        due = case(*waits, *own, else_=due)
    kept = [column for column in drawn.c if column.key not in ("reason", "due")]
    return select(*kept, reason, due.label("due")).subquery()


def times_of_arms(shares: Shares | None, now: datetime, default_zone: str) -> dict[int, DueTimes]:
    """When those arms are due that have a local time of their own."""
    return {
        arm: DueTimes(time.fromisoformat(at), now, default_zone, due_of(arm))
        for arm, at in enumerate(shares.times if shares else ())
        if at
    }


def _due_by_arm(own_times: Mapping[int, DueTimes]) -> list[ColumnElement[Any]]:
    return [times.due.label(due_of(arm)) for arm, times in own_times.items()]


def due_of(arm: int) -> str:
    """The column that has their due time."""
    return f"due_of_arm_{arm}"


def audience_of(segment: Segment, now: datetime) -> Select[Any]:
    """The customers of the segment over `standing()`, without columns."""
    return select().select_from(standing()).where(Customer.erased_at.is_(None), segment.condition(now))


def _counted(rows: Iterable[Any]) -> FrozenAudience:
    counts = dict(map(tuple, rows))
    planned = counts.pop("", 0)
    return FrozenAudience(planned, dict(sorted(counts.items())))

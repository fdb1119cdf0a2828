"""Opening a wave of an experiment: sends that wait are told their arm and when they are due, in one statement."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, DateTime, and_, case, cast, func, null, select, update
from sqlalchemy.orm import Session

from campaigns.audience.arms import WAITING, Shares
from campaigns.audience.freezing import due_of, times_of_arms
from campaigns.audience.local_times import DueTimes
from campaigns.audience.verdict import standing
from campaigns.audience.wall_times import WallTimes
from campaigns.models import Customer, Send, SendStatus


def open_wave(
    session: Session,
    campaign_id: int,
    shares: Shares,
    now: datetime,
    local_time: time | None = None,
    default_zone: str = "UTC",
    wall: WallTimes | None = None,
) -> dict[int, int]:
    """Tell those their arm who wait and whose place lies in this wave; returns how many are in each arm now.

    They are due as they would be if the audience were frozen now; whose time on a day has passed, at once. An arm once
    told never changes: repeated, it finds nobody.
    """
    waiting = and_(
        Send.campaign_id == campaign_id,
        Send.status == SendStatus.PLANNED.value,
        Send.not_before == WAITING,
        Send.arm.is_(None),
    )
    own_times = times_of_arms(shares, now, default_zone)
    due: ColumnElement[Any] = cast(null(), DateTime(timezone=True))
    arm = shares.arm(Send.customer_id)
    if wall is None and local_time is None and not own_times:
        chosen = select(Send.id, arm.label("arm"), due.label("due")).where(waiting)
    else:
        chosen = select().select_from(standing().join(Send, Send.customer_id == Customer.id)).where(waiting)
        if wall is not None:
            chosen, due = wall.join(chosen), wall.due
        elif local_time is not None:
            usual = DueTimes(local_time, now, default_zone)
            chosen = chosen.outerjoin(usual.zones, usual.zones.c.zone == Customer.timezone)
            due = usual.due
        for times in own_times.values():
            chosen = chosen.outerjoin(times.zones, times.zones.c.zone == Customer.timezone)
        chosen = chosen.add_columns(Send.id, arm.label("arm"), due.label("due"))
        chosen = chosen.add_columns(*(times.due.label(due_of(number)) for number, times in own_times.items()))
    drawn = chosen.offset(0).subquery()
    when: ColumnElement[Any] = drawn.c.due
    if own_times:
        when = case(*((drawn.c.arm == number, drawn.c[due_of(number)]) for number in own_times), else_=when)
    told = (
        update(Send)
        .where(Send.campaign_id == campaign_id, Send.id == drawn.c.id, drawn.c.arm.is_not(None))
        .values(arm=drawn.c.arm, not_before=when)
        .returning(Send.arm)
        .cte("told")
    )
    counts = select(told.c.arm, func.count()).group_by(told.c.arm)
    return {int(number): int(n) for number, n in session.connection().execute(counts)}

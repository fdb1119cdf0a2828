"""When each customer is due by their own clock, as SQL: at a time on a day, or at the hour that suits them best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    Select,
    SmallInteger,
    Text,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal,
    null,
    select,
)

from campaigns.audience.verdict import grants_profiling
from campaigns.core.zones import next_local, still_on, zone_named
from campaigns.models import ClickHours, Customer, HourProfile

Stragglers = Literal["at_once", "next_day", "leave_out"]
"""What becomes of customers whose time on that day has passed when the audience is frozen."""

TIME_PASSED = "time_passed"
"""Why those are held back who are left out."""

UNKNOWN_HOUR = 10
"""The hour, on a customer's clock, at which they are mailed where nobody has ever clicked."""

_Moment = DateTime(timezone=True)


class WallTimes(Protocol):
    """When customers are due: `due` (null: at once) and `late` (left out), over an audience given to `join`."""

    due: ColumnElement[Any]
    late: ColumnElement[bool]

    def join(self, audience: Select[Any]) -> Select[Any]:
        """The audience with what `due` and `late` need."""
        ...


class DayTimes:
    """At the time `at` on `day`, on each customer's own clock; `stragglers` says what follows where it has passed."""

    def __init__(self, day: date, at: time, stragglers: Stragglers, now: datetime, default_zone: str) -> None:
        self._rule, self._day, self._at, self._now = stragglers, day, at, now
        names, moments, gone = [], [], []
        for name, zone in _zones():
            due, late = self._of(zone)
            names.append(name)
            moments.append(due)
            gone.append(late)
        self._zones = (
            func.unnest(cast(names, ARRAY(Text)), cast(moments, ARRAY(_Moment)), cast(gone, ARRAY(Boolean)))
            .table_valued(column("zone", Text), column("due", _Moment), column("late", Boolean))
            .render_derived(name="day_times")
        )
        otherwise, late = self._of(_default(default_zone))
        known = self._zones.c.zone.is_not(None)
        self.due: ColumnElement[Any] = case(
            (known, self._zones.c.due), else_=cast(literal(otherwise), _Moment)
        )
        self.late: ColumnElement[bool] = func.coalesce(self._zones.c.late, late)

    def join(self, audience: Select[Any]) -> Select[Any]:
        """The audience with the times of its zones."""
        return audience.outerjoin(self._zones, self._zones.c.zone == Customer.timezone)

    def _of(self, zone: ZoneInfo) -> tuple[datetime | None, bool]:
        """When it is due in this zone, and whether it is too late there."""
        due = still_on(zone, self._day, self._at, self._now)
        if due is not None:
            return due, False
        if self._rule == "next_day":
            return next_local(zone, self._at, self._now), False
        return None, self._rule == "leave_out"


class BestHours:
    """Within a day from `now`, at the hour at which each customer clicks most, on their own clock.

    Where their own clicks are not to be used (no profiling) or are unknown, it is the hour of their time zone, or of
    everybody. `allowed` are the hours that may be taken. Within the hour customers are spread over its minutes.
    """

    def __init__(self, now: datetime, default_zone: str, allowed: Sequence[int]) -> None:
        hours = sorted(set(allowed)) or [UNKNOWN_HOUR]
        names, of_hour, moments = [], [], []
        for name, zone in _zones():
            for hour in hours:
                names.append(name)
                of_hour.append(hour)
                moments.append(_next_hour(zone, hour, now))
        self._zones = (
            func.unnest(
                cast(names, ARRAY(Text)), cast(of_hour, ARRAY(SmallInteger)), cast(moments, ARRAY(_Moment))
            )
            .table_valued(column("zone", Text), column("hour", SmallInteger), column("due", _Moment))
            .render_derived(name="best_times")
        )
        own = case((grants_profiling(), _first_of(ClickHours.ranked, hours)), else_=null())
        of_zone = _of_profile(Customer.timezone, hours)
        of_all = _of_profile(literal(""), hours)
        self._hour = func.coalesce(own, of_zone, of_all, min(hours, key=lambda h: abs(h - UNKNOWN_HOUR)))
        elsewhere = _default(default_zone)
        otherwise = case(
            {hour: cast(literal(_next_hour(elsewhere, hour, now)), _Moment) for hour in hours},
            value=self._hour,
        )
        spread = func.make_interval(0, 0, 0, 0, 0, func.abs(func.hashint8(Customer.id)) % 60)
        self.due: ColumnElement[Any] = func.coalesce(self._zones.c.due, otherwise) + spread
        self.late: ColumnElement[bool] = false()

    def join(self, audience: Select[Any]) -> Select[Any]:
        """The audience with what is known of each customer's hours."""
        same = and_(self._zones.c.zone == Customer.timezone, self._zones.c.hour == self._hour)
        return audience.outerjoin(ClickHours, ClickHours.customer_id == Customer.id).outerjoin(
            self._zones, same
        )


def _of_profile(zone: ColumnElement[Any] | Any, hours: Sequence[int]) -> ColumnElement[Any]:
    return (
        select(_first_of(HourProfile.ranked, hours))
        .where(HourProfile.zone == zone)
        .correlate(Customer)
        .scalar_subquery()
    )


def _first_of(ranked: Any, hours: Sequence[int]) -> ColumnElement[Any]:
    """The first of the ranked hours that may be taken."""
    each = (
        func.unnest(ranked)
        .table_valued(column("hour", SmallInteger), with_ordinality="place", name="ranks")
        .render_derived()
    )
    return (
        select(each.c.hour)
        .where(each.c.hour.in_(hours))
        .order_by(each.c.place)
        .limit(1)
        .correlate(ClickHours, HourProfile)
        .scalar_subquery()
    )


def _next_hour(zone: ZoneInfo, hour: int, now: datetime) -> datetime:
    """When this hour begins next in this zone, or when it began where it is running: so no day is lost."""
    return next_local(zone, time(hour), now - timedelta(minutes=59))


def _zones() -> Iterator[tuple[str, ZoneInfo]]:
    for name in sorted(available_timezones()):
        zone = zone_named(name)
        if zone is not None:
            yield name, zone


def _default(name: str) -> ZoneInfo:
    return zone_named(name) or ZoneInfo("UTC")


def first_moment(day: date, at: time) -> datetime:
    """When clocks show this time on this day first, anywhere."""
    return min(moment for _, moment in _moments(day, at))


def last_moment(day: date, at: time) -> datetime:
    """When they show it last, anywhere."""
    return max(moment for _, moment in _moments(day, at))


def _moments(day: date, at: time) -> Iterator[tuple[str, datetime]]:
    for name, zone in _zones():
        yield name, datetime.combine(day, at, tzinfo=zone).astimezone(UTC)

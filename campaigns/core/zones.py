"""Time zones by name, and when a time of day comes next on the clocks of a place."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=2048)
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA time zone of this name, None where there is none; names come from imported files."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # unknown; a path that leads elsewhere; a folder such as "Europe"
        return None


def next_local(zone: ZoneInfo, at: time, now: datetime) -> datetime:
    """The next moment, not before `now`, at which clocks in `zone` show `at`, in UTC.

    Where clocks are put forward over `at`, it is the moment that would have been `at` on the old time, so
    that nobody is left out. Where they are put back, it is the first of the two that is still to come.
    """
    today = now.astimezone(zone).date()
    for days in (0, 1, 2):
        for fold in (0, 1):
            local = datetime.combine(today + timedelta(days=days), at.replace(fold=fold), tzinfo=zone)
            moment = local.astimezone(UTC)
            # In the hour that is left out, the second reading lies before the first: it is no later chance.
            if moment >= now and not (fold and moment < local.replace(fold=0).astimezone(UTC)):
                return moment
    raise AssertionError(f"{at} does not come in two days")  # every zone has that time on one of them


def moment_on(zone: ZoneInfo, day: date, at: time) -> datetime:
    """The moment at which clocks in `zone` show `at` on this day, in UTC; as in `next_local`, where they are put
    forward over it, or the day is left out altogether (Apia, 30 December 2011), as on the old time, and where they
    are put back, the first of the two.
    """
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)


def still_on(zone: ZoneInfo, day: date, at: time, now: datetime) -> datetime | None:
    """The same, or the second of two where the first has passed; None where it is over.

    `now` itself is not over.
    """
    first = moment_on(zone, day, at)
    if first >= now:
        return first
    second = datetime.combine(day, at.replace(fold=1), tzinfo=zone).astimezone(UTC)
    return second if second >= now and second > first else None

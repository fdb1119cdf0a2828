"""When a campaign comes again: every so many days, weeks or months, in one time zone or by each customer's clock."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule
from pydantic import BaseModel, ConfigDict, Field, StrictInt, field_validator, model_validator

from campaigns.audience.wall_times import first_moment
from campaigns.core.described_file import check_described
from campaigns.core.zones import moment_on, zone_named

AHEAD = timedelta(minutes=15)
"""How long before their first customer is due campaigns by customers' own clocks are begun: audiences are frozen."""

LAST_DAY = -1
MOST_RUNS = 1000
_FREQUENCIES: dict[str, Literal[1, 2, 3]] = {"day": DAILY, "week": WEEKLY, "month": MONTHLY}
# The fewest days that a month may have, so that the last of several days is there in each.
_IN_EVERY_MONTH = 28


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that it comes: the day on the calendar of its zone, and when the scheduler begins it."""

    day: date
    start: datetime


class Recurrence(BaseModel):
    """The column `campaigns.recurrence`, and the table `[series]` of a campaign file.

    `every` so many (`interval`) days, weeks or months from `starts` on, `at` a time in `zone`, or on each customer's
    own clock where the zone is empty. `weekdays`: 0 is Monday. `month_day`: 1 to 31, or -1 for the last; a month that
    is too short has it on its last day. It ends after the day `until`, after `count` times, or when somebody ends it.
    `wait_days`: nobody gets it again in so many days.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["day", "week", "month"]
    interval: StrictInt = Field(1, ge=1, le=52)
    weekdays: tuple[int, ...] = ()
    month_day: StrictInt | None = None
    at: time
    zone: str = ""
    starts: date
    until: date | None = None
    count: StrictInt | None = Field(None, ge=1, le=MOST_RUNS)
    wait_days: StrictInt | None = Field(None, ge=1, le=365)

    @field_validator("weekdays")
    @classmethod
    def _weekdays_are_days(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 <= day <= 6 for day in value):
            raise ValueError("must be days from 0 (Monday) to 6 (Sunday)")
        return tuple(sorted(set(value)))

    @field_validator("month_day")
    @classmethod
    def _month_day_is_one(cls, value: int | None) -> int | None:
        if value is not None and value != LAST_DAY and not 1 <= value <= 31:
            raise ValueError("must be a day from 1 to 31, or -1 for the last")
        return value

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        if value and zone_named(value) is None:
            raise ValueError(f"{value[:60]!r} is no time zone; one is called Europe/Oslo, for example")
        return value

    @field_validator("at")
    @classmethod
    def _at_is_a_time(cls, value: time) -> time:
        if value.tzinfo is not None or value.second or value.microsecond:
            raise ValueError('must be a time in hours and minutes, such as "09:00"')
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Recurrence:
        if self.every == "week" and not self.weekdays:
            raise ValueError("weekdays: choose one at least")
        if self.every == "month" and self.month_day is None:
            raise ValueError("month_day: say on which day of the month")
        if self.until is not None and self.until < self.starts:
            raise ValueError("until: lies before the first day")
        if self.until is not None and self.count is not None:
            raise ValueError("until and count exclude each other: keep one of them")
        return self

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Recurrence:
        """As `as_json` wrote it.

        Raises:
            BadInput: names every wrong field.
        """
        return check_described(cls, dict(stored), "series")

    def as_json(self) -> dict[str, Any]:
        """What differs from the default, JSON-ready."""
        kept: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        return {**kept, "at": f"{self.at:%H:%M}"}

    def after(self, moment: datetime) -> Iterator[Occurrence]:
        """The times that it begins after this moment, in their order, as far as it goes."""
        # A day of one zone may have begun a day before it begins in UTC.
        for naive in self._days().xafter(
            datetime.combine(moment.date() - timedelta(days=2), time()), inc=True
        ):
            found = self._occurrence(naive.date())
            if found.start > moment:
                yield found

    def up_to(self, moment: datetime, after: datetime) -> list[Occurrence]:
        """Those that begin later than `after` and not later than `moment`."""
        found = []
        for one in self.after(after):
            if one.start > moment:
                break
            found.append(one)
        return found

    def between(self, first: datetime, end: datetime) -> list[Occurrence]:
        """Those that begin from `first` up to, not including, `end`."""
        return self.up_to(end - timedelta(microseconds=1), first - timedelta(microseconds=1))

    def _occurrence(self, day: date) -> Occurrence:
        zone = zone_named(self.zone) if self.zone else None
        return Occurrence(day, moment_on(zone, day, self.at) if zone else first_moment(day, self.at) - AHEAD)

    def _days(self) -> rrule:
        """The days, as midnights without a zone."""
        by: dict[str, Any] = {}
        if self.every == "week":
            by["byweekday"] = list(self.weekdays)
        elif self.every == "month":
            day = self.month_day or LAST_DAY
            last = 31 if day == LAST_DAY else day
            # Of the days up to the wanted one, the last that the month has.
            by = {"bymonthday": list(range(min(last, _IN_EVERY_MONTH), last + 1)), "bysetpos": -1}
        until = datetime.combine(self.until, time()) if self.until else None
        return rrule(
            _FREQUENCIES[self.every],
            dtstart=datetime.combine(self.starts, time()),
            interval=self.interval,
            until=until,
            count=self.count,
            cache=False,
            **by,
        )

    @property
    def words(self) -> str:
        """`every Monday and Thursday at 09:00 (Europe/Oslo), until 1 Mar 2027`."""
        where = self.zone or "each customer's own time"
        parts = [f"{self._rhythm()} at {self.at:%H:%M} ({where})"]
        if self.until:
            parts.append(f"until {self.until.day} {self.until:%b %Y}")
        if self.count:
            parts.append("once" if self.count == 1 else f"{self.count} times")
        if self.wait_days:
            parts.append(f"nobody again within {self.wait_days} days")
        return ", ".join(parts)

    def _rhythm(self) -> str:
        if self.every == "day":
            return "every day" if self.interval == 1 else f"every {self.interval} days"
        if self.every == "week":
            names = [day_name[day] for day in self.weekdays]
            listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
            return f"every {listed}" if self.interval == 1 else f"every {self.interval} weeks on {listed}"
        which = "the last day" if self.month_day == LAST_DAY else f"the {_ordinal(self.month_day or 1)}"
        often = "every month" if self.interval == 1 else f"every {self.interval} months"
        return f"on {which} of {often}"


def _ordinal(n: int) -> str:
    ending = "th" if 10 < n < 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"

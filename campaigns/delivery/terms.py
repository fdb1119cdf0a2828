"""The terms on which a campaign goes out: its pace, its weight beside others, and at which hours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

from campaigns.delivery.quiet import QuietHours

_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class DeliveryTerms(BaseModel):
    """The table `[delivery]` of a campaign file, and the column `campaigns.delivery`.

    `per_second`: mails a second at most, of the whole campaign. `weight`: its share beside other campaigns.
    `urgent`: it goes before all campaigns that are not. `local_time`: when each customer is mailed, on their
    own clock; with `local_date` on that day, and `stragglers` says what becomes of those for whom it is over by then.
    `best_hour`: each at the hour at which they click most. `quiet_hours`: from when until when nobody is mailed, on
    their own clock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_second: float | None = Field(None, gt=0, le=1_000_000, allow_inf_nan=False)
    weight: StrictInt = Field(1, ge=1, le=100)
    urgent: StrictBool = False
    local_time: time | None = None
    local_date: date | None = None
    stragglers: Literal["at_once", "next_day", "leave_out"] = "next_day"
    best_hour: StrictBool = False
    quiet_hours: tuple[time, time] | None = None

    @field_validator("per_second", mode="before")
    @classmethod
    def _per_second_is_a_number(cls, value: object) -> object:
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ValueError("must be a number of mails a second, such as 20 or 0.5")
        return value

    @field_validator("local_time", mode="before")
    @classmethod
    def _local_time_is_a_time(cls, value: object) -> time | None:
        return None if value is None else _hour(value)

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _quiet_hours_are_two_times(cls, value: object) -> tuple[time, time] | None:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ValueError('must be two times, such as ["21:00", "08:00"]')
        start, end = _hour(value[0]), _hour(value[1])
        if start == end:
            raise ValueError("must begin and end at different times, or no mail could ever go")
        return start, end

    @model_validator(mode="after")
    def _local_time_is_not_quiet(self) -> DeliveryTerms:
        if self.local_time and self.quiet_hours:
            start, end = self.quiet_hours
            at = self.local_time
            if (start <= at < end) if start < end else (at >= start or at < end):
                raise ValueError(
                    f"local_time {at:%H:%M} lies in the quiet hours {start:%H:%M} to {end:%H:%M}"
                )
        return self

    @model_validator(mode="after")
    def _one_way_of_telling_when(self) -> DeliveryTerms:
        if self.local_date and not self.local_time:
            raise ValueError('local_date needs a local_time as well, such as "09:00"')
        if self.best_hour and self.local_time:
            raise ValueError("local_time and best_hour exclude each other: keep one of them")
        return self

    @property
    def by_own_clocks(self) -> bool:
        """Whether customers are due at times of their own."""
        return self.best_hour or self.local_time is not None

    def hours_allowed(self) -> list[int]:
        """The hours of the day that are not quiet, not even in part; all of them where that would leave none."""
        if self.quiet_hours is None:
            return list(range(24))
        start, end = (at.hour * 60 + at.minute for at in self.quiet_hours)
        length = (end - start) % 1440
        free = [h for h in range(24) if all((60 * h + m - start) % 1440 >= length for m in range(60))]
        return free or list(range(24))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> DeliveryTerms:
        """The terms as `as_json` wrote them; without any key, no limits."""
        return cls.model_validate(dict(stored))

    def as_json(self) -> dict[str, Any]:
        """What differs from the default, JSON-ready; times as "HH:MM"."""
        kept: dict[str, Any] = self.model_dump(exclude_defaults=True)
        if self.local_time is not None:
            kept["local_time"] = f"{self.local_time:%H:%M}"
        if self.local_date is not None:
            kept["local_date"] = self.local_date.isoformat()
        if self.quiet_hours is not None:
            kept["quiet_hours"] = [f"{hour:%H:%M}" for hour in self.quiet_hours]
        return kept

    def quiet(self, default_zone: str) -> QuietHours | None:
        """Answers for each customer whether it is quiet there; None where no hour is."""
        return QuietHours(*self.quiet_hours, default_zone) if self.quiet_hours else None


def _hour(value: object) -> time:
    if isinstance(value, time) and value.tzinfo is None and not value.second and not value.microsecond:
        return value
    found = _HOUR.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError('must be a time in hours and minutes, such as "09:00"')
    return time(int(found[1]), int(found[2]))

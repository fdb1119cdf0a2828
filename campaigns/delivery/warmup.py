"""Warming up: how many mails a new sending domain may send on each of its first days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from campaigns.delivery.bucket_arithmetic import Quota

_DAY = timedelta(days=1)


class WarmUp(BaseModel):
    """From the day `start` (UTC) at most `per_day[0]` mails, on the next day `per_day[1]`, and so on.

    After the list there is no limit; before `start` the domain is not used at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: date
    per_day: tuple[Annotated[int, Field(ge=1, le=100_000_000, strict=True)], ...] = Field(
        min_length=1, max_length=400
    )

    def allowance(self, day: date) -> int | None:
        """Mails on this day; None: no limit."""
        number = (day - self.start).days
        if number < 0:
            return 0
        return self.per_day[number] if number < len(self.per_day) else None

    def quota(self, domain: str, now: datetime) -> Quota | None:
        """What is allowed to `domain` at this moment; None: no limit.

        The days are those of UTC, so that they are the same for every worker and of the same length.
        """
        moment = now.astimezone(UTC)
        most = self.allowance(moment.date())
        if most is None:
            return None
        ends = self.start if most == 0 else moment.date() + _DAY
        left = datetime(ends.year, ends.month, ends.day, tzinfo=UTC) - moment
        return Quota(f"warm-up:{domain}:{moment.date()}", most, left.total_seconds(), domain)

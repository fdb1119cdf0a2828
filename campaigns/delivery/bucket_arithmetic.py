"""What a mail may need to go, and the arithmetic of token buckets: that of buckets.lua, in this process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SECOND = 1_000_000.0  # all moments and spans of this file are microseconds
LATE_SECONDS = 0.25
QUICKEST_DAY = 4 * 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many mails a second, under this name."""

    name: str
    per_second: float

    @property
    def interval(self) -> float:
        """Microseconds from one mail to the next."""
        return SECOND / self.per_second

    @property
    def tolerance(self) -> float:
        """How late a mail may be without delaying the next ones: workers have other things to do as well.

        At most so much, and one mail, goes at once after a rest: never more than `per_second * (t + 0.25) + 1`
        in any `t` seconds.
        """
        return LATE_SECONDS * SECOND


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` mails until `left` seconds from now, spread over them, but for what `subject` sent before.

    `name` names the days of it apart; `subject` is what the count is asked for where it was lost.
    """

    name: str
    most: int
    left: float
    subject: str = ""


Limit = Rate | Quota


@dataclass(slots=True)
class Level:
    """A bucket during one call; `room` infinite for a rate, `left` microseconds for a quota."""

    due: float
    interval: float
    tolerance: float
    room: float = math.inf
    left: float = 0.0

    def start(self, now: float) -> Level:
        """The same, its due time no further ahead than it can be at `now`."""
        self.due = min(self.due, now + self.tolerance + self.interval)
        return self

    def wait(self, now: float) -> float:
        """Microseconds until it has room for a mail; 0 or less: it has."""
        return self.due - self.tolerance - now if self.room > 0 else self.left

    def take(self, now: float) -> None:
        """One mail goes."""
        self.due = max(self.due, now) + self.interval
        self.room -= 1


def quota_interval(most: int, room: float, left: float) -> float:
    """What is left of the day's mails, evenly over what is left of the day, and never all in a moment."""
    return max(left / max(1.0, room), QUICKEST_DAY / max(1, most))


def take(now: float, levels: Sequence[Level], mails: Sequence[Sequence[int]]) -> list[int]:
    """For each mail, which needs the levels of these indexes, 0 where it was taken, else what to wait.

    A refused mail takes nothing; its wait is what it would be if nobody else asked meanwhile.
    """
    later = [Level(level.due, level.interval, level.tolerance, level.room, level.left) for level in levels]
    waits = []
    for needed in mails:
        wait = max((levels[index].wait(now) for index in needed), default=0.0)
        hint = max((later[index].wait(now) for index in needed), default=0.0)
        for index in needed:
            if wait <= 0:
                levels[index].take(now)
            later[index].take(now)
        waits.append(0 if wait <= 0 else max(1, math.ceil(max(wait, hint))))
    return waits

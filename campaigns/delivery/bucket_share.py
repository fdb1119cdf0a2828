"""The share of every limit that one process may use while Redis is away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from campaigns.delivery.bucket_arithmetic import SECOND, Level, Limit, Quota, Rate, quota_interval, take

_TRUSTED_SECONDS = 60.0
_MOST_BUCKETS = 10_000


class LocalShare:
    """Every limit divided by the number of workers, so that all of them together keep it.

    `workers` is expected as long as nothing was heard; a number heard long ago is not trusted to be the
    highest, since this process may have slept while others started.
    """

    def __init__(
        self,
        used_today: Callable[[str], int],
        workers: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._used_today = used_today
        self._expected = workers
        self._monotonic = monotonic
        self._workers = self._parts = 0
        self._heard_at = float("-inf")
        self._due: dict[str, float] = {}
        self._allowed: dict[str, int] = {}  # by quota: how many of the day's mails are this process's
        self._granted: dict[str, int] = {}  # by quota: those it let go that no shared count knows of

    def heard(self, workers: int) -> None:
        """So many processes are alive; what was begun here is forgotten, for the shared buckets hold again."""
        self._workers = max(1, workers)
        self._heard_at = self._monotonic()
        if self._parts:
            self._parts = 0
            self._due.clear()
            self._allowed.clear()

    def granted(self, name: str) -> int:
        """How many mails of a quota went by this share, and are to be told to the shared count."""
        return self._granted.get(name, 0)

    def settle(self, name: str, told: int) -> None:
        """So many of them were told."""
        if told:
            self._granted[name] -= told

    @property
    def parts(self) -> int:
        """Into how many shares the limits are cut; it stays as it was when Redis went away."""
        if not self._parts:
            trusted = self._monotonic() - self._heard_at < _TRUSTED_SECONDS
            self._parts = self._workers if trusted else max(self._workers, self._expected)
        return self._parts

    def take(self, limits: Sequence[Limit], mails: Sequence[Sequence[int]]) -> list[int]:
        """As `Buckets.take`, in microseconds, on the shares of the limits."""
        now = float(round(self._monotonic() * SECOND))
        parts = self.parts
        if len(self._due) > _MOST_BUCKETS:
            # Long past moments say nothing; a limit for every domain makes many of them.
            self._due = {name: due for name, due in self._due.items() if due > now}
        levels = [
            self._rate(limit, parts, now) if isinstance(limit, Rate) else self._quota(limit, parts, now)
            for limit in limits
        ]
        waits = take(now, levels, mails)
        taken = Counter(
            index for wait, needed in zip(waits, mails, strict=True) if not wait for index in needed
        )
        for index, (limit, level) in enumerate(zip(limits, levels, strict=True)):
            if taken[index] or parts > 1:  # one of several begins by waiting, which has to be remembered
                self._due[limit.name] = level.due
            if isinstance(limit, Quota):
                self._granted[limit.name] = self._granted.get(limit.name, 0) + taken[index]
                self._allowed[limit.name] -= taken[index]
        return waits

    def _rate(self, limit: Rate, parts: int, now: float) -> Level:
        share = Rate(limit.name, limit.per_second / parts)
        # All processes lose Redis together: none of them begins with a mail at once, unless it is alone.
        first = now + share.tolerance + (share.interval if parts > 1 else 0.0)
        return Level(self._due.get(limit.name, first), share.interval, share.tolerance).start(now)

    def _quota(self, limit: Quota, parts: int, now: float) -> Level:
        if limit.name not in self._allowed:
            used = self._used_today(limit.subject)
            self._allowed[limit.name] = max(0, limit.most - used) // parts
        room = self._allowed[limit.name]
        left = limit.left * SECOND
        interval = quota_interval(limit.most // parts, room, left)
        first = now + (interval if parts > 1 else 0.0)
        return Level(self._due.get(limit.name, first), interval, 0.0, room, left).start(now)

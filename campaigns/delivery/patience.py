"""How long a process that was asked to end still waits for relays: less than whoever asked it waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

# SIGTERM is promised to be obeyed within 10 s; what remains is for commits, QUIT and the end of the process.
SECONDS_AFTER_STOP = 5.0
OVER = "this process is to end, and the relay keeps it waiting"
# SIGTERM reaches the parent of the worker processes only, and wakes nobody who waits for a relay.
LOOK_SECONDS = 0.25


class Patience:
    """One for all relays of a process. `stopping` says whether it is asked to end."""

    def __init__(
        self, stopping: Callable[[], bool] = lambda: False, seconds: float = SECONDS_AFTER_STOP
    ) -> None:
        self._stopping = stopping
        self._seconds = seconds
        self._until: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is waited for any more."""
        if not self._stopping():
            self._until = None
            return False
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        return time.monotonic() >= self._until

    def slice(self, seconds: float | None) -> float:
        """How long to wait at once, of a wait of so many seconds (None: no limit), before `over` is asked again."""
        return LOOK_SECONDS if seconds is None else min(seconds, LOOK_SECONDS)


ENDLESS = Patience()
"""Of a process that is not asked to end: everything has its usual time."""

"""A breaker: after several outages in a row, a while without calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LONGEST_PAUSE = 600.0


class Breaker:
    """Counts outages in a row; at `threshold` it pauses calls for `pause` seconds, then lets one try.

    Of one process; safe between threads.
    """

    def __init__(
        self, threshold: int = 3, pause: float = 60.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._pause = pause
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._outages = 0
        self._closed_until = float("-inf")

    def allows(self) -> bool:
        """Whether a call may be made now."""
        with self._lock:
            now = self._monotonic()
            if now < self._closed_until:
                return False
            if self._outages >= self._threshold:
                # This caller tries for all; the others wait for what it finds.
                self._closed_until = now + self._pause
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._outages = 0
            self._closed_until = float("-inf")

    def failed(self, retry_after: float | None = None) -> None:
        """The service was away; `retry_after` seconds is what it asked for, if it spoke."""
        with self._lock:
            self._outages += 1
            now = self._monotonic()
            if self._outages >= self._threshold:
                self._closed_until = now + self._pause
            if retry_after is not None:
                self._closed_until = max(self._closed_until, now + min(retry_after, _LONGEST_PAUSE))

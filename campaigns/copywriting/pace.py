"""How many calls of a model are made at once: more while it goes well, half as many when it pushes back.

Additive increase and multiplicative decrease, as TCP does it (RFC 5681); one pace for all threads of a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from campaigns.copywriting.written import SERVICE, Stopped, never
from campaigns.core.errors import ServiceUnavailable

_LOOK_SECONDS = 0.2  # so often somebody who waits looks whether to stop


class Pace:
    """Lets calls begin, at most `most` at once, and none before the server wants to be asked again."""

    def __init__(self, most: int = 1, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = max(most, 1)
        self._monotonic = monotonic
        self._free = threading.Condition()
        self._limit = float(self._most)
        self._in_flight = 0
        self._not_before = float("-inf")
        self._halved_at = float("-inf")

    @property
    def limit(self) -> int:
        """So many calls are allowed at once just now."""
        with self._free:
            return int(self._limit)

    @property
    def in_flight(self) -> int:
        """So many are under way."""
        with self._free:
            return self._in_flight

    @contextmanager
    def turn(self, patience: float, stopping: Callable[[], bool] = never) -> Iterator[float]:
        """Wait until a call may begin; gives the moment at which it did, for `pushed_back`.

        For one's turn among the others one waits as long as it takes: that is no fault of the server. `patience`
        is for how many seconds one waits where the server itself asks to be left alone.

        Raises:
            ServiceUnavailable: the server asks for more than that; says how long it wants to be left alone.
            Stopped: `stopping` said so while waiting.
        """
        with self._free:
            while (wait := self._wait(patience)) > 0:
                if stopping():
                    raise Stopped
                self._free.wait(min(wait, _LOOK_SECONDS))
            if stopping():
                raise Stopped
            self._in_flight += 1
            began = self._monotonic()
        try:
            yield began
        finally:
            with self._free:
                self._in_flight -= 1
                self._free.notify_all()

    def _wait(self, patience: float) -> float:
        """Seconds until it is worth looking again; 0 for go. Called with the lock held."""
        rest = self._not_before - self._monotonic()
        if rest > patience:
            raise ServiceUnavailable(SERVICE, "too many requests", rest)
        if rest > 0:
            return rest
        return 0.0 if self._in_flight < int(self._limit) else _LOOK_SECONDS

    def went_well(self) -> None:
        """A call was answered: one more at once after as many as are allowed now."""
        with self._free:
            self._limit = min(self._limit + 1 / self._limit, float(self._most))
            self._free.notify_all()

    def pushed_back(self, began: float, retry_after: float | None = None) -> None:
        """A call that `began` then was turned away or not answered; all obey its `retry_after` seconds.

        Calls that were under way together count as one: they are news of the same moment.
        """
        with self._free:
            now = self._monotonic()
            if began > self._halved_at:
                self._limit = max(self._limit / 2, 1.0)
                self._halved_at = now
            if retry_after is not None:
                self._not_before = max(self._not_before, now + retry_after)

    def pause(self, seconds: float, stopping: Callable[[], bool] = never) -> None:
        """Wait before the next try of one call, while others go on.

        Raises:
            Stopped: `stopping` said so while waiting.
        """
        until = self._monotonic() + seconds
        with self._free:
            while (left := until - self._monotonic()) > 0:
                if stopping():
                    raise Stopped
                self._free.wait(min(left, _LOOK_SECONDS))

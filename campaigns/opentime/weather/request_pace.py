"""No more requests a second to a service than it permits, from all processes together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import redis

_PREFIX = "tailormail:pace:"
_ALONE_SECONDS = 0.25  # between two requests of a process that cannot see the others


class RequestPace:
    """`take_turn()` returns when the next request may be made.

    Counts the requests of each second in Redis; where that is away, each process keeps a slow pace of its own.
    """

    def __init__(
        self,
        client: Any | None,
        service: str,
        a_second: int,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = client
        self._service = service
        self._a_second = a_second
        self._now = now
        self._sleep = sleep
        self._alone = threading.Lock()
        self._next = 0.0

    def take_turn(self) -> None:
        """Wait as long as it takes; never raises."""
        while (left := self._seconds_left()) > 0:
            self._sleep(left)

    def _seconds_left(self) -> float:
        """0: go ahead, and it is counted; else how long to wait before asking again."""
        now = self._now()
        if self._redis is not None:
            try:
                with self._redis.pipeline(transaction=True) as pipeline:
                    key = f"{_PREFIX}{self._service}:{int(now)}"
                    pipeline.incr(key)
                    pipeline.expire(key, 5)
                    return 0.0 if int(pipeline.execute()[0]) <= self._a_second else 1.0 - now % 1
            except (redis.RedisError, OSError):
                pass
        with self._alone:
            if now < self._next:
                return self._next - now
            self._next = now + _ALONE_SECONDS
            return 0.0

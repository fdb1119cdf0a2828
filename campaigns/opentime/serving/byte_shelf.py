"""Copies of what PostgreSQL holds, kept in Redis for all web processes, so that an open need not ask it.

A copy is never needed: what cannot be read here is read there. So nothing raises, and after a failure Redis is
left alone for a while, since somebody is waiting for a picture.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from campaigns.core.log import get_logger

_log = get_logger(__name__)

_REST_SECONDS = 1.0
_AWAY = (redis.RedisError, OSError, ValueError)  # ValueError: closed as the process ends


class ByteShelf:
    """Bytes by key, below `tailormail:open:<name>:`, each kept for `seconds` after it was last put there."""

    def __init__(self, redis_client: Any, name: str, seconds: int) -> None:
        self._redis = redis_client
        self._prefix = f"tailormail:open:{name}:"
        self._seconds = seconds
        self._rests_until = 0.0

    def get(self, key: str) -> bytes | None:
        """What is kept under this key, None for nothing and while Redis is away."""
        return self.get_all([key])[0]

    def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """The same for several keys, in one round trip."""
        if keys and time.monotonic() >= self._rests_until:
            try:
                found: list[bytes | None] = self._redis.mget([self._prefix + key for key in keys])
                return found
            except _AWAY as error:
                self._rest(error)
        return [None] * len(keys)

    def put_all(self, entries: Mapping[str, bytes]) -> None:
        """Keep these, if Redis is there."""
        if not entries or time.monotonic() < self._rests_until:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for key, body in entries.items():
                    pipeline.set(self._prefix + key, body, ex=self._seconds)
                pipeline.execute()
        except _AWAY as error:
            self._rest(error)

    def remove_all(self, keys: Sequence[str]) -> bool:
        """Keep these no longer; False where Redis is away, and they go only when their time is over."""
        if not keys:
            return True
        try:
            self._redis.delete(*(self._prefix + key for key in keys))
        except _AWAY as error:
            self._rest(error)
            return False
        return True

    def _rest(self, error: Exception) -> None:
        self._rests_until = time.monotonic() + _REST_SECONDS
        _log.info("open_shelf_away", why=type(error).__name__)

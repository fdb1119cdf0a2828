"""How many mails of a campaign were answered in each of the last seconds: for watching, kept in Redis for two minutes.

Seconds are those of Redis, because workers' clocks differ. What must be exact is in the counters (counters.py).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis

from campaigns.core.log import get_logger

log = get_logger(__name__)

SECONDS = 60
_KEPT_SECONDS = 2 * SECONDS
# A worker must not wait for Redis with every group of mails while it is away.
_AWAY_SECONDS = 5.0
_ADD = f"""
    local second = redis.call('TIME')[1]
    redis.call('HINCRBY', KEYS[1], second, ARGV[1])
    if redis.call('HLEN', KEYS[1]) > {_KEPT_SECONDS} then
        for _, old in ipairs(redis.call('HKEYS', KEYS[1])) do
            if tonumber(old) < tonumber(second) - {SECONDS} then redis.call('HDEL', KEYS[1], old) end
        end
    end
    redis.call('EXPIRE', KEYS[1], {_KEPT_SECONDS})
"""
_READ = "return {redis.call('TIME')[1], unpack(redis.call('HGETALL', KEYS[1]))}"


@dataclass(frozen=True, slots=True)
class Pace:
    """Mails a second over the last ten seconds and over the last minute."""

    now: float
    minute: float


class PaceSamples:
    """Adding never fails, and costs one round trip for a group of mails."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._not_before = 0.0

    def add(self, campaign_id: int, mails: int) -> None:
        """So many mails were answered just now; forgotten where Redis is away."""
        if not mails or time.monotonic() < self._not_before:
            return
        try:
            self._redis.eval(_ADD, 1, _key(campaign_id), mails)
        except (redis.RedisError, OSError) as error:
            self._not_before = time.monotonic() + _AWAY_SECONDS
            log.info("pace_not_noted", why=type(error).__name__)

    def of(self, campaign_id: int) -> Pace | None:
        """The pace of the last ten seconds and of the last minute; None where Redis is away.

        The second that is still running is left out.
        """
        try:
            now, *found = (int(value) for value in self._redis.eval(_READ, 1, _key(campaign_id)))
        except (redis.RedisError, OSError):
            return None
        by_second = dict(zip(found[::2], found[1::2], strict=True))
        last = [by_second.get(now - ago, 0) for ago in range(1, SECONDS + 1)]
        begun = next((ago for ago in range(SECONDS, 0, -1) if last[ago - 1]), 1)
        # Whoever began half a minute ago is not half as fast for that.
        return Pace(sum(last[:10]) / min(10, begun), sum(last) / begun)


def _key(campaign_id: int) -> str:
    return f"tailormail:pace:{campaign_id}"

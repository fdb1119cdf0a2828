"""Token buckets that all workers share in Redis, and a share of them that is safe while Redis is away."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import redis

from campaigns.core.log import get_logger
from campaigns.delivery.bucket_arithmetic import SECOND, Limit, Quota, Rate
from campaigns.delivery.bucket_share import LocalShare

_log = get_logger(__name__)

# One hash tag, so that a Redis cluster keeps all buckets on one node: a script may touch only one.
_PREFIX = "tailormail:{pace}:"
_WORKERS = _PREFIX + "workers"
# By the clock of Redis, so that the clocks of hosts do not matter.
_SERVER_CLOCK = "local clock = redis.call('TIME')\nlocal now = clock[1] * 1000000 + clock[2]\n"
_BEAT_SECONDS = 5.0
_FORGET_SECONDS = 90
_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 5.0
_LONGEST_LOCAL_WAIT = 60.0


def nothing_used(subject: str) -> int:
    """For who has no quota, or nobody to ask what was used of it."""
    return 0


class Buckets:
    """Takes tokens for mails. One object belongs to one thread of one process: make it after forking.

    Args:
        redis_client: with short timeouts (0.2 s) and without retries; None: there is only this process.
        used_today: from the subject of a quota to how many mails of it are used up today; asked where
            Redis has no count: for a day's first mail, and after Redis lost its data.
        workers: how many processes to expect while Redis was never heard.
        script: the script, its first line telling `now`; for tests of the arithmetic.
    """

    def __init__(
        self,
        redis_client: redis.Redis | None,
        used_today: Callable[[str], int] = nothing_used,
        *,
        workers: int = 16,
        monotonic: Callable[[], float] = time.monotonic,
        script: str | None = None,
    ) -> None:
        self._redis = redis_client
        self._used_today = used_today
        self._monotonic = monotonic
        self._me = secrets.token_hex(8)
        self._local = LocalShare(used_today, workers if redis_client else 1, monotonic)
        self._away_until = self._last_beat = float("-inf")
        self._rest = _FIRST_REST_SECONDS
        if redis_client is not None:
            self._script = redis_client.register_script(script or shared_script())

    @property
    def shared(self) -> bool:
        """Whether tokens are taken from Redis now; False while this process keeps to its own share."""
        return self._redis is not None and self._monotonic() >= self._away_until

    def take(self, wants: Sequence[Sequence[Limit]]) -> list[float]:
        """For each mail, which needs all the buckets it lists, 0.0 where it may go, else seconds to wait.

        Mails are granted in their order. Nothing is taken for one that has to wait; its wait is what it
        would be if nobody else asked meanwhile. One round trip to Redis, and none while it is away; two
        where the count of a day has to be asked for.
        """
        names = {limit.name: limit for limits in wants for limit in limits}
        if not names:
            return [0.0] * len(wants)
        order = {name: number for number, name in enumerate(names)}
        mails = [tuple(dict.fromkeys(order[limit.name] for limit in limits)) for limits in wants]
        limits = list(names.values())
        waits = self._take_shared(limits, mails) if self.shared else None
        if waits is not None:
            return [wait / SECOND for wait in waits]
        # A day's share may be used up here and not elsewhere: what Redis says, once it is back, counts.
        return [min(wait / SECOND, _LONGEST_LOCAL_WAIT) for wait in self._local.take(limits, mails)]

    def _take_shared(self, limits: Sequence[Limit], mails: Sequence[tuple[int, ...]]) -> list[int] | None:
        """Microseconds to wait, by the script; None where Redis is away."""
        try:
            reply = self._ask(limits, mails, {})
            if reply[0] == b"seed":
                reply = self._ask(limits, mails, self._seeds(limits))
        except (redis.RedisError, OSError) as error:
            self._away_until = self._monotonic() + self._rest
            self._rest = min(2 * self._rest, _LONGEST_REST_SECONDS)
            _log.warning("pace_redis_away", why=type(error).__name__, rest_seconds=self._rest)
            return None
        self._rest = _FIRST_REST_SECONDS
        self._local.heard(int(reply[0]))
        return [int(wait) for wait in reply[1:]]

    def _seeds(self, limits: Sequence[Limit]) -> dict[str, int]:
        return {limit.name: self._used_today(limit.subject) for limit in limits if isinstance(limit, Quota)}

    def _ask(
        self, limits: Sequence[Limit], mails: Sequence[tuple[int, ...]], seeds: dict[str, int]
    ) -> list[Any]:
        now = self._monotonic()
        beat = now >= self._last_beat + _BEAT_SECONDS
        patterns = {mail: number for number, mail in enumerate(dict.fromkeys(mails), start=1)}
        arguments: list[str | float] = [
            self._me,
            "1" if beat else "0",
            _FORGET_SECONDS,
            ";".join(",".join(str(index + 1) for index in mail) or "-" for mail in patterns),
            ",".join(str(patterns[mail]) for mail in mails),
        ]
        debts = {limit.name: self._local.granted(limit.name) for limit in limits if isinstance(limit, Quota)}
        for limit in limits:
            if isinstance(limit, Rate):
                arguments += ["r", repr(limit.interval), repr(limit.tolerance), "", ""]
            else:
                left = repr(limit.left * SECOND)
                arguments += ["q", limit.most, left, seeds.get(limit.name, ""), debts[limit.name]]
        keys = [_WORKERS, *(_PREFIX + limit.name for limit in limits)]
        reply: list[Any] = self._script(keys=keys, args=arguments)
        if reply[0] != b"seed":
            self._last_beat = now if beat else self._last_beat
            for name, debt in debts.items():
                self._local.settle(name, debt)
        return reply


def shared_script(clock: str = _SERVER_CLOCK) -> str:
    """The script of buckets.lua under a first line that tells `now` in microseconds."""
    return clock + files("campaigns.delivery").joinpath("buckets.lua").read_text(encoding="utf-8")

"""Weather within a time budget, whatever is down.

Fresh from the memory of the process, else from Redis, else stale and refreshed behind the answer, else one
try within the budget, else unknown. The service is asked once per cell across all processes, and left alone
after failures.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import redis

from campaigns.core.clock import Clock
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.opentime.place.coordinates import Point, cell_of, on_earth
from campaigns.opentime.weather.open_meteo import POINTS_A_REQUEST
from campaigns.opentime.weather.weather import UNKNOWN_WEATHER, Weather, WeatherSource
from campaigns.opentime.weather.weather_shelf import KEEP_SECONDS, Kept, MemoryShelf, RedisShelf, Shelf

FRESH_SECONDS = 15 * 60
AWAY_SECONDS = 60.0
LONGEST_AWAY_SECONDS = 3600.0
FAILURES_TO_STAY_AWAY = 3
CELLS_IN_MEMORY = 5000

_FLIGHTS_AT_ONCE = 8  # threads of this process; a hanging service must not collect more
_REDIS_REST_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.03
# Somebody has just waited for the service in vain: for this long nobody else does, unless it answers.
_SLOW_SECONDS = 10.0

_log = get_logger(__name__)
_T = TypeVar("_T")


class WeatherCache:
    """Weather by cell of 0.25 degree. No method raises.

    `redis_client` is a `redis.Redis` (with short timeouts and no retries: requests wait for it) or None:
    then memory of this process only. What is fresh is answered from memory without asking Redis.
    `budget_seconds` is how long a request may wait for a cell that nobody knows yet.
    """

    def __init__(
        self, redis_client: Any | None, source: WeatherSource, clock: Clock, budget_seconds: float = 0.4
    ) -> None:
        self._shared = RedisShelf(redis_client) if redis_client is not None else None
        self._memory = MemoryShelf(CELLS_IN_MEMORY)
        self._shared_rests_until = 0.0
        self._slow_until = 0.0
        self._source = source
        self._clock = clock
        self._budget = budget_seconds
        self._slots = threading.BoundedSemaphore(_FLIGHTS_AT_ONCE)

    def at(self, latitude: float, longitude: float) -> Weather:
        """The weather in the cell of this place; UNKNOWN_WEATHER if it cannot be had within the budget."""
        if not on_earth(latitude, longitude):
            return UNKNOWN_WEATHER
        cell = cell_of(latitude, longitude)
        near = self._memory.peek(cell)
        if near is not None and self._now() < near.fresh_until:
            return near.weather
        kept, away = self._look(cell)
        if kept and self._now() < kept.fresh_until:
            return kept.weather
        if kept:
            if not away:
                self._fly(cell)
            # Rain lasts; the sun moves on: day or night is for the caller to compute.
            return replace(kept.weather, is_day=None)
        return UNKNOWN_WEATHER if away else self._try_once(cell)

    def peek(self, latitude: float, longitude: float) -> Weather | None:
        """The weather in the cell of this place if this process knows it and it is fresh: asks nobody."""
        if not on_earth(latitude, longitude):
            return None
        near = self._memory.peek(cell_of(latitude, longitude))
        return near.weather if near is not None and self._now() < near.fresh_until else None

    def warm(self, points: Iterable[Point]) -> int:
        """Fetch the cells of these places that are not fresh, many in one request; returns how many it got.

        Meant for the time of sending: it waits for the service, and stops at its first failure.
        """
        cells = sorted({cell_of(*point) for point in points if on_earth(*point)})
        warmed = 0
        for start in range(0, len(cells), POINTS_A_REQUEST):
            group = cells[start : start + POINTS_A_REQUEST]
            found, away = self._read(group)
            if away:
                break
            now = self._now()
            fresh = {cell for cell, kept in zip(group, found, strict=True) if kept and now < kept.fresh_until}
            wanted = [cell for cell in group if cell not in fresh]
            if wanted and not self._fetch(wanted):
                break
            warmed += len(wanted)
        return warmed

    def _try_once(self, cell: Point) -> Weather:
        """Wait for one flight, ours or another process's, until the budget is spent."""
        deadline = time.monotonic() + self._budget
        ours = self._fly(cell)
        if time.monotonic() < self._slow_until:
            return UNKNOWN_WEATHER
        while (left := deadline - time.monotonic()) > 0:
            if ours:
                ours.wait(left)
            else:
                time.sleep(min(left, _LOOK_AGAIN_SECONDS))
            kept, away = self._look(cell)
            if kept:
                return kept.weather
            if away or (ours and ours.is_set()):
                return UNKNOWN_WEATHER
        self._slow_until = time.monotonic() + _SLOW_SECONDS
        return UNKNOWN_WEATHER

    def _fly(self, cell: Point) -> threading.Event | None:
        """Fetch a cell in a thread; the event is set when it ended. None: another flight is under way."""
        ended = threading.Event()
        if not self._slots.acquire(blocking=False):
            ended.set()
            return ended
        started = False
        try:
            if not self._on_shelf(lambda shelf: shelf.take_off(cell)):
                return None
            threading.Thread(target=self._flight, args=(cell, ended), daemon=True, name="weather").start()
            started = True
        except RuntimeError:  # the machine has no more threads
            self._land(cell)
            ended.set()
        finally:
            if not started:
                self._slots.release()
        return ended

    def _flight(self, cell: Point, ended: threading.Event) -> None:
        try:
            # Looked up before this flight took off: another may have landed in between.
            kept, _ = self._look(cell)
            if kept is None or self._now() >= kept.fresh_until:
                self._fetch([cell])
        finally:
            self._land(cell)
            self._slots.release()
            ended.set()

    def _land(self, cell: Point) -> None:
        self._memory.land(cell)  # also when Redis came back during the flight
        self._on_shelf(lambda shelf: shelf.land(cell))

    def _fetch(self, cells: Sequence[Point]) -> bool:
        """Ask the source and keep what it says; False, and noted in the breaker, if it fails."""
        try:
            found = self._source.at(cells)
            now = self._now()
            # Spread, so that cells fetched together (warmed at sending) do not all expire together.
            kept = [
                (cell, Kept(weather, now, now + FRESH_SECONDS * random.uniform(0.8, 1.2)))
                for cell, weather in zip(cells, found, strict=True)
            ]
        except Exception as error:  # whatever a source raises, the picture goes out
            self._note(error)
            return False
        self._slow_until = 0.0
        self._on_shelf(lambda shelf: shelf.write(kept))
        self._memory.keep(kept)
        return True

    def _note(self, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        if isinstance(error, ServiceUnavailable) and error.retry_after is not None:
            self._leave_alone(error.retry_after, why)
        elif self._on_shelf(lambda shelf: shelf.count_failure()) >= FAILURES_TO_STAY_AWAY:
            self._leave_alone(AWAY_SECONDS, why)
        else:
            _log.info("weather_failed", why=why[:200])

    def _leave_alone(self, seconds: float, why: str) -> None:
        seconds = min(max(seconds, 1.0), LONGEST_AWAY_SECONDS)
        _log.warning("weather_left_alone", seconds=seconds, why=why[:200])
        until = self._now() + seconds
        self._on_shelf(lambda shelf: shelf.leave_alone(until, seconds))

    def _look(self, cell: Point) -> tuple[Kept | None, bool]:
        found, away = self._read([cell])
        return found[0], away

    def _read(self, cells: Sequence[Point]) -> tuple[list[Kept | None], bool]:
        """What is kept and not too old, and whether the service is being left alone."""
        found, away_until = self._on_shelf(lambda shelf: shelf.read(cells))
        now = self._now()
        self._memory.keep([(cell, kept) for cell, kept in zip(cells, found, strict=True) if kept])
        # Of both, what is newer: another process may have fetched since, or Redis have lost what it had.
        newest = [self._memory.peek(cell) for cell in cells]
        usable = [kept if kept and now < kept.at + KEEP_SECONDS else None for kept in newest]
        return usable, now < away_until

    def _on_shelf(self, act: Callable[[Shelf], _T]) -> _T:
        """Act on the shared shelf, or on this process's own while Redis is away."""
        if self._shared is not None and time.monotonic() >= self._shared_rests_until:
            try:
                return act(self._shared)
            except (redis.RedisError, OSError, ValueError) as error:  # ValueError: closed as the process ends
                self._shared_rests_until = time.monotonic() + _REDIS_REST_SECONDS
                _log.warning("weather_redis_away", why=type(error).__name__)
        return act(self._memory)

    def _now(self) -> float:
        return self._clock.now().timestamp()

"""Where weather is kept between requests: Redis, shared by all processes; the memory of each in front of it.

A shelf keeps weather by cell, says which cell is being fetched (one flight), and keeps the breaker: until
when the weather service is left alone. Times are seconds since the epoch of the caller's clock.
"""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from campaigns.opentime.place.coordinates import Point
from campaigns.opentime.weather.weather import Weather

KEEP_SECONDS = 6 * 3600
FLIGHT_SECONDS = 15  # a crashed flight blocks its cell no longer than this
# Longer than the service is left alone: the first failure after that is enough to leave it alone again.
FAILURES_WITHIN_SECONDS = 300

_PREFIX = "tailormail:weather:"
_AWAY = _PREFIX + "away_until"
_FAILURES = _PREFIX + "failures"


@dataclass(frozen=True, slots=True)
class Kept:
    """Weather as it was fetched `at`, to be taken as fresh until `fresh_until`."""

    weather: Weather
    at: float
    fresh_until: float


class Shelf(Protocol):
    """One place to keep weather; RedisShelf raises redis.RedisError where Redis is away."""

    def read(self, cells: Sequence[Point]) -> tuple[list[Kept | None], float]:
        """What is kept of each cell, and until when the service is to be left alone (0: it is not)."""
        ...

    def write(self, kept: Sequence[tuple[Point, Kept]]) -> None:
        """Keep these, land their flights, forget failures."""
        ...

    def take_off(self, cell: Point) -> bool:
        """Become the only one who fetches this cell; False if somebody else is."""
        ...

    def land(self, cell: Point) -> None:
        """Let others fetch this cell."""
        ...

    def leave_alone(self, until: float, seconds: float) -> None:
        """Nobody asks the service for this long."""
        ...

    def count_failure(self) -> int:
        """Failures since the last success (within FAILURES_WITHIN_SECONDS), this one included."""
        ...


class RedisShelf:
    """Shared by all processes."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    def read(self, cells: Sequence[Point]) -> tuple[list[Kept | None], float]:
        blobs = self._redis.mget([_AWAY, *(_key(cell) for cell in cells)])
        return [_load(blob) for blob in blobs[1:]], _load_moment(blobs[0])

    def write(self, kept: Sequence[tuple[Point, Kept]]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for cell, entry in kept:
                pipeline.set(_key(cell), _dump(entry), ex=KEEP_SECONDS)
            pipeline.delete(_FAILURES, *(_flight(cell) for cell, _ in kept))
            pipeline.execute()

    def take_off(self, cell: Point) -> bool:
        return bool(self._redis.set(_flight(cell), b"1", nx=True, ex=FLIGHT_SECONDS))

    def land(self, cell: Point) -> None:
        self._redis.delete(_flight(cell))

    def leave_alone(self, until: float, seconds: float) -> None:
        self._redis.set(_AWAY, str(until), ex=max(1, math.ceil(seconds)))

    def count_failure(self) -> int:
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.incr(_FAILURES)
            pipeline.expire(_FAILURES, FAILURES_WITHIN_SECONDS)
            return int(pipeline.execute()[0])


class MemoryShelf:
    """Of this process only, a bounded number of cells, oldest out first."""

    def __init__(self, cells: int = 1000) -> None:
        self._kept: OrderedDict[Point, Kept] = OrderedDict()
        self._flying: set[Point] = set()
        self._bound = cells
        self._away_until = 0.0
        self._failures = 0
        self._lock = threading.Lock()

    def read(self, cells: Sequence[Point]) -> tuple[list[Kept | None], float]:
        with self._lock:
            return [self._kept.get(cell) for cell in cells], self._away_until

    def write(self, kept: Sequence[tuple[Point, Kept]]) -> None:
        with self._lock:
            self._failures = 0
            for cell, _ in kept:
                self._flying.discard(cell)
        self.keep(kept)

    def peek(self, cell: Point) -> Kept | None:
        """What is kept of a cell; takes no lock, since every request for a picture comes by here."""
        return self._kept.get(cell)

    def keep(self, kept: Sequence[tuple[Point, Kept]]) -> None:
        """Keep what is newer than what is here."""
        with self._lock:
            for cell, entry in kept:
                known = self._kept.get(cell)
                if known is None or known.at < entry.at:
                    self._kept[cell] = entry
                    self._kept.move_to_end(cell)
            while len(self._kept) > self._bound:
                self._kept.popitem(last=False)

    def take_off(self, cell: Point) -> bool:
        with self._lock:
            free = cell not in self._flying
            self._flying.add(cell)
            return free

    def land(self, cell: Point) -> None:
        with self._lock:
            self._flying.discard(cell)

    def leave_alone(self, until: float, seconds: float) -> None:
        with self._lock:
            self._away_until = until

    def count_failure(self) -> int:
        with self._lock:
            self._failures += 1
            return self._failures


def _key(cell: Point) -> str:
    return f"{_PREFIX}cell:{cell[0]:g}:{cell[1]:g}"


def _flight(cell: Point) -> str:
    return f"{_PREFIX}flight:{cell[0]:g}:{cell[1]:g}"


def _dump(kept: Kept) -> str:
    return json.dumps({"at": kept.at, "fresh_until": kept.fresh_until, "weather": kept.weather.to_json()})


def _load(blob: Any) -> Kept | None:
    """None for nothing and for what another version of this program wrote."""
    try:
        raw = json.loads(blob)
        return Kept(Weather.from_json(raw["weather"]), float(raw["at"]), float(raw["fresh_until"]))
    except (ValueError, TypeError, KeyError):
        return None


def _load_moment(blob: Any) -> float:
    try:
        return float(blob or 0)
    except ValueError:
        return 0.0

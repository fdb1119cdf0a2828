"""`python -m benchmarks.egress`: Apple's list of addresses and the gazetteer, in time and memory.

The list is generated: as many rows as Apple's, IPv6 prefixes of /64 within wider ones, IPv4 of /27 to /31,
some twenty thousand cities. Times are of this process alone, so that what else runs counts little.
"""

from __future__ import annotations

import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from campaigns.commands.output import as_json
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.gazetteer import Gazetteer
from campaigns.opentime.place.requester import classify

_WIDE, _V6, _V4 = 2_000, 238_000, 47_000
_SEED = 7
_MAIL = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_T = TypeVar("_T")


def write_list(path: Path) -> int:
    """Write a list as long as Apple's, in no order; returns how many rows it has."""
    rows = [f"2a02:26f7:{n:x}::/48,US,US-CA,County {n}," for n in range(_WIDE)]
    rows += [f"{_v6(n)}:/64,US,US-CA,City {n % 20_000}," for n in range(_V6)]
    rows += [f"{_v4(n)}/{27 + n % 5},DE,DE-BE,Town {n % 3_000}," for n in range(_V4)]
    random.Random(_SEED).shuffle(rows)
    path.write_text("\n".join(rows), encoding="utf-8")
    return len(rows)


def addresses(how_many: int) -> list[str]:
    """Addresses that the list covers, most of them IPv6."""
    chance = random.Random(_SEED)
    v6 = [f"{_v6(chance.randrange(_V6))}:{chance.randrange(1, 65_536):x}" for _ in range(how_many * 4 // 5)]
    return v6 + [_v4(chance.randrange(_V4)) for _ in range(how_many - len(v6))]


def _v6(number: int) -> str:
    """The first half of an address, 119 to each of the wider prefixes."""
    return f"2a02:26f7:{number // 119:x}:{number % 119:x}:"


def _v4(number: int) -> str:
    return f"172.{224 + (number >> 11)}.{number >> 3 & 255}.{(number & 7) << 5}"


def _held(make: Callable[[], _T]) -> float:
    """Megabytes that what is made holds."""
    tracemalloc.start()
    try:
        kept = make()
        held = tracemalloc.get_traced_memory()[0] / 1e6
        del kept
        return round(held, 1)
    finally:
        tracemalloc.stop()


def _timed(make: Callable[[], _T]) -> tuple[_T, float]:
    began = time.process_time()
    made = make()
    return made, round(time.process_time() - began, 2)


def _microseconds(act: Callable[[str], object], asked: list[str]) -> float:
    def once() -> float:
        began = time.process_time()
        for address in asked:
            act(address)
        return (time.process_time() - began) / len(asked) * 1e6

    return round(min(once() for _ in range(5)), 2)


def main() -> None:
    """Measure, and print one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "egress.csv"
        rows = write_list(path)
        apple, apple_seconds = _timed(lambda: AppleEgress.load(path))
        apple_megabytes = _held(lambda: AppleEgress.load(path))
    gazetteer, gazetteer_seconds = _timed(Gazetteer.load)
    asked = addresses(10_000)
    as_json(
        {
            "rows": rows,
            "load_cpu_seconds": apple_seconds,
            "held_megabytes": apple_megabytes,
            "city_microseconds": _microseconds(apple.city, asked),
            "classify_microseconds": _microseconds(
                lambda address: classify(_MAIL, address, apple=apple, seconds_since_delivery=5), asked
            ),
            "gazetteer_cities": len(gazetteer),
            "gazetteer_load_cpu_seconds": gazetteer_seconds,
            "gazetteer_held_megabytes": _held(Gazetteer.load),
        }
    )


if __name__ == "__main__":
    main()

"""Apple's list of egress addresses (Mail Privacy Protection and Private Relay).

Source: Apple's egress-ip-ranges.csv, rows `prefix,country,ISO-region,city,` with an empty last field,
some 287,000 of them. The city is where Apple says the person is, roughly; GeoIP errs on these addresses.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaigns.core.log import get_logger
from campaigns.opentime.networks import NetworkMap

_log = get_logger(__name__)
_already_told: set[Path] = set()

City = tuple[str, str, str]


class AppleEgress:
    """Network prefix -> (country, region, city) as Apple gives them."""

    def __init__(self, rows: Iterable[tuple[str, City]] = ()) -> None:
        numbers: dict[City, int] = {}
        self._networks = NetworkMap((prefix, numbers.setdefault(city, len(numbers))) for prefix, city in rows)
        self._cities = list(numbers)

    @classmethod
    def load(cls, path: Path | None) -> AppleEgress:
        """Read the list. What is missing or malformed is logged once and left out; this never raises."""
        if path is None:
            return cls()
        malformed: list[int] = []
        try:
            with path.open(encoding="utf-8", errors="replace", newline="") as lines:
                loaded = cls(_rows(lines, malformed))
        except (OSError, csv.Error) as error:
            _tell_once(path, why=type(error).__name__)
            return cls()
        bad = len(malformed) + loaded._networks.malformed
        if bad:
            _tell_once(path, why="malformed rows left out", rows=bad, kept=len(loaded))
        return loaded

    def covers(self, address: str | None) -> bool:
        """Whether Apple's servers fetch from this address. Says who asks, not where they are."""
        return self._networks.find(address) is not None

    def city(self, address: str | None) -> City | None:
        """(country, region, city) of the narrowest prefix around this address, None if there is none."""
        number = self._networks.find(address)
        return None if number is None else self._cities[number]

    def __len__(self) -> int:
        return len(self._networks)


def _rows(lines: Iterator[str], malformed: list[int]) -> Iterator[tuple[str, City]]:
    for number, row in enumerate(csv.reader(lines), 1):
        if len(row) >= 4 and "/" in row[0] and len(row[1]) == 2:
            yield row[0], (row[1], row[2], row[3])
        elif row:
            malformed.append(number)


def _tell_once(path: Path, **facts: object) -> None:
    if path not in _already_told:
        _already_told.add(path)
        _log.warning("apple_egress_list_incomplete", path=str(path), **facts)

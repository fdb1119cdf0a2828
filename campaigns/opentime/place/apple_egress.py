"""Apple's list of egress addresses (Mail Privacy Protection and Private Relay).

Source: Apple's egress-ip-ranges.csv, rows `prefix,country,ISO-region,city,` with an empty last field,
some 287,000 of them. The city is where Apple says the person is, roughly; GeoIP errs on these addresses.
"""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaigns.core.log import get_logger
from campaigns.opentime.place.networks import NetworkMap

LOOK_SECONDS = 60.0

_log = get_logger(__name__)
_already_told: set[tuple[Path, str]] = set()

City = tuple[str, str, str]
_Stamp = tuple[int, int, int]


class _Rows:
    """One version of the list; replaced as a whole."""

    def __init__(self, rows: Iterable[tuple[str, City]]) -> None:
        numbers: dict[City, int] = {}
        self.networks = NetworkMap((prefix, numbers.setdefault(city, len(numbers))) for prefix, city in rows)
        self.cities = list(numbers)


class AppleEgress:
    """Network prefix -> (country, region, city) as Apple gives them.

    A list that was read from a file is read again, in a thread, when the file has changed: whoever asks
    gets the old one until the new one is complete, and keeps the old one if nothing can be read.
    """

    def __init__(self, rows: Iterable[tuple[str, City]] = ()) -> None:
        self._rows = _Rows(rows)
        self._path: Path | None = None
        self._stamp: _Stamp | None = None
        self._look_at = float("inf")
        self._reading = threading.Lock()

    @classmethod
    def load(cls, path: Path | None) -> AppleEgress:
        """Read the list. What is missing or malformed is logged once and left out; this never raises."""
        egress = cls()
        if path is not None:
            egress._path = path
            egress._read()
            egress._look_at = time.monotonic() + LOOK_SECONDS
        return egress

    def covers(self, address: str | None) -> bool:
        """Whether Apple's servers fetch from this address. Says who asks, not where they are."""
        if time.monotonic() >= self._look_at:
            self.look()
        return self._rows.networks.find(address) is not None

    def city(self, address: str | None) -> City | None:
        """(country, region, city) of the narrowest prefix around this address, None if there is none."""
        rows = self._rows  # a new list may come in between
        number = rows.networks.find(address)
        return None if number is None else rows.cities[number]

    def cities(self) -> list[City]:
        """All cities of the list, each once."""
        return self._rows.cities

    def look(self) -> threading.Thread | None:
        """Look whether the file has changed (by itself once a minute); the thread that reads it, if it did."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        if self._path is None or _stamp(self._path) == self._stamp:
            return None
        thread = threading.Thread(target=self._read, daemon=True, name="apple-egress")
        try:
            thread.start()
        except RuntimeError:  # the machine has no more threads: next minute
            return None
        return thread

    def _read(self) -> None:
        if self._path is None or not self._reading.acquire(blocking=False):
            return
        try:
            stamp = _stamp(self._path)
            rows = _read_rows(self._path)
            if len(rows.networks) or not len(self):
                self._rows = rows
            self._stamp = stamp
        finally:
            self._reading.release()

    def __len__(self) -> int:
        return len(self._rows.networks)


def _stamp(path: Path) -> _Stamp | None:
    """What differs after the file was written or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read_rows(path: Path) -> _Rows:
    malformed: list[int] = []
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as lines:
            rows = _Rows(_parsed(lines, malformed))
    except (OSError, csv.Error) as error:
        _tell_once(path, why=type(error).__name__)
        return _Rows(())
    bad = len(malformed) + rows.networks.malformed
    if bad:
        _tell_once(path, why="malformed rows left out", rows=bad, kept=len(rows.networks))
    return rows


def _parsed(lines: Iterator[str], malformed: list[int]) -> Iterator[tuple[str, City]]:
    for number, row in enumerate(csv.reader(lines), 1):
        if len(row) >= 4 and "/" in row[0] and len(row[1]) == 2:
            yield row[0], (row[1], row[2], row[3])
        elif row:
            malformed.append(number)


def _tell_once(path: Path, why: str, **facts: int) -> None:
    if (path, why) not in _already_told:
        _already_told.add((path, why))
        _log.warning("apple_egress_list_incomplete", path=str(path), why=why, **facts)

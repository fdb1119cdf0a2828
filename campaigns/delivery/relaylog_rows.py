"""The plain forms into which any relay's log can be turned: CSV with a header, or a JSON object a line.

Fields: `message_id`, `outcome` (queued, delivered, deferred, bounced), `at` (ISO 8601), and perhaps `reply`
("550 5.1.1 no such user"). Other fields are ignored.
"""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import Any

from campaigns.delivery.relaylog_time import LogClock
from campaigns.delivery.relaylog_values import (
    Sighting,
    Sightings,
    Trace,
    Wanted,
    codes_in,
    without_addresses,
)

_TRACES = {
    "queued": Trace.TAKEN,
    "delivered": Trace.DELIVERED,
    "deferred": Trace.DEFERRED,
    "bounced": Trace.BOUNCED,
}
REQUIRED = ("message_id", "outcome", "at")


class _Rows:
    """What both forms share: a row as a mapping of strings."""

    def __init__(self, wanted: Wanted, clock: LogClock, sightings: Sightings) -> None:
        self._wanted = wanted
        self._clock = clock
        self._sightings = sightings

    def _take(self, row: dict[str, Any]) -> bool:
        trace = _TRACES.get(str(row.get("outcome") or "").strip().lower())
        at = self._clock.at(str(row.get("at") or "").strip())
        if trace is None or at is None or not row.get("message_id"):
            return False
        key = self._wanted.identify(str(row["message_id"]).strip())
        if key is not None:
            reply = str(row.get("reply") or "")
            code, enhanced = codes_in(reply)
            self._sightings.note(key, Sighting(trace, at, without_addresses(reply), code, enhanced))
        return True


class JsonLines(_Rows):
    """One JSON object a line."""

    name = "JSON lines"

    def read(self, line: str) -> bool:
        """See `LineReader`."""
        row = _json_object(line)
        return row is not None and self._take(row)

    def time_of(self, line: str) -> datetime | None:
        """See `LineReader`."""
        return self._clock.at(str((_json_object(line) or {}).get("at") or "").strip())


class CsvRows(_Rows):
    """CSV, one line a row; the header may stand again at the top of each file."""

    name = "CSV"

    def __init__(self, wanted: Wanted, clock: LogClock, sightings: Sightings) -> None:
        super().__init__(wanted, clock, sightings)
        self._header: list[str] = []

    def read(self, line: str) -> bool:
        """See `LineReader`."""
        cells = _cells(line)
        if set(REQUIRED) <= set(cells):
            self._header = cells
            return True
        return len(cells) == len(self._header) and self._take(dict(zip(self._header, cells, strict=True)))

    def time_of(self, line: str) -> datetime | None:
        """See `LineReader`."""
        cells = _cells(line)
        if "at" not in self._header or len(cells) != len(self._header):
            return None
        return self._clock.at(cells[self._header.index("at")])


def _cells(line: str) -> list[str]:
    # A line at a time: a reply with a line break in it has no place in a log.
    try:
        return [cell.strip() for cell in next(csv.reader([line.lstrip("\ufeff")]), [])]
    except csv.Error:
        return []


def _json_object(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

"""What an image request has to know of a customer: what they allow, where they live, what describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass

# The first number of each record. Raise it when the fields change: records of other versions are not read.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class OpenState:
    """A customer's state at one moment.

    `version` tells which of two states of one customer is the newer one. `tracking` and `location` are the
    consents to `open_tracking` and `open_location`. The home is in degrees, rounded to 0.1. Where `tracking`
    is not granted nothing else is known: what may not be used is not carried around either.
    """

    version: int = 0
    tracking: bool = False
    location: bool = False
    latitude: float | None = None
    longitude: float | None = None
    country: str = ""
    timezone: str = ""
    language: str = "en"
    tags: frozenset[str] = frozenset()

    def to_bytes(self) -> bytes:
        """As JSON, `[format, version, ...]`; the version is the second number in every format."""
        record: list[object] = [_FORMAT, self.version, int(self.tracking)]
        if self.tracking:
            record += [
                int(self.location),
                self.latitude,
                self.longitude,
                self.country,
                self.timezone,
                self.language,
                sorted(self.tags),
            ]
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")

    @classmethod
    def from_bytes(cls, raw: bytes | None) -> OpenState | None:
        """The reverse of `to_bytes`; None for nothing, and for what another version of this program wrote."""
        try:
            form, version, tracking, *rest = json.loads(raw or b"")
            if form != _FORMAT:
                return None
            if not tracking:
                return cls(int(version))
            location, latitude, longitude, country, timezone, language, tags = rest
            return cls(
                version=int(version),
                tracking=True,
                location=bool(location),
                latitude=None if latitude is None else float(latitude),
                longitude=None if longitude is None else float(longitude),
                country=str(country),
                timezone=str(timezone),
                language=str(language),
                tags=frozenset(map(str, tags)),
            )
        except (ValueError, TypeError):
            return None


WITHDRAWN = OpenState()
"""Somebody who allows nothing, or of whom nothing is known."""

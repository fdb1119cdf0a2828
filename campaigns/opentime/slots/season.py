"""Seasons by month and hemisphere, as meteorologists count them: winter in the north begins on 1 December."""

from __future__ import annotations

_NORTHERN = {
    "winter": (12, 1, 2),
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
}
SEASONS = tuple(_NORTHERN)
_BY_MONTH = {month: season for season, months in _NORTHERN.items() for month in months}


def season_of(month: int, latitude: float | None) -> str:
    """The season of a month (1 to 12) at a latitude in degrees; the northern one where that is not known."""
    southern = latitude is not None and latitude < 0
    return _BY_MONTH[(month + 5) % 12 + 1 if southern else month]


def months_of(season: str) -> frozenset[int]:
    """The months that this season has in the north or in the south."""
    northern = _NORTHERN[season]
    return frozenset(northern) | {(month + 5) % 12 + 1 for month in northern}

"""The language of slot rules: a table of conditions that must all hold.

Each key stands in `_KINDS` with how it is read and when it holds. A condition on something that is not known
does not hold: no picture is chosen by a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime import slot_fields as fields
from campaigns.opentime.facts import OpenFacts
from campaigns.opentime.weather import Condition

_OF_WEATHER = frozenset({"weather", "temperature_below", "temperature_above", "wind_above"})


@dataclass(frozen=True, slots=True)
class _Kind:
    read: Callable[[Any, str], Any]
    holds: Callable[[Any, OpenFacts], bool]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of `wanted`, pairs of key and value, in the order they were written."""

    wanted: tuple[tuple[str, Any], ...]

    @classmethod
    def parse(cls, raw: object, where: str) -> Conditions:
        """Read a `when` table of a campaign file or of `to_json`.

        Raises:
            BadInput: naming `where` and the field.
        """
        given = fields.table(raw, where)
        if not given:
            raise BadInput("has no condition: what always holds belongs into the slot's default", where)
        fields.only_keys(given, _KINDS, where)
        wanted = {key: _KINDS[key].read(value, f"{where}.{key}") for key, value in given.items()}
        _refuse_never(wanted, "temperature_above", "temperature_below", where)
        _refuse_never(wanted, "after", "before", where)
        return cls(tuple(wanted.items()))

    def hold(self, facts: OpenFacts) -> bool:
        """Whether all of them hold."""
        return all(_KINDS[key].holds(value, facts) for key, value in self.wanted)

    @property
    def ask_weather(self) -> bool:
        """Whether the weather has to be known to decide them."""
        return any(key in _OF_WEATHER for key, _ in self.wanted)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields that `parse` reads again."""
        return {key: _plain(value) for key, value in self.wanted}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _refuse_never(wanted: Mapping[str, Any], low: str, high: str, where: str) -> None:
    if low in wanted and high in wanted and wanted[low] >= wanted[high]:
        raise BadInput(f"{low} and {high} never hold together", where)


def _weathers(value: Any, where: str) -> tuple[Condition, ...]:
    names = [str(entry) for entry in fields.some(value, where)]
    for name in names:
        if name not in Condition.__members__.values():
            raise BadInput(f"there is no weather {name!r}; there are {', '.join(Condition)}", where)
    return tuple(Condition(name) for name in names)


def _daylight(value: Any, where: str) -> str:
    if value not in ("day", "night"):
        raise BadInput('expects "day" or "night"', where)
    return str(value)


def _countries(value: Any, where: str) -> tuple[str, ...]:
    for entry in fields.some(value, where):
        if not (isinstance(entry, str) and len(entry) == 2 and entry.isascii() and entry.isalpha()):
            raise BadInput("expects two-letter country codes like NO", where)
    return tuple(entry.upper() for entry in value)


def _hours(value: Any, where: str) -> tuple[int, int]:
    whole = isinstance(value, list) and all(type(hour) is int and 0 <= hour <= 24 for hour in value)
    if not whole or len(value) != 2 or value[0] % 24 == value[1] % 24:
        raise BadInput("expects two different hours from 0 to 24, like [18, 6] for the night", where)
    return value[0], value[1]


def _months(value: Any, where: str) -> tuple[int, ...]:
    for entry in fields.some(value, where):
        if type(entry) is not int or not 1 <= entry <= 12:
            raise BadInput("expects months as numbers from 1 to 12", where)
    return tuple(value)


def _tags(value: Any, where: str) -> tuple[str, ...]:
    for entry in fields.some(value, where):
        if not isinstance(entry, str) or not entry.strip():
            raise BadInput("expects tags as text", where)
    return tuple(entry.strip() for entry in value)


def _below(limit: float, value: float | None) -> bool:
    return value is not None and value < limit


def _above(limit: float, value: float | None) -> bool:
    return value is not None and value > limit


def _temperature(facts: OpenFacts) -> float | None:
    return facts.weather.temperature_c if facts.weather else None


def _wind(facts: OpenFacts) -> float | None:
    return facts.weather.wind_kmh if facts.weather else None


def _within_hours(span: tuple[int, int], facts: OpenFacts) -> bool:
    if facts.local_time is None:
        return False
    first, end = span
    hour = facts.local_time.hour
    return first <= hour < end if first < end else hour >= first or hour < end


def _within_months(months: tuple[int, ...], facts: OpenFacts) -> bool:
    return (facts.local_time or facts.now).month in months


_KINDS: dict[str, _Kind] = {
    "weather": _Kind(_weathers, lambda names, facts: facts.condition in names),
    "temperature_below": _Kind(fields.number, lambda limit, facts: _below(limit, _temperature(facts))),
    "temperature_above": _Kind(fields.number, lambda limit, facts: _above(limit, _temperature(facts))),
    "wind_above": _Kind(fields.number, lambda limit, facts: _above(limit, _wind(facts))),
    "daylight": _Kind(_daylight, lambda name, facts: facts.daylight is (name == "day")),
    "country": _Kind(_countries, lambda codes, facts: facts.country_there in codes),
    "local_hour": _Kind(_hours, _within_hours),
    "months": _Kind(_months, _within_months),
    "after": _Kind(fields.moment, lambda moment, facts: facts.now >= moment),
    "before": _Kind(fields.moment, lambda moment, facts: facts.now < moment),
    "tags": _Kind(_tags, lambda tags, facts: not facts.tags.isdisjoint(tags)),
}

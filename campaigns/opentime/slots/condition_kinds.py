"""Each condition a slot rule can name: how it is read, when it holds, and what has to be known for it.

A condition on something that is not known does not hold: no picture is chosen by a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime.slots import slot_fields as fields
from campaigns.opentime.slots.areas import Around, Box, around, box
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.season import SEASONS, season_of
from campaigns.opentime.weather.weather import Condition

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MOST_SKUS = 20


@dataclass(frozen=True, slots=True)
class ConditionKind:
    """`weather` and `place` say whether those have to be known before it can be decided."""

    read: Callable[[Any, str], Any]
    holds: Callable[[Any, OpenFacts], bool]
    weather: bool = False
    place: bool = False


def _of_weather(read: Callable[[Any, str], Any], holds: Callable[[Any, OpenFacts], bool]) -> ConditionKind:
    return ConditionKind(read, holds, weather=True, place=True)


def _of_place(read: Callable[[Any, str], Any], holds: Callable[[Any, OpenFacts], bool]) -> ConditionKind:
    return ConditionKind(read, holds, place=True)


def _names(known: Collection[str], what: str) -> Callable[[Any, str], tuple[str, ...]]:
    """Reads a list of names out of `known`."""

    def read(value: Any, where: str) -> tuple[str, ...]:
        for entry in fields.some(value, where):
            if not isinstance(entry, str) or entry not in known:
                raise BadInput(f"there is no {what} {entry!r}; there are {', '.join(known)}", where)
        return tuple(value)

    return read


def _weathers(value: Any, where: str) -> tuple[Condition, ...]:
    return tuple(Condition(name) for name in _names([*Condition], "weather")(value, where))


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


def _texts(what: str, most: int | None = None) -> Callable[[Any, str], tuple[str, ...]]:
    def read(value: Any, where: str) -> tuple[str, ...]:
        for entry in fields.some(value, where):
            if not isinstance(entry, str) or not entry.strip():
                raise BadInput(f"expects {what} as text", where)
        if most is not None and len(value) > most:
            raise BadInput(f"expects at most {most} {what}", where)
        return tuple(entry.strip() for entry in value)

    return read


def _positive_speed(value: Any, where: str) -> float:
    speed = fields.number(value, where)
    if speed <= 0:
        raise BadInput("expects more than 0 km/h: no wind is weaker than none", where)
    return speed


def _below(limit: float, value: float | None) -> bool:
    return value is not None and value < limit


def _above(limit: float, value: float | None) -> bool:
    return value is not None and value > limit


def _temperature(facts: OpenFacts) -> float | None:
    return facts.weather.temperature_c if facts.weather else None


def _wind(facts: OpenFacts) -> float | None:
    return facts.weather.wind_kmh if facts.weather else None


def _within_hours(span: tuple[int, int], facts: OpenFacts) -> bool:
    local = facts.local_time
    if local is None:
        return False
    first, end = span
    return first <= local.hour < end if first < end else local.hour >= first or local.hour < end


def _on_weekday(days: tuple[str, ...], facts: OpenFacts) -> bool:
    local = facts.local_time
    return local is not None and WEEKDAYS[local.weekday()] in days


def _month(facts: OpenFacts) -> int:
    return (facts.local_time or facts.now).month


def _in_season(seasons: tuple[str, ...], facts: OpenFacts) -> bool:
    return season_of(_month(facts), facts.place.latitude if facts.place else None) in seasons


def _there(part: Around | Box, facts: OpenFacts) -> bool:
    return facts.place is not None and part.holds((facts.place.latitude, facts.place.longitude))


def _sold_out(sku: str, facts: OpenFacts) -> bool | None:
    """None where there is no such product."""
    if sku not in facts.stock:
        return None
    left = facts.stock[sku]
    return left is not None and left <= 0


KINDS: dict[str, ConditionKind] = {
    "weather": _of_weather(_weathers, lambda names, facts: facts.condition in names),
    "temperature_below": _of_weather(fields.number, lambda limit, facts: _below(limit, _temperature(facts))),
    "temperature_above": _of_weather(fields.number, lambda limit, facts: _above(limit, _temperature(facts))),
    "wind_below": _of_weather(_positive_speed, lambda limit, facts: _below(limit, _wind(facts))),
    "wind_above": _of_weather(fields.number, lambda limit, facts: _above(limit, _wind(facts))),
    "daylight": _of_place(_daylight, lambda name, facts: facts.daylight is (name == "day")),
    "country": _of_place(_countries, lambda codes, facts: facts.country_there in codes),
    "near": _of_place(around, _there),
    "area": _of_place(box, _there),
    "local_hour": _of_place(_hours, _within_hours),
    "weekday": _of_place(_names(WEEKDAYS, "weekday"), _on_weekday),
    "months": _of_place(_months, lambda months, facts: _month(facts) in months),
    "season": _of_place(_names(SEASONS, "season"), _in_season),
    "after": ConditionKind(fields.moment, lambda moment, facts: facts.now >= moment),
    "before": ConditionKind(fields.moment, lambda moment, facts: facts.now < moment),
    "tags": ConditionKind(_texts("tags"), lambda tags, facts: not facts.tags.isdisjoint(tags)),
    "in_stock": ConditionKind(
        _texts("SKUs", _MOST_SKUS), lambda skus, facts: all(_sold_out(sku, facts) is False for sku in skus)
    ),
    "sold_out": ConditionKind(
        _texts("SKUs", _MOST_SKUS), lambda skus, facts: any(_sold_out(sku, facts) for sku in skus)
    ),
}

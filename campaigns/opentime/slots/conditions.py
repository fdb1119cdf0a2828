"""The language of slot rules: a table of conditions that must all hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime.slots import slot_fields as fields
from campaigns.opentime.slots.areas import Around, Box
from campaigns.opentime.slots.condition_kinds import KINDS
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.season import months_of

_OF_STOCK = ("in_stock", "sold_out")


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
        fields.only_keys(given, KINDS, where)
        wanted = {key: KINDS[key].read(value, f"{where}.{key}") for key, value in given.items()}
        _refuse_what_never_holds(wanted, where)
        return cls(tuple(wanted.items()))

    def hold(self, facts: OpenFacts) -> bool:
        """Whether all of them hold."""
        return all(KINDS[key].holds(value, facts) for key, value in self.wanted)

    @property
    def ask_weather(self) -> bool:
        """Whether the weather has to be known to decide them."""
        return any(KINDS[key].weather for key, _ in self.wanted)

    @property
    def ask_place(self) -> bool:
        """Whether the place has to be known to decide them, be it for its weather or its clock."""
        return any(KINDS[key].place for key, _ in self.wanted)

    @property
    def skus(self) -> frozenset[str]:
        """The products whose stock decides."""
        return frozenset(sku for key, value in self.wanted if key in _OF_STOCK for sku in value)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields that `parse` reads again."""
        return {key: _plain(value) for key, value in self.wanted}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Around | Box):
        return value.to_json()
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _refuse_what_never_holds(wanted: Mapping[str, Any], where: str) -> None:
    for low, high in (
        ("temperature_above", "temperature_below"),
        ("wind_above", "wind_below"),
        ("after", "before"),
    ):
        if low in wanted and high in wanted and wanted[low] >= wanted[high]:
            raise BadInput(f"{low} and {high} never hold together", where)
    if "sold_out" in wanted and set(wanted["sold_out"]) <= set(wanted.get("in_stock", ())):
        raise BadInput("in_stock and sold_out never hold together", where)
    if "season" in wanted and "months" in wanted:
        possible = frozenset().union(*(months_of(season) for season in wanted["season"]))
        if possible.isdisjoint(wanted["months"]):
            raise BadInput("season and months never hold together", where)

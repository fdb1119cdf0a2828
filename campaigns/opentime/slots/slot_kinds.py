"""What a slot can show of its own, besides pictures by rule: four kinds of content that is drawn at open.

Each kind is data: read from a campaign file by slot_kind_fields.py, stored as JSON here, turned into a drawing by
drawn_choices.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from campaigns.opentime.drawing.drawings import CardStyle, style_from_json
from campaigns.opentime.slots.shops import Shop, parse_shops

PICTURE = "picture"
WITHIN_KM = 50.0


@dataclass(frozen=True, slots=True)
class WeatherPick:
    """A card of the customer's best pick for the weather outside."""

    style: CardStyle = field(default_factory=CardStyle)

    kind: ClassVar[str] = "weather_pick"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `content_from_json`."""
        return {"style": self.style.to_json()}


@dataclass(frozen=True, slots=True)
class PickCard:
    """A card of the customer's pick of this rank, counted from 1, with price and stock of now."""

    pick: int = 1
    style: CardStyle = field(default_factory=CardStyle)

    kind: ClassVar[str] = "live_product"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `content_from_json`."""
        return {"pick": self.pick, "style": self.style.to_json()}


@dataclass(frozen=True, slots=True)
class CountdownTo:
    """A moving countdown to an aware moment; without `units`, these are named in the customer's language."""

    deadline: datetime
    label: str = ""
    units: tuple[str, str, str, str] | None = None
    style: CardStyle = field(default_factory=CardStyle)

    kind: ClassVar[str] = "countdown"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `content_from_json`."""
        return {
            "deadline": self.deadline.astimezone(UTC).isoformat(),
            "label": self.label,
            "units": list(self.units) if self.units else None,
            "style": self.style.to_json(),
        }


@dataclass(frozen=True, slots=True)
class NearestShop:
    """A card of the nearest of `shops` that is at most `within_km` away."""

    shops: tuple[Shop, ...]
    within_km: float = WITHIN_KM
    style: CardStyle = field(default_factory=CardStyle)

    kind: ClassVar[str] = "nearest_shop"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `content_from_json`."""
        return {
            "shops": [shop.to_json() for shop in self.shops],
            "within_km": self.within_km,
            "style": self.style.to_json(),
        }


Content = WeatherPick | PickCard | CountdownTo | NearestShop

KINDS = (PICTURE, *(content.kind for content in (WeatherPick, PickCard, CountdownTo, NearestShop)))


def content_from_json(kind: str, raw: Mapping[str, Any]) -> Content | None:
    """The reverse of `to_json` of any content; None for a slot of pictures by rule alone.

    Raises:
        BadInput, KeyError, TypeError or ValueError: it was not made by `to_json`.
    """
    if kind == PICTURE:
        return None
    style = style_from_json(raw["style"])
    match kind:
        case "weather_pick":
            return WeatherPick(style)
        case "live_product":
            return PickCard(raw["pick"], style)
        case "countdown":
            deadline = datetime.fromisoformat(raw["deadline"])
            return CountdownTo(deadline, raw["label"], four_of(raw["units"]), style)
        case "nearest_shop":
            return NearestShop(parse_shops(raw["shops"], "shops"), raw["within_km"], style)
    raise ValueError("no kind of slot")


def four_of(names: list[str] | None) -> tuple[str, str, str, str] | None:
    """The names of days, hours, minutes and seconds. Raises ValueError for other than four."""
    if names is None:
        return None
    days, hours, minutes, seconds = names
    return days, hours, minutes, seconds

"""What can be drawn at open: the text and colours of a card or a countdown, as data.

A drawing is hashable, so that equal ones are drawn once, and travels as JSON (`to_json`, `drawing_from_json`), so
that `/v/<token>` shows what was shown. How it becomes a picture stands in drawing.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime.slots import slot_fields as fields

LEAST_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of any size

_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class CardStyle:
    """Colours as #rrggbb; `parse_style` checks that they can be read on each other."""

    background: str = "#ffffff"
    text: str = "#1d2b26"
    accent: str = "#1f6f54"

    def to_json(self) -> dict[str, str]:
        """As JSON-ready fields, for `style_from_json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ProductCard:
    """A product with its price; `note` is a short line ("Only 3 left"), `picture` the sha256 of a picture."""

    title: str
    price_text: str
    note: str = ""
    picture: str = ""
    style: CardStyle = field(default_factory=CardStyle)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `drawing_from_json`."""
        return {"kind": "product_card", **asdict(self)}


@dataclass(frozen=True, slots=True)
class ShopCard:
    """A shop near the opener, how far it is and whether it is open."""

    name: str
    distance_text: str
    hours_text: str
    style: CardStyle = field(default_factory=CardStyle)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `drawing_from_json`."""
        return {"kind": "shop_card", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Countdown:
    """Days, hours, minutes and seconds (named by `units`) to `deadline`, an aware moment kept as UTC.

    Raises ValueError for a deadline without time zone and for other than four units.
    """

    deadline: datetime
    label: str = ""
    units: tuple[str, str, str, str] = ("days", "hours", "min", "s")
    style: CardStyle = field(default_factory=CardStyle)

    def __post_init__(self) -> None:
        if self.deadline.tzinfo is None:
            raise ValueError("a deadline needs a time zone")
        if len(self.units) != 4:
            raise ValueError("a countdown has four units")
        object.__setattr__(self, "deadline", self.deadline.astimezone(UTC))

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields, for `drawing_from_json`."""
        plain = {"deadline": self.deadline.isoformat(), "units": list(self.units)}
        return {"kind": "countdown", **asdict(self), **plain}


Drawing = ProductCard | ShopCard | Countdown


def drawing_from_json(raw: Mapping[str, Any]) -> Drawing:
    """The reverse of `to_json` of any drawing.

    Raises:
        KeyError, TypeError or ValueError: it was not made by `to_json`.
    """
    style = style_from_json(raw["style"])
    match raw["kind"]:
        case "product_card":
            return ProductCard(raw["title"], raw["price_text"], raw["note"], raw["picture"], style)
        case "shop_card":
            return ShopCard(raw["name"], raw["distance_text"], raw["hours_text"], style)
        case "countdown":
            days, hours, minutes, seconds = raw["units"]
            deadline = datetime.fromisoformat(raw["deadline"])
            return Countdown(deadline, raw["label"], (days, hours, minutes, seconds), style)
    raise ValueError("no kind of drawing")


def style_from_json(raw: Mapping[str, str]) -> CardStyle:
    """The reverse of `CardStyle.to_json`. Raises KeyError, TypeError or ValueError for anything else."""
    style = CardStyle(raw["background"], raw["text"], raw["accent"])
    for colour in (style.background, style.text, style.accent):
        rgb_of(colour)
    return style


def parse_style(raw: object, where: str) -> CardStyle:
    """Read a `style` table of a campaign file: `background`, `text`, `accent`, each with a default.

    Text and accent are both written on the background, and the background on the accent (digits of a
    countdown), so both need the contrast that WCAG asks of text.

    Raises:
        BadInput: naming `where` and the field.
    """
    given = fields.table(raw, where)
    known = CardStyle().to_json()
    fields.only_keys(given, known, where)
    style = CardStyle(**{**known, **{key: _colour(value, f"{where}.{key}") for key, value in given.items()}})
    for key in ("text", "accent"):
        ratio = contrast(known_colour := getattr(style, key), style.background)
        if ratio < LEAST_CONTRAST:
            raise BadInput(
                f"{known_colour} on {style.background} has a contrast of {ratio:.1f}:1 and is hard to read; "
                f"choose colours with at least {LEAST_CONTRAST}:1",
                f"{where}.{key}",
            )
    return style


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (#rrggbb) from 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((_luminance(rgb_of(one)), _luminance(rgb_of(other))))
    return (high + 0.05) / (low + 0.05)


def rgb_of(colour: str) -> Rgb:
    """Red, green and blue from 0 to 255 of a colour written #rrggbb. Raises ValueError for anything else."""
    if len(colour) != 7 or not _COLOUR.fullmatch(colour):
        raise ValueError("not a colour like #1f6f54")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _colour(value: object, where: str) -> str:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value.strip()):
        raise BadInput("expects a colour like #1f6f54", where)
    digits = value.strip()[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def _luminance(rgb: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

"""Reading what is drawn in a slot from a campaign file: the fields of each kind, with errors that name them.

kind = "weather_pick"    style
kind = "live_product"    pick, style
kind = "countdown"       deadline, label, units, style
kind = "nearest_shop"    shops, within_km, style
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime.drawing.drawings import CardStyle, parse_style
from campaigns.opentime.slots import slot_fields as fields
from campaigns.opentime.slots.shops import Shop, parse_shops
from campaigns.opentime.slots.slot_kinds import (
    KINDS,
    PICTURE,
    WITHIN_KM,
    Content,
    CountdownTo,
    NearestShop,
    PickCard,
    WeatherPick,
    four_of,
)

ReadFile = Callable[[str, str], bytes]

MOST_PICKS = 12  # as many as a campaign may have
_LONGEST_LABEL = 60
_LONGEST_UNIT = 12

_FIELDS: Mapping[str, tuple[str, ...]] = {
    PICTURE: (),
    "weather_pick": ("style",),
    "live_product": ("pick", "style"),
    "countdown": ("deadline", "label", "units", "style"),
    "nearest_shop": ("shops", "within_km", "style"),
}


def kind_of(raw: Mapping[str, Any], where: str) -> str:
    """The kind that a slot's table names; pictures by rule where it names none.

    Raises:
        BadInput: there is no such kind, or a field belongs to another kind.
    """
    kind = raw.get("kind", PICTURE)
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadInput(f"there is no kind {kind!r}; there are {', '.join(KINDS)}", f"{where}, kind")
    for key in raw:
        owners = [other for other, keys in _FIELDS.items() if key in keys]
        if owners and kind not in owners:
            raise BadInput(
                f"belongs to a slot of kind {' or '.join(owners)}; this one is {kind!r}", f"{where}, {key}"
            )
    return kind


def kind_keys(kind: str) -> tuple[str, ...]:
    """The fields that a slot of this kind has besides those of all slots."""
    return _FIELDS[kind]


def read_content(
    kind: str, raw: Mapping[str, Any], where: str, read_file: ReadFile, now: datetime | None
) -> Content | None:
    """What a slot of this kind draws; None for pictures by rule alone.

    `read_file` gets a file's name and where it is named; `now`, if given, refuses a deadline that has passed.

    Raises:
        BadInput: naming `where` and the field.
    """
    if kind == PICTURE:
        return None
    style = parse_style(raw["style"], f"{where}, style") if "style" in raw else CardStyle()
    match kind:
        case "weather_pick":
            return WeatherPick(style)
        case "live_product":
            return PickCard(_pick(raw.get("pick", 1), f"{where}, pick"), style)
        case "countdown":
            return _countdown(raw, where, style, now)
        case _:
            return _nearest_shop(raw, where, style, read_file)


def _pick(value: object, where: str) -> int:
    if type(value) is not int or not 1 <= value <= MOST_PICKS:
        raise BadInput(f"expects a rank from 1 (the best pick) to {MOST_PICKS}", where)
    return value


def _countdown(raw: Mapping[str, Any], where: str, style: CardStyle, now: datetime | None) -> CountdownTo:
    if "deadline" not in raw:
        raise BadInput("is required, as a date like 2026-11-30T18:00:00Z", f"{where}, deadline")
    deadline = fields.moment(raw["deadline"], f"{where}, deadline", end_of_day=True)
    if now is not None and deadline <= now:
        raise BadInput(f"{deadline:%Y-%m-%d %H:%M} UTC has passed already", f"{where}, deadline")
    label = fields.text(raw, "label", where, longest=_LONGEST_LABEL) if "label" in raw else ""
    return CountdownTo(deadline, label, _units(raw, where), style)


def _units(raw: Mapping[str, Any], where: str) -> tuple[str, str, str, str] | None:
    names = raw.get("units")
    if names is None:
        return None
    good = isinstance(names, list) and len(names) == 4
    if not good or not all(
        isinstance(name, str) and 0 < len(name.strip()) <= _LONGEST_UNIT and name.isprintable()
        for name in names
    ):
        why = f'expects four names of at most {_LONGEST_UNIT} characters, like ["days", "hours", "min", "s"]'
        raise BadInput(why, f"{where}, units")
    return four_of([name.strip() for name in names])


def _nearest_shop(raw: Mapping[str, Any], where: str, style: CardStyle, read_file: ReadFile) -> NearestShop:
    shops = _shops(raw.get("shops"), f"{where}, shops", read_file)
    within = fields.number(raw.get("within_km", WITHIN_KM), f"{where}, within_km")
    if not 0 < within <= 20_000:
        raise BadInput("expects kilometres, more than 0 and at most 20000", f"{where}, within_km")
    return NearestShop(shops, within, style)


def _shops(value: object, where: str, read_file: ReadFile) -> tuple[Shop, ...]:
    """Shops from a list of tables, or from a CSV or TOML file beside the campaign file."""
    if isinstance(value, list):
        return parse_shops(value, where)
    if not isinstance(value, str) or not value.lower().endswith((".csv", ".toml")):
        raise BadInput('is required: a file such as "shops.csv", or a list of tables', where)
    try:
        text = read_file(value, where).decode("utf-8-sig")
        tables = tomllib.loads(text).get("shops") if value.lower().endswith(".toml") else None
    except UnicodeDecodeError:
        raise BadInput(f"{value}: is not written in UTF-8", where) from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{value}: cannot be read: {error}", where) from None
    if value.lower().endswith(".csv"):
        return parse_shops(text, f"{where}, {value}")
    if not isinstance(tables, list):
        raise BadInput(f"{value}: expects a list of tables ([[shops]])", where)
    return parse_shops(tables, f"{where}, {value}")

"""A list of shops, the one nearest to where a mail is opened, and how to say how far it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.core.errors import BadInput
from campaigns.opentime.place.coordinates import on_earth
from campaigns.opentime.place.distance import km_between
from campaigns.opentime.place.place import Place
from campaigns.opentime.slots import opening_hours
from campaigns.opentime.slots import slot_fields as fields
from campaigns.opentime.slots.card_words import language_of
from campaigns.opentime.slots.opening_hours import Week

_COLUMNS = ("name", "latitude", "longitude", "timezone", "hours", "link")
_NEEDED = _COLUMNS[:4]
_DEGREE_KM = 111.0  # of latitude, rather too short than too long
_CLOSE_KM = 2  # a place is known to 0.1 degree, so nothing finer can be said

_ABOUT = {
    "en": ("close to you", "about {km} km"),
    "de": ("in deiner Nähe", "etwa {km} km"),
    "fr": ("près de chez vous", "environ {km} km"),
    "es": ("cerca de ti", "a unos {km} km"),
    "no": ("i nærheten av deg", "omtrent {km} km"),
}


@dataclass(frozen=True, slots=True)
class Shop:
    """Degrees, an IANA time zone, opening hours (() if not known), and where its card leads ("" if nowhere)."""

    name: str
    latitude: float
    longitude: float
    timezone: str
    hours: Week = ()
    link: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a table of a campaign file, which `parse_shops` reads again."""
        return {
            "name": self.name,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "timezone": self.timezone,
            "hours": opening_hours.written(self.hours),
            "link": self.link,
        }


def parse_shops(raw: object, where: str) -> tuple[Shop, ...]:
    """Read shops from the text of a CSV file with a header, or from a list of tables.

    Fields: name, latitude and longitude (degrees), timezone (IANA); and, where they are known, hours (as in
    opening_hours.py) and link.

    Raises:
        BadInput: naming `where`, the line or the number of the shop, and the field.
    """
    rows = _csv_rows(raw, where) if isinstance(raw, str) else _tables(raw, where)
    if not rows:
        raise BadInput("has no shop", where)
    return tuple(_shop(row, here) for row, here in rows)


def nearest(shops: Sequence[Shop], place: Place | None) -> tuple[Shop, float] | None:
    """The shop nearest to the place by great circle and its distance in km; None if there is no place or shop."""
    if place is None:
        return None
    here = place.latitude, place.longitude
    found: tuple[Shop, float] | None = None
    for shop in shops:
        # A degree of latitude is as long everywhere, so most shops need no trigonometry.
        if found is not None and abs(shop.latitude - place.latitude) * _DEGREE_KM >= found[1]:
            continue
        distance = km_between((shop.latitude, shop.longitude), here)
        if found is None or distance < found[1]:
            found = shop, distance
    return found


def distance_text(km: float, language: str) -> str:
    """How far that is, in en, de, fr, es or no (else en): whole kilometres, as the place is only known roughly."""
    close, about = _ABOUT[language_of(language)]
    return close if km < _CLOSE_KM else about.format(km=round(km))


def hours_text(shop: Shop, now: datetime, language: str) -> str:
    """ "Open until 18:00", "Opens Monday 09:00" or "Closed" at the aware moment `now`, in the shop's own time.

    In en, de, fr, es or no (else en); empty if its hours are not known.
    """
    return opening_hours.hours_text(shop.hours, shop.timezone, now, language)


_Rows = list[tuple[Mapping[str, Any], str]]


def _csv_rows(text: str, where: str) -> _Rows:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        _check_header(names, where)
        reader.fieldnames = names
        return [
            (_csv_row(row, f"{where}, line {reader.line_num}"), f"{where}, line {reader.line_num}")
            for row in reader
        ]
    except csv.Error as error:
        raise BadInput(f"is not CSV ({error})", f"{where}, line {reader.line_num}") from None


def _check_header(names: list[str], where: str) -> None:
    for name in _NEEDED:
        if name not in names:
            raise BadInput(
                f"has no column {name!r}; expects a header with {', '.join(_COLUMNS)}", f"{where}, line 1"
            )
    for name in names:
        if name not in _COLUMNS or names.count(name) > 1:
            why = "stands twice" if name in _COLUMNS else f"is none of {', '.join(_COLUMNS)}"
            raise BadInput(f"the column {name!r} {why}", f"{where}, line 1")


def _csv_row(row: Mapping[str | None, Any], where: str) -> dict[str, Any]:
    if None in row:
        raise BadInput("has more fields than the header; put hours with a comma in quotes", where)
    given = {str(name): value.strip() for name, value in row.items() if value and value.strip()}
    for name in ("latitude", "longitude"):
        try:
            given[name] = float(given[name])
        except KeyError:
            continue  # said to be missing later on
        except ValueError:
            raise BadInput("expects degrees like 59.913", f"{where}, {name}") from None
    return given


def _tables(raw: object, where: str) -> _Rows:
    if not isinstance(raw, list):
        raise BadInput("expects a list of shops", where)
    return [(fields.table(row, f"{where}, shop {n}"), f"{where}, shop {n}") for n, row in enumerate(raw, 1)]


def _shop(row: Mapping[str, Any], where: str) -> Shop:
    fields.only_keys(row, _COLUMNS, where)
    name = fields.text(row, "name", where, longest=100)
    latitude, longitude = (_degrees(row, key, where) for key in ("latitude", "longitude"))
    for key, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if abs(value) > most:
            raise BadInput(f"expects degrees from -{most} to {most}", f"{where}, {key}")
    if not on_earth(latitude, longitude):
        raise BadInput("is not a place on Earth", where)
    hours = row.get("hours", "")
    if not isinstance(hours, str):
        raise BadInput("expects text like Mo-Fr 09:00-18:00; Sa 10:00-16:00", f"{where}, hours")
    return Shop(
        name=name,
        latitude=latitude,
        longitude=longitude,
        timezone=_zone(row, where),
        hours=opening_hours.parse_week(hours, f"{where}, hours"),
        link=fields.web_link(row, "link", where) if row.get("link") else "",
    )


def _degrees(row: Mapping[str, Any], key: str, where: str) -> float:
    if key not in row:
        raise BadInput("is required, in degrees", f"{where}, {key}")
    return fields.number(row[key], f"{where}, {key}")


def _zone(row: Mapping[str, Any], where: str) -> str:
    name = fields.text(row, "timezone", where, longest=60)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # KeyError: no such zone; OSError: the name of a folder of zones
        raise BadInput(
            f"there is no time zone {name!r}; expects one like Europe/Oslo", f"{where}, timezone"
        ) from None
    return name

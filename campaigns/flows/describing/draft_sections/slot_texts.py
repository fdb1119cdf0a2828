"""Picture slots as texts in a form, and back to what a campaign file says of them (opentime/slots/slots.py).

A slot in the form: name, kind, width, height, alt, expires, what its kind needs, `default` and `expired` (picture,
link, product), and `rules`, each with picture, link, product, name and `when`. Pictures are named by their sha256.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from campaigns.flows.describing.draft_sections.reading import Typed, shown

SHOP_COLUMNS = ("name", "latitude", "longitude", "timezone", "hours", "link")
STYLE = ("background", "text", "accent")
NUMBERS = ("temperature_below", "temperature_above", "wind_below", "wind_above")
TICKED = ("weather", "weekday", "months", "season")
LISTED = ("country", "tags", "in_stock", "sold_out")
MOMENTS = ("after", "before")
AREAS = {"near": ("latitude", "longitude", "km"), "area": ("south", "west", "north", "east")}
_FAR = 20_000


def slot_fields(raw: dict[str, Any]) -> dict[str, Any]:
    """The texts of a slot as it is stored (`SlotDefinition.to_json`)."""
    content = raw.get("content") or {}
    return {
        "name": raw["name"],
        "kind": raw.get("kind", "picture"),
        "width": str(raw["width"]),
        "height": str(raw["height"]),
        "alt": raw["alt"],
        "expires": moment_text(raw["expires"]),
        "pick": shown(content.get("pick")),
        "deadline": moment_text(content.get("deadline")),
        "label": content.get("label", ""),
        "units": ", ".join(content.get("units") or ()),
        "shops": _csv(content.get("shops") or []),
        "within_km": shown(content.get("within_km")),
        **{f"style_{part}": (content.get("style") or {}).get(part, "") for part in STYLE},
        "default": _shown_fields(raw["default"]),
        "expired": _shown_fields(raw["expired"]),
        "rules": [_rule_fields(rule, n) for n, rule in enumerate(raw["rules"], 1)],
    }


def raw_slot(value: dict[str, Any], typed: Typed, place: str) -> dict[str, Any]:
    """The table [[slots]] that a slot's texts describe; numbers that are none are noted under `place`."""
    own = Typed(value)
    raw: dict[str, Any] = {
        "name": own.text("name"),
        "kind": own.text("kind") or "picture",
        "width": _whole(own, typed, "width", place),
        "height": _whole(own, typed, "height", place),
        "alt": own.text("alt"),
        "default": _shown(value.get("default") or {}),
        "expired": _shown(value.get("expired") or {}),
        "rules": [
            _rule(rule, typed, f"{place}.rules.{n}") for n, rule in enumerate(value.get("rules") or [])
        ],
    }
    if own.text("expires"):
        raw["expires"] = own.text("expires")
    return {**raw, **_of_kind(raw["kind"], own, typed, place)}


def moment_text(value: str | None) -> str:
    """A stored moment as a field for date and time has it, in UTC: 2026-12-24T18:00."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value).astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="minutes" if not moment.second else "seconds")


def _of_kind(kind: str, own: Typed, typed: Typed, place: str) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    if kind == "picture":
        return raw
    style = {part: own.text(f"style_{part}") for part in STYLE if own.text(f"style_{part}")}
    if style:
        raw["style"] = style
    if kind == "live_product":
        raw["pick"] = _whole(own, typed, "pick", place) if own.text("pick") else 1
    if kind == "countdown":
        raw["deadline"], raw["label"] = own.text("deadline"), own.text("label")
        raw["units"] = own.words("units") or None
    if kind == "nearest_shop":
        raw["shops"] = "shops.csv"
        raw["within_km"] = _number(own, typed, "within_km", place)
    return {name: entry for name, entry in raw.items() if entry not in (None, "")}


def _rule(value: dict[str, Any], typed: Typed, place: str) -> dict[str, Any]:
    name = Typed(value).text("name")
    when = _when(value.get("when") or {}, typed, f"{place}.when")
    return {**_shown(value), "when": when, **({"name": name} if name else {})}


def _when(value: dict[str, Any], typed: Typed, place: str) -> dict[str, Any]:
    own = Typed(value)
    when: dict[str, Any] = {name: own.some(name) for name in ("weather", "weekday", "season")}
    when["months"] = [int(month) for month in own.some("months") if month.isdecimal()]
    when.update({name: _number(own, typed, name, place) for name in NUMBERS})
    when.update({name: own.words(name) for name in LISTED})
    when.update({name: own.text(name) for name in (*MOMENTS, "daylight")})
    for name, parts in AREAS.items():
        given = {part: _number(own, typed, f"{name}_{part}", place) for part in parts}
        if any(number is not None for number in given.values()):
            when[name] = {part: number for part, number in given.items() if number is not None}
    if own.text("hour_from") or own.text("hour_to"):
        when["local_hour"] = [_whole(own, typed, "hour_from", place), _whole(own, typed, "hour_to", place)]
    return {name: entry for name, entry in when.items() if entry not in (None, "", [])}


def _rule_fields(rule: dict[str, Any], position: int) -> dict[str, Any]:
    when = rule["when"]
    fields: dict[str, Any] = {name: [str(entry) for entry in when.get(name, [])] for name in TICKED}
    fields.update({name: shown(when.get(name)) for name in NUMBERS})
    fields.update({name: ", ".join(when.get(name, [])) for name in LISTED})
    fields.update({name: moment_text(when.get(name)) for name in MOMENTS})
    fields["daylight"] = when.get("daylight", "")
    for name, parts in AREAS.items():
        fields.update({f"{name}_{part}": shown((when.get(name) or {}).get(part)) for part in parts})
    first, end = when.get("local_hour") or ("", "")
    fields["hour_from"], fields["hour_to"] = str(first), str(end)
    # A name by its place would be another one's when the rules change places.
    name = "" if rule["name"] == f"rule_{position}" else rule["name"]
    return {**_shown_fields(rule), "name": name, "when": fields}


def _shown_fields(variant: dict[str, Any]) -> dict[str, Any]:
    return {name: variant.get(name, "") for name in ("picture", "link", "product")}


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    own = Typed(value)
    return {name: text for name in ("picture", "link", "product") if (text := own.text(name))}


def _whole(own: Typed, typed: Typed, name: str, place: str) -> int | None:
    text = own.text(name)
    if text.isdecimal() and len(text) < 9:
        return int(text)
    typed.wrong(f"{place}.{name}", "Write a whole number.")
    return None


def _number(own: Typed, typed: Typed, name: str, place: str) -> float | None:
    text = own.text(name).replace(",", ".")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) <= _FAR:
        typed.wrong(f"{place}.{name}", "Write a number, such as 5 or 0.5.")
        return None
    return number


def _csv(shops: list[dict[str, Any]]) -> str:
    if not shops:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, SHOP_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(shops)
    return out.getvalue()

"""Reading slots from a campaign file, with their pictures checked.

[[slots]]
name = "hero"
width = 600                 # as shown; the files may have 1, 2 or 3 times as many pixels
height = 300
alt = "A jacket for today's weather"         # must be true of every picture
default = { picture = "fleece.png", link = "https://shop.example/fleece" }
expired = { picture = "shop.png", link = "https://shop.example/" }
expires = 2026-12-24        # optional: to the end of that day (UTC), or a date with time
rules = [                   # the first whose conditions all hold decides
  { when = { weather = ["rain", "drizzle"] }, picture = "rain.png", link = "https://shop.example/rain" },
]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from campaigns.core.errors import BadInput, TailormailError
from campaigns.opentime import slot_fields as fields
from campaigns.opentime.conditions import Conditions
from campaigns.opentime.pictures import PictureFile, check_picture
from campaigns.opentime.slot_definition import DEFAULT, EXPIRED, Rule, SlotDefinition, Variant

__all__ = ["PictureFile", "SlotDefinition", "parse_slots"]

MOST_RULES = 50
LARGEST_SHOWN = 1600

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_SLOT_KEYS = ("name", "width", "height", "alt", "default", "expired", "expires", "rules")
_VARIANT_KEYS = ("picture", "link", "product")


def parse_slots(
    raw: object, read_picture: Callable[[str], bytes]
) -> tuple[list[SlotDefinition], dict[str, PictureFile]]:
    """The slots of a campaign file and their pictures by sha256.

    `read_picture` gets the text of a `picture` field and returns the file; it may raise OSError.

    Raises:
        BadInput: naming slot, rule and field, and how to mend it.
    """
    if not isinstance(raw, list):
        raise BadInput("expects a list of tables ([[slots]])", "slots")
    pictures = _Pictures(read_picture)
    slots: list[SlotDefinition] = []
    for position, entry in enumerate(raw, 1):
        slot = _slot(entry, f"slot {position}", pictures)
        if any(slot.name == other.name for other in slots):
            raise BadInput("another slot has this name", f"slot {slot.name!r}, name")
        slots.append(slot)
    return slots, pictures.by_hash


class _Pictures:
    """Reads each file once."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._by_name: dict[str, PictureFile] = {}
        self.by_hash: dict[str, PictureFile] = {}

    def load(self, name: str, where: str) -> PictureFile:
        if name not in self._by_name:
            try:
                body = self._read(name)
            except (OSError, ValueError, KeyError) as error:
                why = getattr(error, "strerror", None) or type(error).__name__
                raise BadInput(f"{name}: cannot be read: {why}", where) from None
            except TailormailError as error:
                raise BadInput(error.message, where) from error
            picture = check_picture(body, f"{where}, {name}")
            self._by_name[name] = self.by_hash[picture.sha256] = picture
        return self._by_name[name]


class _VariantReader:
    """Reads the variants of one slot and remembers which picture each has, to compare them at the end."""

    def __init__(self, where: str, pictures: _Pictures) -> None:
        self._where = where
        self._pictures = pictures
        self._seen: list[tuple[str, PictureFile]] = []

    def variant(self, raw: Mapping[str, Any], name: str, where: str) -> Variant:
        picture = self._pictures.load(fields.text(raw, "picture", where), f"{where}, picture")
        self._seen.append((name, picture))
        product = fields.text(raw, "product", where) if "product" in raw else ""
        return Variant(name, picture.sha256, fields.web_link(raw, "link", where), product)

    def fixed(self, raw: Mapping[str, Any], name: str) -> Variant:
        """The default or the expired variant."""
        where = f"{self._where}, {name}"
        if name not in raw:
            raise BadInput(f'is required: {name} = {{ picture = "...", link = "..." }}', where)
        given = fields.table(raw[name], where)
        fields.only_keys(given, _VARIANT_KEYS, where)
        return self.variant(given, name, where)

    def common(self, width: int, height: int) -> tuple[int, str]:
        """Scale and media type that all pictures share: mail clients keep the size of the first they saw."""
        sizes = {picture.size for _, picture in self._seen}
        if len(sizes) > 1:
            named = ", ".join(f"{name} {picture.size}" for name, picture in self._seen)
            raise BadInput(f"all pictures of a slot need one size in pixels; here: {named}", self._where)
        types = {picture.media_type for _, picture in self._seen}
        if len(types) > 1:
            named = ", ".join(f"{name} {picture.media_type}" for name, picture in self._seen)
            why = "all pictures of a slot need one format (their URL ends in it)"
            raise BadInput(f"{why}; here: {named}", self._where)
        picture = self._seen[0][1]
        for scale in (1, 2, 3):
            if (picture.width, picture.height) == (width * scale, height * scale):
                return scale, picture.media_type
        shown = f"{width}x{height}"
        raise BadInput(f"pictures of {picture.size} are not 1, 2 or 3 times {shown}", f"{self._where}, width")


def _slot(entry: object, where: str, pictures: _Pictures) -> SlotDefinition:
    raw = fields.table(entry, where)
    name = fields.text(raw, "name", where)
    if not _NAME.fullmatch(name):
        raise BadInput("expects small letters, digits, - and _, beginning with a letter", f"{where}, name")
    where = f"slot {name!r}"
    fields.only_keys(raw, _SLOT_KEYS, where)
    width = fields.pixels(raw, "width", where, LARGEST_SHOWN)
    height = fields.pixels(raw, "height", where, LARGEST_SHOWN)
    alt = fields.text(raw, "alt", where)
    expires = raw.get("expires")
    reader = _VariantReader(where, pictures)
    default, expired = reader.fixed(raw, DEFAULT), reader.fixed(raw, EXPIRED)
    rules = _rules(raw.get("rules", []), where, reader)
    scale, media_type = reader.common(width, height)
    return SlotDefinition(
        name=name,
        width=width,
        height=height,
        scale=scale,
        media_type=media_type,
        alt=alt,
        default=default,
        expired=expired,
        expires=None if expires is None else fields.moment(expires, f"{where}, expires", end_of_day=True),
        rules=rules,
    )


def _rules(raw: object, where: str, reader: _VariantReader) -> tuple[Rule, ...]:
    if not isinstance(raw, list) or len(raw) > MOST_RULES:
        raise BadInput(f"expects a list of at most {MOST_RULES} rules", f"{where}, rules")
    rules: list[Rule] = []
    names = {DEFAULT, EXPIRED}
    for position, entry in enumerate(raw, 1):
        here = f"{where}, rule {position}"
        given = fields.table(entry, here)
        fields.only_keys(given, (*_VARIANT_KEYS, "when", "name"), here)
        name = fields.text(given, "name", here, longest=60) if "name" in given else f"rule_{position}"
        if name in names:
            raise BadInput(f"{name!r} names another variant of this slot", f"{here}, name")
        names.add(name)
        when = Conditions.parse(given.get("when", {}), f"{here}, when")
        rules.append(Rule(when, reader.variant(given, name, here)))
    return tuple(rules)

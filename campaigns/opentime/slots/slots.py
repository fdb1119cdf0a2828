"""Reading slots from a campaign file, with their pictures checked.

[[slots]]
name = "hero"
kind = "picture"            # what is shown where no rule holds; see slot_kind_fields.py for the other kinds
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
from collections.abc import Callable
from datetime import datetime

from babel import Locale

from campaigns.core.errors import BadInput
from campaigns.opentime.drawing.pictures import PictureFile
from campaigns.opentime.slots import slot_fields as fields
from campaigns.opentime.slots.conditions import Conditions
from campaigns.opentime.slots.drawn_choices import is_drawn
from campaigns.opentime.slots.slot_definition import DEFAULT, EXPIRED, Rule, SlotDefinition
from campaigns.opentime.slots.slot_kind_fields import MOST_PICKS, kind_keys, kind_of, read_content
from campaigns.opentime.slots.slot_kinds import CountdownTo
from campaigns.opentime.slots.slot_pictures import VARIANT_KEYS, SlotFiles, VariantReader

__all__ = ["PictureFile", "SlotDefinition", "parse_slots"]

MOST_RULES = 50
# What CLDR has codes for without their being countries of ISO 3166.
_NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
LARGEST_SHOWN = 1600

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_SLOT_KEYS = ("name", "kind", "width", "height", "alt", "default", "expired", "expires", "rules")


def parse_slots(
    raw: object,
    read_file: Callable[[str], bytes],
    now: datetime | None = None,
    picks: int = MOST_PICKS,
    kept: Callable[[str], PictureFile | None] = lambda name: None,
) -> tuple[list[SlotDefinition], dict[str, PictureFile]]:
    """The slots of a campaign file and their pictures by sha256.

    `read_file` gets the text of a `picture` or `shops` field and returns the file; it may raise OSError. With
    `now`, an aware moment, a countdown to a deadline that has passed is refused; `picks` is how many the campaign
    has for each customer, and a slot that shows one beyond them is refused. `kept` gives a picture that was checked
    when it came here, which is not read again.

    Raises:
        BadInput: naming slot, rule and field, and how to mend it.
    """
    if not isinstance(raw, list):
        raise BadInput("expects a list of tables ([[slots]])", "slots")
    files = SlotFiles(read_file, kept)
    slots: list[SlotDefinition] = []
    for position, entry in enumerate(raw, 1):
        slot = _slot(entry, f"slot {position}", files, now)
        if any(slot.name == other.name for other in slots):
            raise BadInput("another slot has this name", f"slot {slot.name!r}, name")
        if slot.needs_picks > picks:
            why = f"shows pick {slot.needs_picks}, but the campaign has picks = {picks}"
            raise BadInput(why, f"slot {slot.name!r}")
        slots.append(slot)
    return slots, files.by_hash


def _slot(entry: object, where: str, files: SlotFiles, now: datetime | None) -> SlotDefinition:
    raw = fields.table(entry, where)
    name = fields.text(raw, "name", where)
    if not _NAME.fullmatch(name):
        raise BadInput("expects small letters, digits, - and _, beginning with a letter", f"{where}, name")
    where = f"slot {name!r}"
    kind = kind_of(raw, where)
    fields.only_keys(raw, (*_SLOT_KEYS, *kind_keys(kind)), where)
    width = fields.pixels(raw, "width", where, LARGEST_SHOWN)
    height = fields.pixels(raw, "height", where, LARGEST_SHOWN)
    alt = fields.text(raw, "alt", where)
    content = read_content(kind, raw, where, files.bytes_of, now)
    expires = _expires(raw.get("expires"), content, f"{where}, expires", now)
    reader = VariantReader(where, files, gif=isinstance(content, CountdownTo))
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
        expires=expires,
        rules=rules,
        content=content,
    )


def _expires(value: object, content: object, where: str, now: datetime | None) -> datetime | None:
    if value is None:
        return None
    expires = fields.moment(value, where, end_of_day=True)
    if now is not None and expires <= now:
        raise BadInput(
            f"is over already ({expires:%Y-%m-%d %H:%M} UTC), so nothing else would ever be shown", where
        )
    if isinstance(content, CountdownTo) and expires > content.deadline:
        raise BadInput("is later than the deadline; from its deadline on a countdown is over", where)
    return expires


def _rules(raw: object, where: str, reader: VariantReader) -> tuple[Rule, ...]:
    if not isinstance(raw, list) or len(raw) > MOST_RULES:
        raise BadInput(f"expects a list of at most {MOST_RULES} rules", f"{where}, rules")
    rules: list[Rule] = []
    names = {DEFAULT, EXPIRED}
    for position, entry in enumerate(raw, 1):
        here = f"{where}, rule {position}"
        given = fields.table(entry, here)
        fields.only_keys(given, (*VARIANT_KEYS, "when", "name"), here)
        name = fields.text(given, "name", here, longest=60) if "name" in given else f"rule_{position}"
        if name in names:
            raise BadInput(f"{name!r} names another variant of this slot", f"{here}, name")
        if is_drawn(name):
            raise BadInput(
                f"{name!r} is what drawn pictures are called; choose another name", f"{here}, name"
            )
        names.add(name)
        when = Conditions.parse(given.get("when", {}), f"{here}, when")
        _check_countries(when, f"{here}, when")
        rules.append(Rule(when, reader.variant(given, name, here)))
    return tuple(rules)


def _check_countries(when: Conditions, where: str) -> None:
    """Refuse codes that are no country's. Only of new slots: stored ones are read as they were."""
    known = Locale("en").territories
    for code in dict(when.wanted).get("country", ()):
        if code not in known or code in _NO_COUNTRIES:
            hint = "; the United Kingdom is GB" if code == "UK" else ""
            raise BadInput(f"there is no country {code!r} in ISO 3166{hint}", f"{where}.country")

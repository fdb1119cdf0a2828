"""How long the texts of a copy may be, in characters, placeholders unfilled."""

from __future__ import annotations

import re

_LINE = re.compile(r"product_lines\[(\d+)\]")
# Subjects longer than this are cut on telephones.
LONGEST = {
    "subject": 78,
    "preheader": 130,
    "headline": 90,
    "intro": 900,
    "product_lines": 220,
    "call_to_action": 40,
}
# A brief may ask for shorter texts, but not for shorter ones than these: below them there would be no room for
# the plainest words of the offline writer, and with them none for a mail.
SHORTEST = {
    "subject": 40,
    "preheader": 45,
    "headline": 35,
    "intro": 80,
    "product_lines": 45,
    "call_to_action": 20,
}


def base_field(field: str) -> str:
    """The field that a place in a copy belongs to: "product_lines[2]" gives "product_lines"."""
    return field.split("[", 1)[0]


def line_index(field: str) -> int | None:
    """Which product a place in a copy speaks of: 2 for "product_lines[2]", None for all other texts."""
    found = _LINE.fullmatch(field)
    return int(found.group(1)) if found else None

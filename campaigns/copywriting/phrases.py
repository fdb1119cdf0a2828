"""The phrases of the offline writer, read from wording/*.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

_FOLDER = Path(__file__).parent / "wording"
_SLOT = re.compile(r"\$([A-Za-z]+)")


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """The phrases of one language; `of` gives the alternatives for a field, `safe` the last resort."""

    language: str

    def of(self, field: str, kind: str) -> tuple[str, ...]:
        """The phrases for a field ("subject", "line", ...) and a kind ("loyal", "general", ...)."""
        return tuple(_table(self.language).get(field, {}).get(kind, ()))

    def safe(self, field: str) -> str:
        """A phrase that names nothing and nobody."""
        return str(_table(self.language)["safe"][field])

    def word(self, family: str, term: str) -> str:
        """The word for a category or tag in this language, "" if the lexicon has none."""
        return str(_table("lexicon")[family].get(term.strip().casefold(), {}).get(self.language, ""))

    def joined(self, items: list[str]) -> str:
        """One item, or two with "and" between them."""
        return f" {_table(self.language)['and']} ".join(items)


def in_slots(phrase: str, slots: dict[str, str]) -> str:
    """`phrase` with its $slots replaced, "" if one of them has no value.

    `$Category` is the value of `category` with a capital letter. Values are not looked at again.
    """
    values = {}
    for name in _SLOT.findall(phrase):
        value = slots.get(name.lower(), "")
        if not value:
            return ""
        values[name] = value[0].upper() + value[1:] if name[0].isupper() else value
    return Template(phrase).substitute(values)

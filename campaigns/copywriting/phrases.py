"""The phrases of the offline writer, read from wording/*.toml, and the lexicon of what shops call things."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from string import Template
from typing import Any

from campaigns.copywriting.languages import SUPPORTED

_FOLDER = Path(__file__).parent / "wording"
_SLOT = re.compile(r"\$([A-Za-z]+)")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
# Spanish "y" gives way before the same sound: "madera e hilo", but "agua y hielo".
_SOUNDS_LIKE_I = re.compile(r"h?i(?![eaou])|h?í", re.IGNORECASE)


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def prepare() -> None:
    """Read all tables now; else each is read when it is first asked for."""
    for name in (*SUPPORTED, "lexicon", "domains"):
        _table(name)
    _domain_of_term()


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """The phrases of one language; `of` gives the alternatives for a field, `safe` the last resorts."""

    language: str

    def of(self, field: str, kind: str, domain: str = "") -> tuple[str, ...]:
        """The phrases for a field ("subject", "line", ...) and a kind ("loyal", "general", ...).

        Those of the `domain` (a name of wording/domains.toml) join those that suit any shop. Each stands for
        all of `wordings_of` it.
        """
        return _phrases(self.language, field, kind, domain)

    def safe(self, field: str) -> tuple[str, ...]:
        """Phrases that name nothing and nobody, and that have as few words as possible in common."""
        return tuple(_table(self.language)["safe"][field])

    def word(self, family: str, term: str) -> str:
        """The word for a category or tag in this language, "" if the lexicon has none."""
        return str(_table("lexicon")[family].get(term.strip().casefold(), {}).get(self.language, ""))

    def joined(self, items: list[str]) -> str:
        """One item, or two with "and" between them."""
        if len(items) < 2:
            return "".join(items)
        word = _table(self.language)["and"]
        if self.language == "es" and _SOUNDS_LIKE_I.match(items[-1]):
            word = "e"
        return f" {word} ".join(items)


@cache
def _phrases(language: str, field: str, kind: str, domain: str) -> tuple[str, ...]:
    table = _table(language)
    own = table.get(domain, {}).get(field, {}).get(kind, ()) if domain else ()
    return (*table.get(field, {}).get(kind, ()), *own)


@cache
def _domain_of_term() -> dict[str, str]:
    return {term: domain for domain, terms in reversed(_table("domains").items()) for term in terms}


def domain_of(category: str, tags: Iterable[str]) -> str:
    """What kind of goods this is ("outdoor", "reading", ...), "" where neither category nor tags tell."""
    known = _domain_of_term()
    return next((known[term] for term in map(_term, (category, *tags)) if term in known), "")


def _term(text: str) -> str:
    # A category of megabytes is none that is listed, and need not be folded to know that.
    return text.strip().casefold() if len(text) <= 40 else ""


@lru_cache(maxsize=8192)
def wordings_of(phrase: str) -> tuple[str, ...]:
    """All ways of saying a phrase: "[a|b] c" gives "a c" and "b c"."""
    pieces = _CHOICE.split(phrase)
    choices = [piece.split("|") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return tuple("".join(chosen) for chosen in product(*choices))


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
    return Template(phrase).substitute(values) if values else phrase

"""Characters by which words hide from the guard, and texts as its patterns see them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from campaigns.core.characters import is_number

TEXTS_KEPT = 1024
"""Of so many texts it is remembered what a rule of the guard said: those of a batch are asked about again, while the
texts of a whole campaign would take megabytes and hardly ever come again."""
# All white space but the single plain space, which is already what it would become.
_UNEVEN_SPACES = re.compile(r"\s{2,}|[^\S ]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_MAYBE_NUMBER = re.compile(r"[0-9]|[^\x00-\x7f]")
_PLAIN = {
    **dict.fromkeys(map(ord, "‐‑‒–—−"), "-"),
    **dict.fromkeys(map(ord, "’‘ʼ´`"), "'"),
    **dict.fromkeys(map(ord, "。｡"), "."),
}
# Letters that Unicode does not take apart into a plain one and its accent.
_NEAR = {
    "ø": "o",
    "æ": "ae",
    "œ": "oe",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ı": "i",
    "ŧ": "t",
    "ß": "ss",
}


def is_foreign_letter(character: str) -> bool:
    """A letter that none of the supported languages uses; a Cyrillic "а" would hide a word from the guard."""
    if character.isascii():
        return False
    if not character.isalpha():
        return _is_lettered_sign(character)
    # Beyond Latin Extended-B there are small capitals, phonetic and mathematical letters ("ꜰʀᴇᴇ", "𝐟𝐫𝐞𝐞").
    known = character <= "\u024f" or "\u1e00" <= character <= "\u1eff"
    return not known


def _is_lettered_sign(character: str) -> bool:
    """Letters in circles and squares, and those that make flags: "ⓕⓡⓔⓔ", "🅵🆁🅴🅴"."""
    return "\u249c" <= character <= "\u24e9" or "\U0001f110" <= character <= "\U0001f1ff"


def first_number(text: str) -> str:
    """The first character that `is_number`, or ""."""
    # Of most texts only a few characters come into question, and they are found at the speed of a search.
    return next((c for c in _MAYBE_NUMBER.findall(text) if is_number(c)), "")


def first_foreign_letter(text: str) -> str:
    """The first character that `is_foreign_letter`, or ""."""
    return next((c for c in _BEYOND_ASCII.findall(text) if is_foreign_letter(c)), "")


@lru_cache(maxsize=2048)
def fold(text: str) -> str:
    """`text` as the guard's patterns see it: compatibility forms resolved, lower case, without accents."""
    flat = unicodedata.normalize("NFKC", text).casefold()
    bare = flat
    if not flat.isascii():
        bare = _BEYOND_ASCII.sub(_plain, unicodedata.normalize("NFKD", flat))
    return _UNEVEN_SPACES.sub(" ", bare.translate(_PLAIN))


def _plain(found: re.Match[str]) -> str:
    """A character without what nobody sees: marks on letters, and invisible ones that split words."""
    character = found[0]
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    return _NEAR.get(character, character)

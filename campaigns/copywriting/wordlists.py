"""Finding the words of a brief's lists in a text, however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from campaigns.copywriting.characters import fold

# "cheap" is also said by "cheaper" and "cheapest", "Rabatt" by "Rabatte"; a short word has only its plural.
_ENDING, _SHORT_ENDING = r"\w{0,3}", r"s?"
_SHORT_WORD = 4
_GAP = re.compile(r"[ -]+")


def first_said(text: str, phrases: Iterable[str]) -> str:
    """The first of `phrases` that `text` says, "" if none: as whole words, whatever case, accents and endings."""
    wanted = tuple(phrases)
    if not wanted:
        return ""
    folded = fold(text)
    return next((phrase for phrase in wanted if _as_said(phrase).search(folded)), "")


@lru_cache(maxsize=4096)
def _as_said(phrase: str) -> re.Pattern[str]:
    words = [re.escape(word) for word in _GAP.split(fold(phrase).strip(" -")) if word]
    if not words:
        return re.compile(r"(?!)")
    ending = _ENDING if len(words[-1]) >= _SHORT_WORD else _SHORT_ENDING
    return re.compile(rf"(?<!\w){'[ -]?'.join(words)}{ending}(?!\w)")

"""Words in capitals, which shout."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from campaigns.copywriting.characters import TEXTS_KEPT, fold

_WORD = re.compile(r"[^\W\d_]+")
# "USB, GPS and LED" are three, and not one shout.
_WORD_OR_PAUSE = re.compile(r"[^\W\d_]+|[,;:/()\n]")
_CAPITALS = re.compile(r"[^\W\d_a-zß-öø-ÿ]{2}")
# UV, GPS, LED and UNESCO are how these are written; one longer word, or two side by side, are not.
_LONGEST_ACRONYM = 4
_LEAST_TOGETHER = 6


@lru_cache(maxsize=TEXTS_KEPT)
def may_shout(text: str) -> bool:
    """Whether two capitals follow one another, as in most texts they do not."""
    return bool(_CAPITALS.search(text))


def shouted(text: str, known: Iterable[str]) -> str:
    """The first word or words of `text` in capitals that are not so written in the `known` texts, or ""."""
    own = {fold(word) for name in known for word in _WORD.findall(name)}
    together: list[str] = []
    for word in _WORD_OR_PAUSE.findall(text + "\n"):
        if len(word) > 1 and word.isupper() and fold(word) not in own:
            together.append(word)
            continue
        letters = sum(map(len, together))
        long_one = any(len(one) > _LONGEST_ACRONYM for one in together)
        if long_one or (len(together) > 1 and letters >= _LEAST_TOGETHER):
            return " ".join(together)
        together = []
    return ""

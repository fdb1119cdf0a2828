"""Names in a text that are not the ones given: of other products, and given ones not letter for letter.

What can be told without a dictionary: in English, French and Spanish two capitalised words in the middle of a
sentence are a name. In German every noun is capitalised, and a name of one word looks like any other; there only
the digits of a false name are seen, by another rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from campaigns.copywriting.characters import TEXTS_KEPT, fold

CAPITALS_MEAN_NAMES = ("en", "fr", "es")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
# After these a capital is only the beginning of a sentence, or of a quotation.
_BEGINS = re.compile(r"(?:^|[.!?…:;\n\"“”«»‘(–—•|¡¿-])\s*$")
# What is capitalised and names no product.
_CAPITALISED = (
    "i i'm i'd i'll i've christmas easter new year year's day eve mother's father's valentine's boxing father mother"
    " noel saint nouvel an paques fete meres peres navidad ano nuevo pascua reyes magos dia madre padre santa semana"
    " xmas halloween hello ok"
)
_OCCASIONS = frozenset(_CAPITALISED.split())
_TITLE_CASE = 0.75


@lru_cache(maxsize=TEXTS_KEPT)
def may_hold_names(text: str) -> bool:
    """Whether there are two capitalised words side by side, which most texts have not."""
    return bool(_SIDE_BY_SIDE.search(text))


_SIDE_BY_SIDE = re.compile(r"(?<![^\W_])[^\W\d_a-zß-öø-ÿ][\w'’-]* [^\W\d_a-zß-öø-ÿ][\w'’-]*")


def unknown_name(text: str, known: Iterable[str]) -> str:
    """The first name in `text` (without the given titles) of which a word is not in the `known` texts, or ""."""
    found = list(_WORD.finditer(text))
    if _is_title_case([word[0] for word in found]):
        return ""
    expected = _OCCASIONS | {fold(word) for name in known for word in _WORD.findall(name)}
    for one, other in pairwise(found):
        if text[one.end() : other.start()] != " " or not (_is_capital(one[0]) and _is_capital(other[0])):
            continue
        if _BEGINS.search(text[: one.start()]):
            continue
        if not {fold(one[0]), fold(other[0])} <= expected:
            return f"{one[0]} {other[0]}"
    return ""


def _is_capital(word: str) -> bool:
    return word[0].isupper()


def _is_title_case(words: list[str]) -> bool:
    """A Headline Written Like This says nothing by its capitals."""
    return len(words) > 2 and sum(map(_is_capital, words)) >= _TITLE_CASE * len(words)

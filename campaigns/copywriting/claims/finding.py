"""Which claims a text makes."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from campaigns.copywriting.characters import TEXTS_KEPT, fold
from campaigns.copywriting.claims.dates import CALENDAR, DEADLINE
from campaigns.copywriting.claims.matching import Family, Finder, finders_of, first_claim
from campaigns.copywriting.claims.numbers import NUMBER_IN_WORDS
from campaigns.copywriting.claims.praise import COMPARISON, POPULARITY, SUPERLATIVE
from campaigns.copywriting.claims.pressure import SCARCITY, STOCK
from campaigns.copywriting.claims.pretending import CONTACT, PRETENCE
from campaigns.copywriting.claims.prices import AMOUNT_IN_WORDS, DISCOUNT, FREE, MONEY, PERCENT
from campaigns.copywriting.claims.promises import ENVIRONMENT, HEALTH, MATERIALS, bears_out
from campaigns.copywriting.claims.reader import KNOWS_THE_READER
from campaigns.copywriting.languages import SUPPORTED
from campaigns.models.values import ProductFacts

FAMILIES = (
    MONEY,
    PERCENT,
    AMOUNT_IN_WORDS,
    NUMBER_IN_WORDS,
    FREE,
    SCARCITY,
    STOCK,
    CALENDAR,
    DEADLINE,
    SUPERLATIVE,
    COMPARISON,
    HEALTH,
    ENVIRONMENT,
    PRETENCE,
    CONTACT,
)
_MOST_TAGS, _MOST_LOOKED_AT = 50, 2000
_PLACEHOLDER = re.compile(r"\{([a-z]*)[a-z0-9_]*\}")
# Between letters only: "5. left" and "{offer_amount}. Off" are claims.
_SENTENCE_ENDS = re.compile(r"(?<=[^\W\d_][.!?])\s+(?=[^\W\d_])")
# Signs between two letters by which a word can be hidden: "dis-count", "s.ale", "ra·batt".
_INSIDE_WORD = re.compile(r"(?<=[^\W\d_])[-.*·•|~^/+=:](?=[^\W\d_])")


class Claim(NamedTuple):
    """The rule that is broken and what is wrong; whether a product's title may say it; what may make it true.

    `concept` is "" where nothing does, "offer" or "popularity", or a key of MATERIALS.
    """

    rule: str
    message: str
    in_titles: bool
    concept: str


@lru_cache(maxsize=TEXTS_KEPT)
def claims_in(text: str, language: str) -> tuple[Claim, ...]:
    """The claims in `text`, one of a family at most; placeholders count as data, not as claims."""
    # Nearly no claim goes over the end of a sentence, and sentences come again in other texts.
    sentences = _SENTENCE_ENDS.split(text)
    if any(_may_claim(sentence, language) for sentence in sentences) or (
        len(sentences) > 1 and any(_wide_claim().first(view) for view in _as_seen(text))
    ):
        return tuple(_found(_as_seen(text), language))
    return ()


@lru_cache(maxsize=TEXTS_KEPT)
def _may_claim(sentence: str, language: str) -> bool:
    """Whether there is any claim in it: one search finds out that most texts claim nothing at all."""
    finders = (_any_claim(), _any_own_claim(language))
    return any(finder.first(view) for view in _as_seen(sentence) for finder in finders)


def prepare() -> None:
    """Compile now, in some tenths of a second, what is otherwise compiled bit by bit as words ask for it."""
    families = [finders_of(family) for _, family in _families()]
    every = [finder for common, own in families for finder in (common, *own.values())]
    for finder in (_any_claim(), _wide_claim(), *map(_any_own_claim, SUPPORTED), *every):
        finder.compile()


def words_of_acquaintance(text: str, language: str) -> str:
    """The words in `text` that show knowledge of the customer, which takes consent to profiling; ""."""
    return first_claim(KNOWS_THE_READER, fold(text), language)


def is_claimed_in_data(concept: str, product: ProductFacts) -> bool:
    """Whether the product's own data says what a copy says of it."""
    return bears_out(concept, _data(product))


@lru_cache(maxsize=4096)
def _data(product: ProductFacts) -> str:
    told = (product.title, product.category, *product.tags[:_MOST_TAGS], product.description)
    return fold("\n".join(text[:_MOST_LOOKED_AT] for text in told))


def _as_seen(text: str) -> list[str]:
    """The text as the tables see it, and once more without the signs that split words."""
    # What a placeholder stands for stays visible: "{offer_amount} off" is seen as "{offer} off".
    folded = _PLACEHOLDER.sub(lambda found: f"{{{found.group(1)}}}", fold(text))
    folded = folded.replace("_", " ")
    squeezed = _INSIDE_WORD.sub("", folded)
    return [folded] if squeezed == folded else [folded, squeezed]


def _found(seen: list[str], language: str) -> list[Claim]:
    claims = []
    for concept, family in _families():
        words = next((words for view in seen if (words := first_claim(family, view, language))), "")
        if words:
            message = family.message.format(words)
            claims.append(Claim(family.rule, message, family.in_titles, concept))
    return claims


@cache
def _families() -> list[tuple[str, Family]]:
    may_be_true = [("offer", DISCOUNT), ("popularity", POPULARITY), *MATERIALS.items()]
    return [*(("", family) for family in FAMILIES), *may_be_true]


@cache
def _any_claim() -> Finder:
    return Finder(pattern for _, family in _families() for pattern in family.common())


@cache
def _wide_claim() -> Finder:
    """Those that leave room for any words between theirs."""
    return Finder(pattern for _, family in _families() for pattern in family.everything() if ".{" in pattern)


@cache
def _any_own_claim(language: str) -> Finder:
    return Finder(pattern for _, family in _families() for pattern in family.own.get(language, ()))

"""What may stand in for a product that is sold out: the same sort of thing for the same use, unless people say otherwise.

Gates come first, and whatever passes none is no substitute however near its price and colour are: the same
category, the same use, a price within half to double, the same size where both tell one. Among those that pass, the
the most alike by title, brand, size and price is best, and what other customers took instead counts on top. What
people list for a product themselves comes before all that, and asks for no gate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from campaigns.models.values import ProductFacts
from campaigns.recommend.rules import ALIKE, BRAND, LISTED, MARGIN_TAG, StandInRules, folded
from campaigns.recommend.sensitive import plain_words
from campaigns.recommend.substitute_words import LOOKS, SIZE_UNITS, SIZES
from campaigns.recommend.texts import text_vectors

_PRICE_RATIO = 2.0
_SIZE_RATIO = 1.5
# Two titles are of one thing where this share of all their telling words is in both.
_WORDS_SHARED = 0.4
_USES_SHARED = 1 / 3
# What each likeness is worth; the words of a title say most of what a thing is.
_WORDS_WORTH, _BRAND_WORTH, _PRICE_WORTH, _SIZE_WORTH, _USES_WORTH = 1.0, 0.3, 0.4, 0.2, 0.6
# What customers took counts like this much of a likeness, drawn towards what is usual by so many showings.
_TAKEN_WORTH, _USUAL_SHOWINGS, _USUAL_TAKEN = 2.0, 20.0, 0.05
_USUAL = StandInRules()
_MEASURE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-z]+)")
# Tags that tell when or how a thing is sold, and not what it is for.
_NO_USE = ("weather:", MARGIN_TAG, "durable", "clearance", "sale", "new", "bestseller", "consumable")


@dataclass(frozen=True, slots=True)
class Accepted:
    """How often a substitute was shown in place of a product, and how often the customer then took it."""

    shown: int
    taken: int

    @property
    def share(self) -> float:
        """The share that took it, drawn towards the usual share while few have seen it."""
        return (self.taken + _USUAL_TAKEN * _USUAL_SHOWINGS) / (self.shown + _USUAL_SHOWINGS)


Learned = Mapping[tuple[int, int], Accepted]
"""By (id of what was sold out, id of what stood in for it)."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What decides whether one thing may stand in for another; `sort` are the telling words of its category."""

    category: str
    sort: frozenset[str]
    uses: frozenset[str]
    nouns: frozenset[str]
    brand: str
    price: float
    currency: str
    sizes: frozenset[str]
    measures: Mapping[str, float] = field(default_factory=dict)


class Substitutes:
    """Finds stand-ins among the products of a shop; what was worked out for one is kept.

    Args:
        catalogue: all products by id, the sold-out ones among them.
        learned: what customers accepted so far (substitute_learning.py).
    """

    def __init__(self, catalogue: Mapping[int, ProductFacts], learned: Learned | None = None) -> None:
        self._catalogue = catalogue
        self._learned = learned or {}
        self._of_category: dict[str, list[int]] = {}
        for key in sorted(catalogue):
            self._of_category.setdefault(folded(catalogue[key].category), []).append(key)
        self._kinds: dict[int, _Kind] = {}
        self._ranked: dict[tuple[int, frozenset[str], float | None], tuple[int, ...]] = {}
        self._by_sku = {product.sku: key for key, product in catalogue.items()}

    def of(self, product_id: int, rules: StandInRules = _USUAL) -> tuple[int, ...]:
        """Ids of all that may stand in for a product, the best first; whether they are in stock is not asked."""
        return tuple(dict.fromkeys((*self._listed(product_id, rules), *self._by_rule(product_id, rules))))

    def best(
        self,
        product_id: int,
        allowed: Callable[[int], bool],
        taken: Collection[int] = (),
        rules: StandInRules = _USUAL,
    ) -> int | None:
        """The best that is `allowed` and not `taken` yet; None where nothing may stand in."""
        # One after the other: a whole category is not gone through for each mail.
        found = chain(self._listed(product_id, rules), self._by_rule(product_id, rules))
        return next((key for key in found if key not in taken and allowed(key)), None)

    def _by_rule(self, product_id: int, rules: StandInRules) -> tuple[int, ...]:
        asked = product_id, rules.choose, rules.price_within
        known = self._ranked.get(asked)
        if known is None:
            known = self._ranked[asked] = self._worked_out(product_id, rules)
        return known

    def _listed(self, product_id: int, rules: StandInRules) -> list[int]:
        product = self._catalogue.get(product_id)
        listed = rules.instead.get(product.sku, ()) if product else ()
        return [self._by_sku[sku] for sku in listed if sku in self._by_sku]

    def _worked_out(self, product_id: int, rules: StandInRules) -> tuple[int, ...]:
        product = self._catalogue.get(product_id)
        if product is None or not folded(product.category) or LISTED in rules.choose:
            return ()
        own = self._kind(product_id)
        fitting = [
            key
            for key in self._of_category[folded(product.category)]
            if key != product_id and fits(own, self._kind(key), rules)
        ]
        if not fitting:
            return ()
        words = _alike([product.title, *(self._catalogue[key].title for key in fitting)])
        worth = {
            key: alike + _likeness(own, self._kind(key)) + self._taken(product_id, key)
            for key, alike in zip(fitting, words, strict=True)
        }
        return tuple(sorted(fitting, key=lambda key: (-worth[key], key)))

    def _taken(self, product_id: int, key: int) -> float:
        accepted = self._learned.get((product_id, key))
        return 0.0 if accepted is None else _TAKEN_WORTH * (accepted.share - _USUAL_TAKEN)

    def _kind(self, key: int) -> _Kind:
        known = self._kinds.get(key)
        if known is None:
            known = self._kinds[key] = kind_of(self._catalogue[key])
        return known


def may_stand_in(one: ProductFacts, other: ProductFacts) -> bool:
    """Whether `other` may be offered in place of `one`, by all gates."""
    return one.id != other.id and fits(kind_of(one), kind_of(other))


def tells_of_use(tag: str) -> bool:
    """Whether a tag (folded) tells what a thing is or is for, and not when or how it is sold."""
    return not tag.startswith(_NO_USE)


def fits(one: _Kind, other: _Kind, rules: StandInRules = _USUAL) -> bool:
    """The gates; all but that of `price_within`, a share of the price of `one`, are the same in both directions."""
    return (
        bool(one.category)
        and one.category == other.category
        and _near_price(one, other)
        and (ALIKE not in rules.choose or (_same_use(one, other) and _same_size(one, other)))
        and (BRAND not in rules.choose or (bool(one.brand) and one.brand == other.brand))
        and (rules.price_within is None or _within(one.price, other.price, rules.price_within))
    )


def kind_of(product: ProductFacts) -> _Kind:
    """What a product is, from its own data."""
    words = _words_of(product.title)
    tags = {folded(tag) for tag in product.tags}
    return _Kind(
        category=folded(product.category),
        sort=_nouns(_words_of(product.category)),
        uses=frozenset(tag for tag in tags if tells_of_use(tag) and plain_words(tag) not in LOOKS),
        nouns=_nouns(words),
        brand=folded(product.brand),
        price=float(product.price),
        currency=product.currency,
        sizes=frozenset(word for word in words if word in SIZES),
        measures=_measures(plain_words(product.title)),
    )


def _same_use(one: _Kind, other: _Kind) -> bool:
    """By the words for what it is; tags help only where both titles say that they are what the category says.

    A shop may have put a mushroom and a sanitary towel into one category, "Household" or "Pink", with one tag, "home".
    "Gloves & socks" names two things, and does not tell which of them a product is.
    """
    together = one.nouns | other.nouns
    if together and len(one.nouns & other.nouns) >= _WORDS_SHARED * len(together):
        return True
    both_are_it = len(one.sort) == 1 and one.sort <= one.nouns & other.nouns
    uses = one.uses | other.uses
    return both_are_it and bool(uses) and len(one.uses & other.uses) >= _USES_SHARED * len(uses)


def _near_price(one: _Kind, other: _Kind) -> bool:
    if one.currency != other.currency or min(one.price, other.price) <= 0:
        return False
    return max(one.price, other.price) <= _PRICE_RATIO * min(one.price, other.price)


def _within(price: float, other: float, share: float) -> bool:
    # A hair more, since 11.00 is within 10 % of 10.00.
    return abs(other - price) <= share * price + 1e-9


def _same_size(one: _Kind, other: _Kind) -> bool:
    """A size that both tell must agree: letters exactly, measures of the same unit roughly."""
    if one.sizes and other.sizes and not one.sizes & other.sizes:
        return False
    shared = one.measures.keys() & other.measures.keys()
    return all(_ratio(one.measures[unit], other.measures[unit]) <= _SIZE_RATIO for unit in shared)


def _likeness(one: _Kind, other: _Kind) -> float:
    together = one.uses | other.uses
    shared = one.measures.keys() & other.measures.keys()
    return (
        _BRAND_WORTH * (bool(one.brand) and one.brand == other.brand)
        + _PRICE_WORTH * (1 - math.log(_ratio(one.price, other.price)) / math.log(_PRICE_RATIO))
        + _SIZE_WORTH
        * (bool(one.sizes & other.sizes) or any(one.measures[u] == other.measures[u] for u in shared))
        + _USES_WORTH * (len(one.uses & other.uses) / len(together) if together else 0.0)
    )


def _alike(titles: Sequence[str]) -> list[float]:
    """The cosine of the first title to each of the others, without words of colour."""
    told = [" ".join(word for word in plain_words(title).split() if word not in LOOKS) for title in titles]
    vectors = text_vectors(told)
    return [
        _WORDS_WORTH * float(value) for value in np.asarray((vectors[1:] @ vectors[:1].T).toarray())[:, 0]
    ]


def _words_of(text: str) -> list[str]:
    return [
        word for part in plain_words(text).replace("/", " ").split() if (word := part.strip(".,;:!?()'\"&+"))
    ]


def _nouns(words: Iterable[str]) -> frozenset[str]:
    """The words that say what a thing is, as far as words alone can tell."""
    return frozenset(_stem(word) for word in words if _says_what_it_is(word))


def _says_what_it_is(word: str) -> bool:
    return (
        len(word) > 2 and not any(sign.isdigit() for sign in word) and word not in LOOKS and word not in SIZES
    )


def _stem(word: str) -> str:
    """Singular and plural of most words alike, no more."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _measures(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for number, unit in _MEASURE.findall(text):
        if unit in SIZE_UNITS:
            base, factor = SIZE_UNITS[unit]
            found.setdefault(base, float(number.replace(",", ".")) * factor)
    return {unit: amount for unit, amount in found.items() if amount > 0}


def _ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other)

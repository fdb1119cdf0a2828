"""The products that the rules allow for anybody, as arrays in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from campaigns.models.values import ProductFacts
from campaigns.recommend.choosing import Kind, Limits
from campaigns.recommend.rules import DURABLE_TAG, Rules, folded, margin_of
from campaigns.recommend.variety import alike_codes

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

# A product of which the shop has more than this is not counted at all (values.UNKNOWN_STOCK).
_COUNTED_STOCK = 999_999


class Shelf:
    """C candidates and what of them decides whether they go together.

    Attributes:
        products: the candidates, by ascending id.
        ids: (C,) theirs.
        limits: what may be in one mail together.
        prices: (C,) float32.
        durables: (C,) codes of durable categories, -1 for all others.
        pinned: (p,) columns of the pinned ones, in their order; in place of one that is sold out, what is listed for it.
    """

    def __init__(self, catalogue: Mapping[int, ProductFacts], rules: Rules) -> None:
        self.products = [catalogue[key] for key in sorted(catalogue) if rules.allows(catalogue[key])]
        self.ids = np.array([product.id for product in self.products], np.int64)
        self.prices = np.array([float(product.price) for product in self.products], np.float32)
        categories = codes_of([folded(product.category) for product in self.products])
        kinds = [Kind(categories, rules.per_category)]
        if rules.per_brand is not None:
            brands = codes_of([folded(product.brand) for product in self.products])
            kinds.append(Kind(brands, rules.per_brand))
        if rules.likeness is not None:
            alike = alike_codes([product.title for product in self.products], rules.likeness)
            kinds.append(Kind(codes_of(alike.tolist(), none=-1), 1))
        self.limits = Limits(kinds, *_enemies(self.products, rules.never_together))
        self._durable_categories = _durable_categories(catalogue, rules)
        self.durables = self.durable_codes(self.products)
        column = {product.sku: place for place, product in enumerate(self.products)}
        self.pinned = np.array([column[sku] for sku in _pinned(rules, column)], np.int64)

    def durable_codes(self, products: Sequence[ProductFacts]) -> Ints:
        """The codes of the durable categories of any products, -1 for all others."""
        known = self._durable_categories
        return np.array([known.get(folded(product.category), -1) for product in products], np.int64)

    def weights(self, rules: Rules, recent_buyers: NDArray[np.int32]) -> Floats:
        """(C,) by what each score is multiplied: the shop's favour, margin, and stock to be cleared."""
        weights = np.ones(len(self.products))
        for favour in rules.favour:
            meant = np.array([favour.products.holds(product) for product in self.products], bool)
            weights[meant] *= favour.weight
        if rules.margin:
            weights *= 1 + rules.margin * np.array([margin_of(product) for product in self.products])
        if rules.clear_stock:
            stock = np.array([product.stock for product in self.products], np.float64)
            weights *= 1 + rules.clear_stock * _overstock(stock, recent_buyers)
        return np.asarray(weights, np.float32)


def _pinned(rules: Rules, there: Mapping[str, int]) -> list[str]:
    found: list[str] = []
    for sku in rules.pinned:
        listed = (sku, *rules.stand_ins.instead.get(sku, ()))
        # One that is pinned itself comes in its own place.
        free = (
            one
            for one in listed
            if one in there and (one == sku or one not in rules.pinned) and one not in found
        )
        found += islice(free, 1)
    return found


def codes_of(names: Sequence[str] | Sequence[int], none: str | int = "") -> Ints:
    """One number from 0 for each distinct name, -1 for `none`."""
    codes: dict[str | int, int] = {none: -1}
    for name in names:
        codes.setdefault(name, len(codes) - 1)
    return np.array([codes[name] for name in names], np.int64)


def _durable_categories(catalogue: Mapping[int, ProductFacts], rules: Rules) -> dict[str, int]:
    """Names of categories of which nobody needs a second one soon, numbered."""
    tagged = {
        folded(product.category)
        for product in catalogue.values()
        if product.category and any(folded(tag) == DURABLE_TAG for tag in product.tags)
    }
    return {name: number for number, name in enumerate(sorted(tagged | rules.durable))}


def _enemies(
    products: Sequence[ProductFacts], never_together: Sequence[frozenset[str]]
) -> tuple[Ints | None, NDArray[np.bool_] | None]:
    """(C,) codes of the categories that are never together with some other, and which with which."""
    if not never_together:
        return None, None
    names = sorted(frozenset().union(*never_together))
    number = {name: place for place, name in enumerate(names)}
    enemies = np.zeros((len(names), len(names)), bool)
    for together in never_together:
        places = [number[name] for name in together]
        enemies[np.ix_(places, places)] = True
    np.fill_diagonal(enemies, False)
    groups = [number.get(folded(product.category), -1) for product in products]
    return np.array(groups, np.int64), enemies


def _overstock(stock: NDArray[np.float64], recent_buyers: NDArray[np.int32]) -> NDArray[np.float64]:
    """(C,) from 0 to 1, how much of each there is for each recent buyer; 0 where nobody counts the stock."""
    counted = stock < _COUNTED_STOCK
    left = np.where(counted, stock / (recent_buyers + 1.0), 0)
    ranks = np.searchsorted(np.sort(left[counted]), left, side="left")
    return np.where(counted, ranks / max(int(counted.sum()) - 1, 1), 0.0)

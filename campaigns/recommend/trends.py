"""What is bought lately: by everybody, with older purchases counting less, and in each country."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.recommend.interactions import Interactions
from campaigns.recommend.minimums import at_least

Floats = NDArray[np.float64]

# A purchase this many half-lives old counts a sixteenth, and older ones nothing.
_HALF_LIVES = 4
# What was ordered within a day of the first order belongs to it.
_FIRST_DAYS = 1.0
_ALL_AGAINST_FIRST = np.float32(0.5)
# Where not even the trendiest product has so many buyers, the trend is mostly chance and counts less.
_BUYERS_TO_TRUST = 30.0


def trend_of(past: Interactions, today: float, half_life: float, least: int) -> NDArray[np.float32]:
    """(P,) 0 to 1: the logarithm of the distinct buyers lately, each counting by how long ago it was.

    Log-like, because ten times the buyers do not make a product ten times as good a guess.

    Args:
        today: days since 1970.
        half_life: in days; a purchase that old counts half.
        least: products with fewer distinct buyers in this time have no trend.
    """
    lately = past.since(today - _HALF_LIVES * half_life)
    width = max(len(past.catalogue.ids), 1)
    value = lately.weight * 0.5 ** ((today - lately.day) / half_life)
    # Of each customer's purchases of a product the one that counts most.
    order = np.lexsort((-value, lately.customer * width + lately.product))
    cell = (lately.customer * width + lately.product)[order]
    first = np.diff(cell, prepend=-1) > 0
    counts = np.bincount(lately.product[order][first], value[order][first], minlength=len(past.catalogue.ids))
    trend = np.log1p(np.where(at_least(lately.weighted_buyers(), least) > 0, counts, 0))
    return np.asarray(trend / trend.max(initial=np.log1p(_BUYERS_TO_TRUST)), np.float32)


def newcomer_trend(past: Interactions, today: float, half_life: float, least: int) -> NDArray[np.float32]:
    """(P,) 0 to 1: what is in first orders lately, for whoever comes now buys what others bought when they came.

    First orders are few, so the trend of all orders has its say too.
    """
    first_day = np.full(len(past.customer_ids), np.inf)
    np.minimum.at(first_day, past.customer, past.day)
    first = past.lines(past.day < first_day[past.customer] + _FIRST_DAYS)
    both = trend_of(first, today, half_life, least) + _ALL_AGAINST_FIRST * trend_of(
        past, today, half_life, least
    )
    return np.asarray(both / (1 + _ALL_AGAINST_FIRST), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Distinct recent buyers by country and product, of pairs with enough of them, sorted by country.

    Attributes:
        names: (A,) countries in ascending order.
        starts: (A + 1,) where each country begins in the other two.
        products, buyers: (m,) positions of products, and their distinct buyers in the country.
    """

    names: list[str]
    starts: NDArray[np.int32]
    products: NDArray[np.int32]
    buyers: NDArray[np.int32]


def areas_of(past: Interactions, least: int) -> Areas:
    """What is bought in each country, from at least `least` distinct customers on for each product there."""
    names, area = np.unique(past.country, return_inverse=True)
    weighted = past.weighted()
    width = max(weighted.shape[1], 1)
    rows = np.repeat(area.astype(np.int64), np.diff(weighted.indptr))
    cells, place = np.unique(rows * width + weighted.indices, return_inverse=True)
    counts = at_least(np.bincount(place, weighted.data, minlength=len(cells)), least)
    where, product = np.divmod(cells, width)
    kept = (counts > 0) & (names[where] != "") if len(cells) else np.zeros(0, bool)
    used, codes = np.unique(where[kept], return_inverse=True)
    return Areas(
        names=[str(name) for name in names[used]] if len(used) else [],
        starts=np.searchsorted(codes, np.arange(len(used) + 1)).astype(np.int32),
        products=product[kept].astype(np.int32),
        buyers=counts[kept].astype(np.int32),
    )

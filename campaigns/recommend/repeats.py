"""Buying again: how often which products are bought by the same customer, and who is likely to do it now.

The score of a product for a customer is the sum over their orders of it, each halved with every
`again_half_life` days, times how much the product is bought lately (what left the shelves is not bought again)
and how usual it is to buy it more than once. Personal frequency is hard to beat at this task (Hu et al. 2020,
doi 10.1145/3397271.3401066).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.recommend.interactions import Interactions

Floats = NDArray[np.float32]

# Products with few buyers are taken to be like the rest: this many buyers (gaps) of a usual product stand behind each.
_USUAL_BUYERS, _USUAL_GAPS = 10.0, 20.0
# Two orders within half a day are one purchase in two parcels.
_SHORTEST_GAP = 0.5
_NO_RHYTHM = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """(P,) `rate`: how much likelier than usual a buyer buys it again (1: as usual); `rhythm`: after how many days."""

    rate: Floats
    rhythm: Floats


class BuyingAgain:
    """Scores of products for customers who bought them before, over the P products of a model.

    Args:
        trend: (P,) of the model.
        half_life: in days; an order that old counts half.
        floor: what a product counts that nobody bought lately; the trendiest counts 1 more.
        power: how much the products' rates count; 0: not at all.
        rest: after this share of a product's rhythm two thirds of the wish for it are back; 0: all at once.
    """

    def __init__(
        self, trend: Floats, repeats: Repeats, *, half_life: float, floor: float, power: float, rest: float
    ) -> None:
        self._inclination = (floor + trend) * repeats.rate**power
        self._rhythm = repeats.rhythm
        self._half_life = half_life
        self._rest = rest

    def scores(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], days_ago: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(m,) what each of m purchases adds to the score of the product in `places` for the customer in `rows`."""
        days = np.maximum(days_ago, 0)
        values = 0.5 ** (days / self._half_life) * self._inclination[places]
        if self._rest > 0 and len(days):
            values *= 1 - np.exp(-_since_last(rows, places, days) / (self._rest * self._rhythm[places]))
        return np.asarray(values, np.float64)


def _since_last(
    rows: NDArray[np.int64], places: NDArray[np.int64], days: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(m,) for each purchase the days since the same customer's last one of the same product."""
    cells, cell = np.unique(rows * (places.max() + 1) + places, return_inverse=True)
    last = np.full(len(cells), np.inf)
    np.minimum.at(last, cell, days)
    return np.asarray(last[cell])


def repeats_of(past: Interactions, buyers: NDArray[np.float64]) -> Repeats:
    """What the shop's orders say about buying the same product in several orders.

    Args:
        buyers: (P,) `past.weighted_buyers()`.
    """
    width = max(len(past.catalogue.ids), 1)
    cell = past.customer * width + past.product
    order = np.lexsort((past.day, cell))
    cell, day, weight = cell[order], past.day[order], past.weight[order]
    same = cell[1:] == cell[:-1]
    gap = (day[1:] - day[:-1])[same]
    again = np.flatnonzero(same)[gap > _SHORTEST_GAP] + 1
    return Repeats(
        _rate(np.unique(cell[again], return_index=True), weight[again], buyers),
        _rhythm(cell[again] % width, gap[gap > _SHORTEST_GAP], len(past.catalogue.ids)),
    )


def _rate(
    rebought: tuple[NDArray[np.int64], NDArray[np.intp]],
    weight: NDArray[np.float64],
    buyers: NDArray[np.float64],
) -> Floats:
    products = len(buyers)
    cells, first = rebought
    rebuyers = np.bincount(cells % max(products, 1), weight[first], minlength=products)
    usual = rebuyers.sum() / max(buyers.sum(), 1e-9)
    if usual == 0:
        return np.ones(products, np.float32)
    rate = (rebuyers + _USUAL_BUYERS * usual) / (buyers + _USUAL_BUYERS)
    return np.asarray(rate / usual, np.float32)


def _rhythm(product: NDArray[np.int64], gap: NDArray[np.float64], products: int) -> Floats:
    """The geometric mean of the days between two orders: of a few very long pauses it makes little."""
    if not len(gap):
        return np.full(products, _NO_RHYTHM, np.float32)
    logs = np.log(gap)
    total = np.bincount(product, logs, minlength=products) + _USUAL_GAPS * logs.mean()
    return np.exp(total / (np.bincount(product, minlength=products) + _USUAL_GAPS)).astype(np.float32)

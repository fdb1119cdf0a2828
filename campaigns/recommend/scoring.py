"""Scores of a whole batch of customers over all candidates, by sparse matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.sparserows import from_cells, ones_at

Floats = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What one customer bought: product ids (m,) with repeats allowed, and how many days ago (m,).

    `personal` is the consent to profiling: without it nothing about the customer is used.
    """

    customer_id: int
    products: NDArray[np.int64]
    days_ago: NDArray[np.float64]
    personal: bool


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """The histories of B customers, flat: `rows` (m,) customer, `products` (m,) ids, `days_ago` (m,)."""

    customers: int
    rows: NDArray[np.int64]
    products: NDArray[np.int64]
    days_ago: NDArray[np.float64]

    @classmethod
    def of(cls, histories: Sequence[History]) -> Purchases:
        """All purchases of `histories`."""
        empty_ids, empty_days = np.zeros(0, np.int64), np.zeros(0)
        return cls(
            len(histories),
            np.repeat(np.arange(len(histories)), [len(h.products) for h in histories]).astype(np.int64),
            np.concatenate([empty_ids, *(np.asarray(h.products, np.int64) for h in histories)]),
            np.concatenate([empty_days, *(np.asarray(h.days_ago, np.float64) for h in histories)]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """(B, C) `total` and the (B,) `peak`: the square root of the best personal part of each customer."""

    total: Floats
    peak: Floats


class Scorer:
    """Scores candidates for histories with one model.

    With r = the sum of the weights of the bought products, a score is
    (sqrt(r) + trend_weight * sqrt(best r of this customer) * trend) / (buyers + 1)^popularity_power:
    personal taste and trend, scaled per customer. It cannot rise when a purchase is taken away,
    because no weight is negative. Zero means that neither part knows anything.

    Args:
        model: trained weights.
        candidates: (C,) product ids in any order; one that the model does not know scores zero.
        nameable: ids of products that may be named in a reason; other purchases count for nothing.
    """

    def __init__(
        self, model: RecommenderModel, candidates: NDArray[np.int64], nameable: NDArray[np.int64]
    ) -> None:
        self._ids = model.product_ids
        self.width = len(self._ids)
        self.positions = positions_of(self._ids, candidates)
        known = self.positions >= 0
        self.sources = model.sources[self.positions[known]]
        may_be_named = np.isin(self._ids[self.sources], nameable)
        self.weights = model.weights[self.positions[known]] * may_be_named
        self._row_of_candidate = np.where(known, np.cumsum(known) - 1, -1)
        self._matrix = self._weights_by_source(np.flatnonzero(known), len(candidates))
        self.trend = values_at(model.trend, self.positions) * np.float32(model.trend_weight)
        buyers = values_at(model.buyers, self.positions)
        self.damping = ((buyers + 1.0) ** -model.popularity_power).astype(np.float32)

    def history_matrix(self, purchases: Purchases) -> sparse.csr_array:
        """(B, P) float32 with 1 where the customer bought the model's product."""
        columns = positions_of(self._ids, purchases.products)
        known = columns >= 0
        shape = (purchases.customers, self.width)
        return ones_at(purchases.rows[known], columns[known], shape)

    def scores(self, history: sparse.csr_array) -> Scores:
        """Scores of all candidates for the rows of `history_matrix`."""
        total = (history @ self._matrix).toarray()
        np.sqrt(total, out=total)
        # Over all candidates, bought ones too: a fixed set keeps the peak from rising when a purchase goes.
        peak = total.max(axis=1, initial=0)
        total += peak[:, None] * self.trend
        total *= self.damping
        return Scores(total, peak)

    def strongest(
        self, history: sparse.csr_array, rows: NDArray[np.int64], candidates: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats]:
        """For each (row, candidate): the bought product that adds most, and the root of the personal sum.

        Returns:
            (m,) product ids, 0 where no purchase speaks for the candidate, and (m,) sqrt(r).
        """
        if not len(self.sources):
            return np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
        place = self._row_of_candidate[candidates]
        sources = self.sources[place]
        bought = history.toarray()
        parts = self.weights[place] * bought[rows[:, None], sources] * (place >= 0)[:, None]
        best = parts.argmax(axis=1)
        each = np.arange(len(rows))
        ids = np.where(parts[each, best] > 0, self._ids[sources[each, best]], 0)
        return ids, np.sqrt(parts.sum(axis=1))

    def _weights_by_source(self, candidates: NDArray[np.int64], width: int) -> sparse.csr_array:
        used = self.weights > 0
        columns = np.broadcast_to(candidates[:, None], used.shape)[used]
        return from_cells(self.weights[used], self.sources[used], columns, (self.width, width))


def positions_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of `wanted` in the ascending `ids`, -1 where missing."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    found = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[found] == wanted, found, -1)


def values_at(values: NDArray[Number], positions: NDArray[np.int64]) -> NDArray[Number]:
    """`values` at `positions`, 0 where a position is -1."""
    found = np.zeros(len(positions), values.dtype)
    found[positions >= 0] = values[positions[positions >= 0]]
    return found

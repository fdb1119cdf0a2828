"""Scores of a whole batch of customers over all candidates, by sparse matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend.model import ModelSettings, RecommenderModel
from campaigns.recommend.repeats import BuyingAgain, Repeats
from campaigns.recommend.sparserows import from_cells, ones_at

Floats = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)

# Where the dial of popularity stands when nobody turns it.
AS_LEARNED = 0.5
# From one end of the dial to the other, the power of the number of buyers changes by this much.
_DIAL_POWER = 0.45
# The customer's best new product counts like something trendy bought once, three half-lives ago.
_NEW_AGAINST_AGAIN = np.float32(0.1)


def _no_ids() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


def _no_numbers() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What one customer bought: product ids (m,) with repeats allowed, and how many days ago (m,).

    `personal` is the consent to profiling: without it nothing about the customer is used.

    Attributes:
        country: as the shop's data say, "" where unknown.
        carted: (k,) ids of what lies in their cart and was not bought since.
        clicked: (k,) ids of what they looked at lately, in mails or in the shop, and did not buy since.
        ignored, shown: (k,) ids of what lately handed-over mails showed and nobody clicked, and how often each was
            shown, where older mails count for less.
        last_picks: (k,) ids of what the last mail handed over showed, without what was clicked.
    """

    customer_id: int
    products: NDArray[np.int64]
    days_ago: NDArray[np.float64]
    personal: bool
    country: str = ""
    carted: NDArray[np.int64] = field(default_factory=_no_ids)
    clicked: NDArray[np.int64] = field(default_factory=_no_ids)
    ignored: NDArray[np.int64] = field(default_factory=_no_ids)
    shown: NDArray[np.float64] = field(default_factory=_no_numbers)
    last_picks: NDArray[np.int64] = field(default_factory=_no_ids)


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
    (sqrt(r) + trend_weight * sqrt(best r of this customer) * trend) / (standing + 1)^popularity_power:
    personal taste and trend, scaled per customer. It cannot rise when a purchase is taken away,
    because no weight is negative. Zero means that neither part knows anything.

    Args:
        model: trained weights.
        candidates: (C,) product ids in any order; one that the model does not know scores zero.
        nameable: ids of products that may be named in a reason; other purchases count for nothing.
        popularity: the dial from 0 (what few have) to 1 (what most have); at `AS_LEARNED` it changes nothing.
            For each customer the best n by score are, on the whole, bought by no fewer the higher it is: the sum
            of log(standing + 1) over them never falls.
    """

    def __init__(
        self,
        model: RecommenderModel,
        candidates: NDArray[np.int64],
        nameable: NDArray[np.int64],
        popularity: float = AS_LEARNED,
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
        if not 0 <= popularity <= 1:
            raise ValueError(f"the dial of popularity goes from 0 to 1, not to {popularity}")
        settings = model.settings
        self.trend = values_at(model.trend, self.positions) * np.float32(settings.trend_weight)
        expected = values_at(model.trend + model.inherited_trend, self.positions)
        self._lift = expected * np.float32(settings.trend_weight)
        standing = values_at(model.standing, self.positions)
        power = settings.popularity_power + (AS_LEARNED - popularity) * _DIAL_POWER
        self.damping = damping_of(standing, power)
        self._column = np.full(self.width, -1, np.int64)
        self._column[self.positions[known]] = np.flatnonzero(known)
        self._again = buying_again(model.trend, Repeats(model.repeat_rate, model.rhythm), settings)

    def history_matrix(self, purchases: Purchases) -> sparse.csr_array:
        """(B, P) float32 with 1 where the customer bought the model's product."""
        columns = positions_of(self._ids, purchases.products)
        known = columns >= 0
        shape = (purchases.customers, self.width)
        return ones_at(purchases.rows[known], columns[known], shape)

    def scores(self, history: sparse.csr_array) -> Scores:
        """Scores of all candidates for the rows of `history_matrix`."""
        taste = (history @ self._matrix).toarray()
        np.sqrt(taste, out=taste)
        return with_trend(taste, self._lift, self.damping)

    def again(self, purchases: Purchases) -> Floats:
        """(B, C) how likely each customer buys a candidate again; 0 where they never bought it.

        Repeats in `purchases` are separate orders. It does not depend on the dial.
        """
        places = positions_of(self._ids, purchases.products)
        candidate = places >= 0
        candidate[candidate] = self._column[places[candidate]] >= 0
        rows, places = purchases.rows[candidate], places[candidate]
        values = self._again.scores(rows, places, purchases.days_ago[candidate])
        shape = (purchases.customers, len(self.positions))
        return from_cells(values, rows, self._column[places], shape).toarray()

    def anything(self, purchases: Purchases) -> Floats:
        """(B, C) for lists of whatever a customer may buy next, bought before or not."""
        return new_and_again(self.scores(self.history_matrix(purchases)).total, self.again(purchases))

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


def damping_of(standing: Floats, power: float) -> Floats:
    """(C,) by what scores are multiplied, so that they do not only show what all have."""
    return np.asarray((standing + 1.0) ** -power, np.float32)


def buying_again(trend: Floats, repeats: Repeats, settings: ModelSettings) -> BuyingAgain:
    """Scores of what was bought before, by the numbers of these settings."""
    return BuyingAgain(
        trend,
        repeats,
        half_life=settings.again_half_life,
        floor=settings.again_trend_floor,
        power=settings.again_repeat_power,
        rest=settings.again_rest,
    )


def with_trend(taste: Floats, trend: Floats, damping: Floats) -> Scores:
    """Scores from (B, C) `taste` (which is overwritten), (C,) weighted `trend` and (C,) `damping`."""
    # Over all candidates, bought ones too: a fixed set keeps the peak from rising when a purchase goes.
    peak = taste.max(axis=1, initial=0)
    taste += peak[:, None] * trend
    taste *= damping
    return Scores(taste, peak)


def new_and_again(discover: Floats, again: Floats) -> Floats:
    """(B, C) one score from `discover` (overwritten) and `again`: mostly what was bought, and then the best new."""
    best = np.maximum(discover.max(axis=1, initial=0), np.float32(1e-9))
    discover *= (_NEW_AGAINST_AGAIN / best)[:, None]
    discover += again
    return discover


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

"""One validation cut, with all that does not depend on the tuned numbers worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend.evaluation_splits import Halves
from campaigns.recommend.evaluation_tasks import Task, buy_again, discover, sampled
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.metrics import measured, top_lists
from campaigns.recommend.model import ModelSettings, WeightParts, weight_parts
from campaigns.recommend.repeats import Repeats, repeats_of
from campaigns.recommend.scoring import Floats, buying_again, damping_of, new_and_again, with_trend
from campaigns.recommend.sparserows import column_sums, from_cells, row_blocks
from campaigns.recommend.trends import trend_of

# Scores of the tested customers for all products are kept: at most so many cells, 12 MB of float32 each time.
_MOST_CELLS = 3_000_000

PerCustomer = NDArray[np.float64]


class Trial:
    """Tells how well settings foretell what was bought after a cut, customer by customer (NDCG@10).

    Learning the weights takes seconds of matrix work, and is done here once.

    Args:
        past: what is known, on the day `today` (since 1970).
        repeating: left out where only new products are asked for.
    """

    def __init__(
        self,
        past: Interactions,
        today: float,
        settings: ModelSettings,
        discovering: Task,
        repeating: Task | None = None,
    ) -> None:
        self._past = past
        self._today = today
        self._products = len(past.catalogue.ids)
        self._trends: dict[float, Floats] = {}
        bought = past.weighted()
        self._buyers = column_sums(bought)
        parts = weight_parts(past, bought, settings)
        self._parents = parts.parents
        self.discovering = _sampled(discovering, self._products)
        self._new = _Taste.of(self.discovering, past, parts)
        self.repeating = _sampled(repeating, self._products) if repeating else None
        self._any = _Taste.of(self.repeating, past, parts) if self.repeating else None

    @classmethod
    def of(cls, halves: Halves, settings: ModelSettings) -> Trial:
        """Of everything that was bought after a cut."""
        return cls(halves.past, halves.today, settings, discover(halves), buy_again(halves))

    def discover(self, settings: ModelSettings, hidden: NDArray[np.bool_] | None = None) -> PerCustomer:
        """(n,) for products that the customer never bought, in lists without the `hidden` (P,) ones."""
        task = self.discovering
        found = np.zeros(len(task))
        for rows in row_blocks(len(task), self._products):
            scores = self._scores(self._new, rows, settings)
            scores[task.never[rows].nonzero()] = -np.inf
            if hidden is not None:
                scores[:, hidden] = -np.inf
            found[rows] = measured(top_lists(scores), task.wanted[rows]).ndcg
        return found

    def buy_again(self, settings: ModelSettings) -> PerCustomer:
        """(n,) for whatever the customer buys next."""
        task = self.repeating
        if task is None or self._any is None:
            raise ValueError("this trial asks for new products only")
        again = self._again(task, settings)
        found = np.zeros(len(task))
        for rows in row_blocks(len(task), self._products):
            scores = new_and_again(self._scores(self._any, rows, settings), again[rows].toarray())
            found[rows] = measured(top_lists(scores), task.wanted[rows]).ndcg
        return found

    def _again(self, task: Task, settings: ModelSettings) -> sparse.csr_array:
        buying = buying_again(self._trend(settings), self._repeats, settings)
        orders = self._orders
        values = buying.scores(orders.rows, orders.products, orders.days_ago)
        return from_cells(values, orders.rows, orders.products, (len(task), self._products))

    def _scores(self, taste: _Taste, rows: slice, settings: ModelSettings) -> Floats:
        trend = self._trend(settings)
        trend = trend + self._parents.trend(trend) * np.float32(settings.inherited_trend)
        weighted = trend * np.float32(settings.trend_weight)
        return with_trend(taste.mixed(rows, settings.content_weight), weighted, self._damping(settings)).total

    def _damping(self, settings: ModelSettings) -> Floats:
        return damping_of(self._parents.standing(self._buyers), settings.popularity_power)

    def _trend(self, settings: ModelSettings) -> Floats:
        half_life = settings.trend_half_life
        if half_life not in self._trends:
            self._trends[half_life] = trend_of(self._past, self._today, half_life, settings.least_customers)
        return self._trends[half_life]

    @cached_property
    def _repeats(self) -> Repeats:
        return repeats_of(self._past, self._buyers)

    @cached_property
    def _orders(self) -> _Orders:
        """What the customers of the task to buy again ordered before."""
        place = np.full(len(self._past.customer_ids), -1, np.int64)
        if self.repeating:
            place[self.repeating.rows] = np.arange(len(self.repeating))
        known = self._past.lines(place[self._past.customer] >= 0)
        columns = np.stack([known.customer, known.product, known.order])
        once = np.unique(columns, axis=1, return_index=True)[1]
        return _Orders(place[known.customer[once]], known.product[once], self._today - known.day[once])


@dataclass(frozen=True, slots=True, eq=False)
class _Taste:
    """(n, P) what the purchases of a task's customers say for each product, by each part of the weights."""

    together: Floats
    alike: Floats

    @classmethod
    def of(cls, task: Task, past: Interactions, parts: WeightParts) -> _Taste:
        """Of the customers of `task`."""
        history = past.bought()[task.rows]
        return cls((history @ parts.together.T).toarray(), (history @ parts.alike.T).toarray())

    def mixed(self, rows: slice, content_weight: float) -> Floats:
        """The root of both for some rows."""
        both = self.together[rows] + self.alike[rows] * np.float32(content_weight)
        return np.sqrt(both, out=both)


@dataclass(frozen=True, slots=True, eq=False)
class _Orders:
    """What the customers of a task ordered: (m,) row of the task, product, days ago; once per order."""

    rows: NDArray[np.int64]
    products: NDArray[np.int64]
    days_ago: NDArray[np.float64]


def _sampled(task: Task, products: int) -> Task:
    return sampled(task, max(1, _MOST_CELLS // max(products, 1)))

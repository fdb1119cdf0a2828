"""What is asked of a recommender, and how the answers of several ones are compared.

Protocol: the full catalogue is ranked, without the rules of a mail; a product that nobody bought before the cut
cannot be a hit; metrics are per customer, then the mean, and methods are compared on the same customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend.baselines import Ranker, Viewers
from campaigns.recommend.evaluation_splits import Halves
from campaigns.recommend.intervals import intervals
from campaigns.recommend.metrics import DEPTH, PerCustomer, Positions, measured, spread, top_lists
from campaigns.recommend.sparserows import nothing, row_blocks

# More would narrow the intervals no further than anybody needs, and take minutes on a large shop.
MOST_CUSTOMERS = 20_000
_SEED = 42
OURS = "ours"


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Lists for n customers at `rows`: from what they `bought` (n, P), to meet what they `wanted` (n, P).

    What is in `never` (n, P) is not listed; `newcomers` says that nothing is known of any of them.
    """

    rows: NDArray[np.int64]
    bought: sparse.csr_array
    wanted: sparse.csr_array
    never: sparse.csr_array
    newcomers: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, places: NDArray[np.integer]) -> Task:
        """The same for some of its customers only."""
        return replace(
            self,
            rows=self.rows[places],
            bought=self.bought[places],
            wanted=self.wanted[places],
            never=self.never[places],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The lists (n, DEPTH) of one method for a task, and how good they are."""

    lists: Positions
    per_customer: PerCustomer


def discover(halves: Halves) -> Task:
    """Products that the customer never bought, for customers who bought before and then something new."""
    bought = halves.past.bought()
    wanted = _known_products(_less(halves.future.bought(), bought), bought)
    return _task(bought, wanted, bought, np.diff(bought.indptr) > 0)


def buy_again(halves: Halves) -> Task:
    """Whatever a customer who bought before buys next, bought before or not."""
    bought = halves.past.bought()
    wanted = _known_products(halves.future.bought(), bought)
    return _task(bought, wanted, nothing(*bought.shape), np.diff(bought.indptr) > 0)


def cold_customers(halves: Halves) -> Task:
    """Whatever customers buy first of whom nothing is known.

    With the split by time these are the customers without purchases before the cut. With that by last order
    nobody is: there the tested customers are taken as if they had bought nothing before.
    """
    bought = halves.past.bought()
    wanted = _known_products(halves.future.bought(), bought)
    unknown = np.diff(bought.indptr) == 0
    chosen = unknown if halves.split == "time" else ~unknown
    none = nothing(*bought.shape)
    return replace(_task(none, wanted, none, chosen), newcomers=True)


def _task(
    bought: sparse.csr_array, wanted: sparse.csr_array, never: sparse.csr_array, chosen: NDArray[np.bool_]
) -> Task:
    rows = np.flatnonzero((np.diff(wanted.indptr) > 0) & chosen)
    return sampled(Task(rows, bought[rows], wanted[rows], never[rows]), MOST_CUSTOMERS)


def sampled(task: Task, most: int) -> Task:
    """`most` of its customers, the same ones each time; all of them where there are no more."""
    if len(task) <= most:
        return task
    return task.of(np.sort(np.random.default_rng(_SEED).choice(len(task), most, replace=False)))


def _less(one: sparse.csr_array, other: sparse.csr_array) -> sparse.csr_array:
    left = sparse.csr_array(one - one.multiply(other))
    left.eliminate_zeros()
    return left


def _known_products(wanted: sparse.csr_array, bought: sparse.csr_array) -> sparse.csr_array:
    known = np.bincount(bought.indices, minlength=bought.shape[1]) > 0
    return only_columns(wanted, known)


def only_columns(matrix: sparse.csr_array, kept: NDArray[np.bool_]) -> sparse.csr_array:
    """The matrix with nothing left in columns that are not `kept` (P,)."""
    left = sparse.csr_array(matrix @ sparse.diags_array(kept.astype(np.float32)))
    left.eliminate_zeros()
    return left


def answer(task: Task, ranker: Ranker, allowed: NDArray[np.bool_] | None = None) -> Answer:
    """The best lists by `ranker`, of products that are `allowed` (P,) where that is given."""
    lists = np.full((len(task), DEPTH), -1, np.int64)
    for block in row_blocks(*task.wanted.shape):
        scores = ranker(Viewers(task.rows[block], task.bought[block], task.newcomers))
        scores[task.never[block].nonzero()] = -np.inf
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        lists[block] = top_lists(scores)
    return Answer(lists, measured(lists, task.wanted))


def answers(task: Task, rankers: Mapping[str, Ranker]) -> dict[str, Answer]:
    """Each method's answer, by name."""
    return {name: answer(task, ranker) for name, ranker in rankers.items()}


def table(
    answered: Mapping[str, Answer], buyers: NDArray[np.integer], customers: int
) -> dict[str, dict[str, Any]]:
    """By method: its metrics, what it shows of the catalogue, and by how much ours is better, in pairs.

    `interval` and `ours_better_by` are 95 % intervals of NDCG.

    Args:
        buyers: (P,) distinct buyers before the cut, of `customers` in all.
    """
    ndcg = {name: found.per_customer.ndcg for name, found in answered.items()}
    own = intervals(np.stack(list(ndcg.values()), axis=1))
    apart = intervals(np.stack([ndcg[OURS] - values for values in ndcg.values()], axis=1))
    rows: dict[str, dict[str, Any]] = {}
    for (name, found), each, better in zip(answered.items(), own, apart, strict=True):
        figures = found.per_customer.means() | spread(found.lists, buyers, customers)
        rows[name] = {"customers": len(found.lists)}
        rows[name] |= {key: round(value, 6) for key, value in figures.items()}
        rows[name]["interval"] = each.to_json()
        if name != OURS:
            rows[name]["ours_better_by"] = better.to_json()
    return rows

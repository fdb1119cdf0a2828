"""How well the picks foretell what customers really buy next, against the simple alternatives.

Protocol: only products that the customer never bought are ranked and counted (task "discover"), over
the whole catalogue and without the rules of a mail; relevance is binary; products that nobody bought
before the cut cannot be hits; metrics are per customer, then the mean.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.core.errors import BadInput
from campaigns.recommend.interactions import Interactions, days_since_epoch
from campaigns.recommend.model import ModelSettings, RecommenderModel, train
from campaigns.recommend.scoring import Scorer
from campaigns.recommend.sparserows import row_blocks

Split = Literal["time", "last-order"]
DEPTH = 10
_DEFAULT_TEST_DAYS = 30.0
_AFTER_THE_LAST_LINE = 1 / 86400


def evaluate(
    interactions: Interactions,
    split: Split = "time",
    cut: datetime | None = None,
    days: float | None = None,
    settings: ModelSettings | None = None,
) -> dict[str, Any]:
    """Train before the cut, rank, and compare with what was bought after it.

    Args:
        split: "time" tests on everything after `cut` (default: 30 days before the end) and before
            `cut` + `days`; "last-order" tests on the last order of each customer with two or more.
        cut: aware; for "last-order" only lines before it take part at all.

    Returns:
        `split`, `customers` (how many were tested), `fit_seconds` and for each of `ours`,
        `best_sellers` and `recent_favourites`: `ndcg@10`, `precision@10`, `recall@10`.
    """
    if not len(interactions.day):
        raise BadInput("there are no orders to evaluate on", where="orders")
    past, future, as_of = _split(interactions, split, cut, days)
    model = train(past, datetime.fromtimestamp(as_of * 86400, UTC), settings)
    bought = past.bought()
    wanted = _wanted(bought, future)
    tested = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(bought.indptr) > 0))
    summary: dict[str, Any] = {
        "split": split,
        "customers": len(tested),
        "fit_seconds": model.meta["fit_seconds"],
    }
    for name, ranking in _rankings(model).items():
        summary[name] = _measure(ranking, bought[tested], wanted[tested])
    return summary


def _split(
    interactions: Interactions, split: Split, cut: datetime | None, days: float | None
) -> tuple[Interactions, Interactions, float]:
    """Past, future, and the day that counts as today for the model."""
    if split == "time":
        end = float(interactions.day.max()) + _AFTER_THE_LAST_LINE
        start = days_since_epoch(cut) if cut else end - _DEFAULT_TEST_DAYS
        stop = start + days if days is not None else end
        future = (interactions.day >= start) & (interactions.day < stop)
        return interactions.lines(interactions.day < start), interactions.lines(future), start
    if split != "last-order":
        raise BadInput(f"there is no split {split!r}: use time or last-order", where="split")
    if cut:
        interactions = interactions.lines(interactions.day < days_since_epoch(cut))
    last = _in_last_order(interactions)
    past = interactions.lines(~last)
    return past, interactions.lines(last), float(past.day.max(initial=0)) + _AFTER_THE_LAST_LINE


def _in_last_order(interactions: Interactions) -> NDArray[np.bool_]:
    """Lines of the last order (by time, then by number) of customers with two orders or more."""
    by_time = np.lexsort((interactions.order, interactions.day, interactions.customer))
    customer = interactions.customer[by_time]
    ends = np.flatnonzero(np.append(customer[1:] != customer[:-1], True))
    last_order = np.zeros(len(interactions.customer_ids), np.int64)
    last_order[customer[ends]] = interactions.order[by_time[ends]]
    pairs = np.unique(np.stack([interactions.customer, interactions.order]), axis=1)
    orders = np.bincount(pairs[0], minlength=len(interactions.customer_ids))
    return (orders[interactions.customer] > 1) & (interactions.order == last_order[interactions.customer])


def _wanted(bought: sparse.csr_array, future: Interactions) -> sparse.csr_array:
    """(U, P) what was bought for the first time after the cut, among products known before it."""
    wanted = future.bought()
    wanted = wanted - wanted.multiply(bought)
    seen = np.bincount(bought.indices, minlength=bought.shape[1]) > 0
    wanted = sparse.csr_array(wanted @ sparse.diags_array(seen.astype(np.float32)))
    wanted.eliminate_zeros()
    return wanted


def _rankings(model: RecommenderModel) -> dict[str, Any]:
    scorer = Scorer(model, model.product_ids, model.product_ids)
    products = len(model.product_ids)

    def constant(counts: NDArray[np.int32]) -> Any:
        return lambda bought: np.tile(counts.astype(np.float32), (bought.shape[0], 1)).reshape(-1, products)

    return {
        "ours": lambda bought: scorer.scores(bought).total,
        "best_sellers": constant(model.buyers),
        "recent_favourites": constant(model.recent_buyers),
    }


def _measure(ranking: Any, bought: sparse.csr_array, wanted: sparse.csr_array) -> dict[str, float]:
    discount = 1 / np.log2(np.arange(2, DEPTH + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    totals = np.zeros(3)
    for block in row_blocks(*bought.shape):
        scores = ranking(bought[block])
        scores[bought[block].nonzero()] = -np.inf
        top = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        hits = np.take_along_axis(wanted[block].toarray(), top, axis=1)
        size = np.diff(wanted[block].indptr)
        gain = (hits * discount[: hits.shape[1]]).sum(axis=1) / ideal[np.minimum(size, DEPTH)]
        totals += gain.sum(), hits.sum() / DEPTH, (hits.sum(axis=1) / size).sum()
    means = totals / max(bought.shape[0], 1)
    return {
        f"{name}@{DEPTH}": float(m) for name, m in zip(("ndcg", "precision", "recall"), means, strict=True)
    }

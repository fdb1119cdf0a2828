"""What is other in a model's picks than in those of the model before: which products rise and which fall.

Both make lists for the same sample of customers, from the same orders. What is told is how many of these lists a
product is in, never who is behind a list.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.recommend.baselines import Ranker, Viewers
from campaigns.recommend.evaluation_ours import Ours
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.metrics import gini, head_of, top_lists
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.sparserows import row_blocks

SAMPLE = 2_000
MOST_TOLD = 10
_SEED = 42

Counts = NDArray[np.int64]


def exposure(model: RecommenderModel, interactions: Interactions, today: float) -> tuple[Counts, int]:
    """(P,) in how many lists each product is, of how many customers' lists of DEPTH products new to them."""
    bought = interactions.bought()
    buyers = np.flatnonzero(np.diff(bought.indptr) > 0)
    if len(buyers) > SAMPLE:
        buyers = np.sort(np.random.default_rng(_SEED).choice(buyers, SAMPLE, replace=False))
    ranker: Ranker = Ours(model, interactions, today).discover
    shown = np.zeros(bought.shape[1], np.int64)
    for block in row_blocks(len(buyers), bought.shape[1]):
        rows = buyers[block]
        scores = ranker(Viewers(rows, bought[rows], False))
        scores[bought[rows].nonzero()] = -np.inf
        lists = top_lists(scores)
        shown += np.bincount(lists[lists >= 0], minlength=len(shown))
    return shown, len(buyers)


def changes(
    before: RecommenderModel | None, after: RecommenderModel, interactions: Interactions, today: float
) -> dict[str, Any]:
    """How the picks of `after` are spread over the catalogue, and how they differ from those of `before`.

    Returns:
        `customers` (lists that were made), `after` and `before` ({coverage, head_share, gini}, `before` null where
        there is no such model), `overlap` (the part of places in the lists that kept their product, over all lists
        together), `rises` and `falls`: at most ten products each, by id, with the share of lists before and after.
    """
    now, customers = exposure(after, interactions, today)
    buyers = interactions.buyers()
    told: dict[str, Any] = {"customers": customers, "after": _spread(now, buyers), "before": None}
    if before is None or not customers:
        return told | {"overlap": None, "rises": [], "falls": []}
    then, _ = exposure(before, interactions, today)
    ids = interactions.catalogue.ids
    apart = now - then
    order = np.argsort(apart, kind="stable")
    falls = [place for place in order[:MOST_TOLD] if apart[place] < 0]
    rises = [place for place in order[::-1][:MOST_TOLD] if apart[place] > 0]

    def rows(places: list[np.int64]) -> list[dict[str, Any]]:
        return [
            {
                "product_id": int(ids[place]),
                "before": round(int(then[place]) / customers, 5),
                "after": round(int(now[place]) / customers, 5),
            }
            for place in places
        ]

    return told | {
        "before": _spread(then, buyers),
        "overlap": round(float(np.minimum(now, then).sum() / max(now.sum(), then.sum(), 1)), 5),
        "rises": rows(rises),
        "falls": rows(falls),
    }


def _spread(shown: Counts, buyers: NDArray[np.integer]) -> dict[str, float]:
    places = int(shown.sum())
    if not places:
        return {"coverage": 0.0, "head_share": 0.0, "gini": 0.0}
    return {
        "coverage": round(float((shown > 0).mean()), 5),
        "head_share": round(float(shown[head_of(buyers)].sum() / places), 5),
        "gini": round(gini(shown), 5),
    }

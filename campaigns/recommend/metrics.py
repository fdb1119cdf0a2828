"""How good lists of products are: by what each customer bought then, and by what of the catalogue they show.

Relevance is binary, and every measure is worked out per customer first; its mean is what is reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

DEPTH = 10
# The fifth of the catalogue that sells best is its head; the rest is its tail.
HEAD_SHARE = 0.2

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PerCustomer:
    """(n,) each, in the order of the lists that were measured."""

    ndcg: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    hit: Floats

    def means(self) -> dict[str, float]:
        """The mean of each, by its name in reports; 0 where there are no customers."""
        named = {
            f"ndcg@{DEPTH}": self.ndcg,
            f"precision@{DEPTH}": self.precision,
            f"recall@{DEPTH}": self.recall,
            f"f1@{DEPTH}": self.f1,
            f"hit_rate@{DEPTH}": self.hit,
        }
        return {name: float(values.mean()) if len(values) else 0.0 for name, values in named.items()}


def top_lists(scores: NDArray[np.float32], depth: int = DEPTH) -> Positions:
    """(b, C) scores -> (b, depth) columns, best first; minus infinity is never listed (-1 stands in its place).

    Equal ones come by column; which of them miss the end of the list is arbitrary, and the same each time.
    """
    rows, width = scores.shape
    lists = np.full((rows, depth), -1, np.int64)
    kept = min(depth, width)
    if not kept or not rows:
        return lists
    best = np.argpartition(scores, width - kept, axis=1)[:, width - kept :]
    best.sort(axis=1)
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    lists[:, :kept] = np.where(np.isfinite(np.take_along_axis(values, order, axis=1)), best, -1)
    return lists


def measured(lists: Positions, wanted: sparse.csr_array) -> PerCustomer:
    """Compare lists with what was bought.

    NDCG after Järvelin and Kekäläinen 2002 (doi 10.1145/582415.582418) with gains of 0 and 1; the ideal list
    has min(depth, number wanted) hits at its top. Precision counts the places of the list, filled or not.

    Args:
        lists: (n, depth) columns, best first, -1 for a place that is empty.
        wanted: (n, C), non-zero where the customer bought the product; no row is empty.
    """
    depth = lists.shape[1]
    discount = 1 / np.log2(np.arange(2, depth + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    hits = _hits(lists, wanted)
    size = np.diff(wanted.indptr)
    found = hits.sum(axis=1)
    precision = found / depth
    recall = found / np.maximum(size, 1)
    both = precision + recall
    return PerCustomer(
        ndcg=(hits * discount).sum(axis=1) / np.maximum(ideal[np.minimum(size, depth)], discount[-1]),
        precision=precision,
        recall=recall,
        f1=np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0),
        hit=(found > 0).astype(np.float64),
    )


def _hits(lists: Positions, wanted: sparse.csr_array) -> Floats:
    """(n, depth) 1 where the place of the list holds a wanted product."""
    width = max(wanted.shape[1], 1)
    rows = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
    cells = rows * width + wanted.indices
    listed = np.arange(len(lists))[:, None] * width + lists
    return (np.isin(listed, cells) & (lists >= 0)).astype(np.float64)


def head_of(buyers: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(P,) which products are the most bought fifth of the catalogue."""
    head = np.zeros(len(buyers), bool)
    head[np.argsort(-buyers, kind="stable")[: int(np.ceil(HEAD_SHARE * len(buyers)))]] = True
    return head


def spread(lists: Positions, buyers: NDArray[np.integer], customers: int) -> dict[str, float]:
    """What the lists show of the catalogue.

    `coverage` is the share of products that are in any list; `tail_share` the share of picks outside the head;
    `gini` how unevenly the places are dealt out (0: all products alike, 1: one has all); `novelty` the mean
    surprise of a pick in bits, -log2 of the share of customers who bought it before (Zhou et al. 2010,
    doi 10.1073/pnas.1000488107).

    Args:
        lists: (n, depth), -1 for an empty place.
        buyers: (P,) distinct buyers before the cut, of `customers` in all.
    """
    picks = lists[lists >= 0]
    if not len(picks):
        return {"coverage": 0.0, "tail_share": 0.0, "gini": 0.0, "novelty": 0.0}
    shown = np.bincount(picks, minlength=len(buyers))
    share = np.clip(buyers[picks], 0.5, None) / max(customers, 1)
    return {
        "coverage": float((shown > 0).mean()),
        "tail_share": float((~head_of(buyers)[picks]).mean()),
        "gini": gini(shown),
        "novelty": float(-np.log2(np.minimum(share, 1.0)).mean()),
    }


def gini(counts: NDArray[np.integer]) -> float:
    """The Gini coefficient of (P,) counts, not all of them zero."""
    ordered = np.sort(counts).astype(np.float64)
    places = np.arange(1, len(ordered) + 1)
    return float(((2 * places - len(ordered) - 1) * ordered).sum() / (len(ordered) * ordered.sum()))

"""The best n of each row, with no more of one category than allowed where that is possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The best few are looked at first; a row whose best few are too alike is looked at as a whole.
_WINDOW_PER_PICK = 4
_WINDOW_EXTRA = 40


def choose(
    scores: NDArray[np.float32], categories: NDArray[np.int64], n: int, per_category: int
) -> NDArray[np.int64]:
    """The chosen columns of each row, best first.

    Args:
        scores: (B, C); minus infinity means never.
        categories: (C,) codes; a negative code belongs to no category and is never limited.
        n: how many of each row.
        per_category: how many of one category; exceeded only where the row has nothing else.

    Returns:
        (B, n) columns, -1 where a row has too few that are allowed at all.
    """
    width = scores.shape[1]
    window = min(width, n * _WINDOW_PER_PICK + _WINDOW_EXTRA)
    chosen, within_rule = _choose_among(scores, categories, n, per_category, window)
    again = np.flatnonzero(~within_rule)
    if len(again) and window < width and _can_obey(categories, n, per_category):
        chosen[again] = _choose_among(scores[again], categories, n, per_category, width)[0]
    return chosen


def _choose_among(
    scores: NDArray[np.float32], categories: NDArray[np.int64], n: int, per_category: int, window: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    rows, width = scores.shape
    if window == 0 or rows == 0:
        return np.full((rows, n), -1, np.int64), np.ones(rows, bool)
    best = np.argpartition(scores, width - window, axis=1)[:, width - window :]
    # By column first, so that ties are broken the same way however the partition left them.
    best.sort(axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    allowed = np.isfinite(np.take_along_axis(scores, best, axis=1))
    fits = allowed & (_earlier_of_same(categories[best]) < per_category)
    urgency = np.where(fits, 0, np.where(allowed, 1, 2))
    picked = np.argsort(urgency, axis=1, kind="stable")[:, :n]
    # Places in the window are in order of score, so that sorting them puts the best first again.
    picked.sort(axis=1)
    columns = np.where(
        np.take_along_axis(allowed, picked, axis=1), np.take_along_axis(best, picked, axis=1), -1
    )
    chosen = np.full((rows, n), -1, np.int64)
    chosen[:, : columns.shape[1]] = columns
    return chosen, fits.sum(axis=1) >= n


def _earlier_of_same(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(B, W) -> how many cells to the left in the same row hold the same code; 0 for negative codes."""
    order = np.argsort(codes, axis=1, kind="stable")
    in_order = np.take_along_axis(codes, order, axis=1)
    first = np.ones_like(in_order, dtype=bool)
    first[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    place = np.broadcast_to(np.arange(codes.shape[1]), codes.shape)
    start = np.maximum.accumulate(np.where(first, place, 0), axis=1)
    counts = np.empty_like(codes)
    np.put_along_axis(counts, order, place - start, axis=1)
    return np.where(codes < 0, 0, counts)


def _can_obey(categories: NDArray[np.int64], n: int, per_category: int) -> bool:
    sizes = np.bincount(categories[categories >= 0]) if (categories >= 0).any() else np.zeros(0, np.int64)
    return int(np.minimum(sizes, per_category).sum() + (categories < 0).sum()) >= n

"""The best n of each row, with no more of a kind than allowed where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.recommend.sparserows import row_blocks

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

# The best few are looked at first; a row whose best few are too alike is looked at as a whole.
_WINDOW_PER_PICK = 4
_WINDOW_EXTRA = 40
# A score between -1 and +infinity becomes one between -1 and 1, this far below for every rule that it breaks.
_STEP = 4.0
_CLOSED = np.iinfo(np.int32).max
# A row that is looked at as a whole needs about so many arrays of its width.
_ARRAYS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One way to sort the C candidates: `codes` (C,), negative for none; at most `most` of one code in a row."""

    codes: Ints
    most: int

    def enough_for(self, n: int) -> Kind:
        """The same with the least higher limit under which n candidates can be chosen at all, if they can."""
        sizes = np.bincount(self.codes[self.codes >= 0]) if (self.codes >= 0).any() else np.zeros(0, np.int64)
        free = int((self.codes < 0).sum())
        most = self.most
        while most < n and np.minimum(sizes, most).sum() + free < min(n, len(self.codes)):
            most += 1
        return Kind(self.codes, most)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What the picks of one row may be together.

    Args:
        kinds: limits that are exceeded only where a row has nothing else.
        groups: (C,) codes of which `enemies` (G, G) tells those that are never in one row; negative for none.
    """

    kinds: Sequence[Kind] = ()
    groups: Ints | None = None
    enemies: Bools | None = None

    def enough_for(self, n: int) -> Limits:
        """The same where the limit of each kind lets n candidates through, if there are so many."""
        return Limits([kind.enough_for(n) for kind in self.kinds], self.groups, self.enemies)


def lowered(scores: Floats, steps: int = 1) -> Floats:
    """Scores of candidates that break a limit of their row: below all that break fewer, in the same order."""
    compressed = np.where(scores > 0, scores / (1 + np.abs(scores)), scores)
    return np.asarray(compressed - np.float32(_STEP * steps), np.float32)


def steps_of(scores: Floats) -> NDArray[np.int32]:
    """By how many steps these scores were lowered."""
    return np.rint(-np.clip(scores, -_STEP * 100, 0) / _STEP).astype(np.int32)


def choose(
    scores: Floats, limits: Limits, n: int, taken: Ints | None = None, most: Ints | None = None
) -> Ints:
    """The chosen columns of each row, best first.

    A greedy choice: at each step the best of what breaks fewest limits.

    Args:
        scores: (B, C); minus infinity means never; see `lowered`.
        limits: what may be in one row together.
        n: how many of each row.
        taken: (B, m) columns that are in the row already, -1 for none; they are not chosen again.
        most: (B,) how many of each row where that differs, up to `n`.

    Returns:
        (B, n) columns, -1 where a row has too few that are allowed at all.
    """
    rows, width = scores.shape
    chosen = np.full((rows, n), -1, np.int64)
    if not rows or not width or n < 1:
        return chosen
    most = np.full(rows, n) if most is None else most
    if taken is not None and taken.size:
        scores = scores.copy()
        at, _ = np.nonzero(taken >= 0)
        scores[at, taken[taken >= 0]] = -np.inf
    window = min(width, n * _WINDOW_PER_PICK + _WINDOW_EXTRA)
    chosen, settled = _choose_among(scores, limits, most, n, window, taken)
    again = np.flatnonzero(~settled)
    if window < width:
        for block in row_blocks(len(again), _ARRAYS * width):
            rows_of = again[block]
            own = None if taken is None else taken[rows_of]
            chosen[rows_of] = _choose_among(scores[rows_of], limits, most[rows_of], n, width, own)[0]
    if limits.enemies is not None:
        _without_dead_ends(scores, limits, most, chosen, taken)
    return chosen


def _choose_among(
    scores: Floats, limits: Limits, most: Ints, n: int, window: int, taken: Ints | None
) -> tuple[Ints, Bools]:
    """The choice among the best `window` of each row, and (B,) whether looking at more could not better it."""
    best = _best(scores, window)
    row = np.arange(len(scores))
    values = np.take_along_axis(scores, best, axis=1)
    room = _Room(limits, best)
    for place in range(0 if taken is None else taken.shape[1]):
        room.take(taken[:, place])  # type: ignore[index]
    order = np.arange(window, dtype=np.int32)
    base = order + steps_of(values) * np.int32(2 * window)
    base[~np.isfinite(values)] = _CLOSED
    chosen = np.full((len(scores), n), -1, np.int64)
    settled = np.ones(len(scores), bool)
    # Beyond the window there is nothing better than its last: neither more steps up, nor anything that is allowed.
    last = np.where(np.isfinite(values[:, -1]), steps_of(values[:, -1]), -1)
    for place in range(n):
        rank = np.where(room.full & (base < _CLOSED), base + np.int32(window), base)
        if room.shut is not None:
            rank[room.shut] = _CLOSED
        at = rank.argmin(axis=1)
        least = rank[row, at]
        open_ = most > place
        found = (least < _CLOSED) & open_
        settled &= np.where(
            found, (least // window % 2 == 0) | (least // window // 2 != last), ~open_ | (last < 0)
        )
        columns = np.where(found, best[row, at], -1)
        chosen[:, place] = columns
        base[row, at] = _CLOSED
        room.take(columns)
    return _by_score(scores, chosen), settled


def _best(scores: Floats, window: int) -> Ints:
    """(B, window) the best columns, best first."""
    width = scores.shape[1]
    best = np.argpartition(scores, width - window, axis=1)[:, width - window :]
    # By column first, so that ties are broken the same way however the partition left them.
    best.sort(axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def _by_score(scores: Floats, chosen: Ints) -> Ints:
    """Each row's columns by their scores, what is missing last."""
    own = np.where(chosen >= 0, np.take_along_axis(scores, np.maximum(chosen, 0), axis=1), -np.inf)
    # Of equal scores the lower column comes first, as everywhere.
    order = np.lexsort((chosen, -own), axis=1)
    return np.take_along_axis(chosen, order, axis=1)


class _Room:
    """What still fits into each row, for the candidates `best` (B, W) of it."""

    def __init__(self, limits: Limits, best: Ints) -> None:
        self._kinds = [(kind, kind.codes[best], np.zeros(best.shape, np.int8)) for kind in limits.kinds]
        self._groups = limits.groups
        self._enemies = limits.enemies
        self._group_of = None if limits.groups is None else limits.groups[best]
        self.full = np.zeros(best.shape, bool)
        self.shut = None if limits.enemies is None else np.zeros(best.shape, bool)

    def take(self, columns: Ints) -> None:
        """One candidate of each row (-1: none) is chosen."""
        there = columns >= 0
        for kind, codes, counts in self._kinds:
            taken = np.where(there, kind.codes[columns], -1)
            counts += (codes == taken[:, None]) & (taken >= 0)[:, None]
            self.full |= (counts >= kind.most) & (codes >= 0)
        if self.shut is not None and self._groups is not None and self._enemies is not None:
            taken = np.where(there, self._groups[columns], -1)
            rows = np.flatnonzero(taken >= 0)
            of = self._group_of[rows]  # type: ignore[index]
            self.shut[rows] |= self._enemies[taken[rows, None], np.maximum(of, 0)] & (of >= 0)


def _without_dead_ends(scores: Floats, limits: Limits, most: Ints, chosen: Ints, taken: Ints | None) -> None:
    """Rows that ended short because of enemies are chosen again with only the most frequent group of each."""
    short = np.flatnonzero((chosen >= 0).sum(axis=1) < most)
    groups, enemies = limits.groups, limits.enemies
    if groups is None or enemies is None:
        return
    for row in short.tolist():
        own = scores[row : row + 1].copy()
        sizes = np.bincount(groups[(groups >= 0) & np.isfinite(own[0])], minlength=len(enemies))
        kept = np.ones(len(enemies), bool)
        for group in np.argsort(-sizes, kind="stable").tolist():
            if kept[group] and sizes[group]:
                kept &= ~enemies[group]
        own[0, (groups >= 0) & ~kept[np.maximum(groups, 0)]] = -np.inf
        n = chosen.shape[1]
        own_taken = None if taken is None else taken[row : row + 1]
        again = _choose_among(own, limits, most[row : row + 1], n, own.shape[1], own_taken)[0][0]
        if (again >= 0).sum() > (chosen[row] >= 0).sum():
            chosen[row] = again

"""What rules say of one customer and one product: cells of (B, C) scores that are lowered, faded or shut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from campaigns.recommend.choosing import lowered
from campaigns.recommend.scoring import History, positions_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

# Fewer purchases are no habit of paying.
_HABIT_FROM = 3
# A product that was shown this often and never clicked counts for half.
_HALF_AFTER_SHOWN = 2.0


def cells_of(named: Sequence[Ints], ids: Ints) -> tuple[Ints, Ints, Ints]:
    """Where the products that are `named` for each row lie: rows, columns among the ascending `ids`, and which of all
    named these are; products that are not among `ids` are left out.
    """
    sizes = [len(found) for found in named]
    if not any(sizes):
        none = np.zeros(0, np.int64)
        return none, none, none
    rows = np.repeat(np.arange(len(named)), sizes).astype(np.int64)
    columns = positions_of(ids, np.concatenate(named).astype(np.int64))
    there = np.flatnonzero(columns >= 0)
    return rows[there], columns[there], there


def lower(total: Floats, rows: Ints, columns: Ints, steps: int) -> None:
    """Lower these cells by `steps` of broken limits, each once however often it is named."""
    if len(rows):
        # A field of marks: far faster than finding the distinct cells among many purchases.
        meant = np.zeros(total.shape, bool)
        meant[rows, columns] = True
        total[meant] = lowered(total[meant], steps)


def fade_ignored(total: Floats, histories: Sequence[History], ids: Ints) -> None:
    """What was shown to no avail counts for less each time; what is not scored by taste sinks in its order."""
    rows, columns, which = cells_of([history.ignored for history in histories], ids)
    if not len(rows):
        return
    shown = np.concatenate([history.shown for history in histories])[which]
    factor = (0.5 ** (shown / _HALF_AFTER_SHOWN)).astype(np.float32)
    cells = total[rows, columns]
    total[rows, columns] = np.where(cells > 0, cells * factor, (cells + 1) * factor - 1)


def usual_prices(customers: int, rows: Ints, prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) the median of what each customer paid, by today's prices; NaN for fewer than three purchases."""
    priced = prices > 0
    rows, prices = rows[priced], prices[priced]
    order = np.lexsort((prices, rows))
    counts = np.bincount(rows, minlength=customers)
    first = np.cumsum(counts) - counts
    usual = np.full(customers, np.nan)
    enough = counts >= _HABIT_FROM
    ordered = prices[order]
    low, high = (first + (counts - 1) // 2)[enough], (first + counts // 2)[enough]
    usual[enough] = (ordered[low] + ordered[high]) / 2
    return usual


def lower_outside(
    total: Floats, prices: Floats, usual: NDArray[np.float64], band: tuple[float, float]
) -> None:
    """Lower what costs less or more than the band, in multiples of the usual price of each customer."""
    for row in np.flatnonzero(np.isfinite(usual)).tolist():
        outside = (prices < band[0] * usual[row]) | (prices > band[1] * usual[row])
        total[row, outside] = lowered(total[row, outside])


def shut_durables(total: Floats, durables: Ints, rows: Ints, codes: Ints) -> None:
    """Never a second one: shut the candidates of each durable category (`durables`, (C,)) bought by `rows`."""
    kinds = int(durables.max(initial=-1)) + 1
    wanted = (codes >= 0) & (codes < kinds)
    if not wanted.any():
        return
    owned = np.zeros((len(total), kinds), bool)
    owned[rows[wanted], codes[wanted]] = True
    for row in np.flatnonzero(owned.any(axis=1)).tolist():
        total[row, (durables >= 0) & owned[row][durables]] = -np.inf

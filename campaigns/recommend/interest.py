"""What a customer did in the shop without buying: what lies in the cart, and what was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend.rowmasks import cells_of
from campaigns.recommend.scoring import History
from campaigns.recommend.sparserows import ones_at

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

# How much of a purchase it is worth as a sign of taste, for what goes with it.
_CART_WORTH, _LOOK_WORTH = 1.0, 0.5
# The product itself, as a share of the customer's best score: what lies in the cart comes first.
_CART_SHARE, _LOOK_SHARE = 1.25, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Interest:
    """Signs of taste of B customers beside what they bought, and the keys by which reasons tell them apart."""

    carted: Ints
    looked: Ints

    def __bool__(self) -> bool:
        return bool(len(self.carted) or len(self.looked))

    @classmethod
    def of(cls, histories: Sequence[History]) -> Interest:
        """The keys (`row_keys`) of what each customer has in the cart, and looked at."""
        return cls(
            _keys(_carted(histories)),
            _keys(_looked_at(histories)),
        )


def row_keys(rows: Ints, ids: Ints) -> Ints:
    """One number for each (row of a block, id of a product)."""
    return (ids.astype(np.int64) << 20) | rows.astype(np.int64)


def added(bought: sparse.csr_array, histories: Sequence[History], ids: Ints) -> sparse.csr_array:
    """(B, P) `bought` with what was carted and looked at, each cell at most once and as its strongest sign."""
    for worth, named in ((_CART_WORTH, _carted(histories)), (_LOOK_WORTH, _looked_at(histories))):
        rows, columns, _ = cells_of(named, ids)
        if len(rows):
            sign = ones_at(rows, columns, bought.shape) * np.float32(worth)
            bought = sparse.csr_array(bought.maximum(sign))
    return bought


def raise_shown_interest(total: Floats, histories: Sequence[History], ids: Ints) -> None:
    """What lies in the cart comes first, and what was looked at comes more often."""
    best: Floats | None = None
    for share, named in ((_LOOK_SHARE, _looked_at(histories)), (_CART_SHARE, _carted(histories))):
        rows, columns, _ = cells_of(named, ids)
        if len(rows):
            if best is None:
                best = np.maximum(total.max(axis=1, initial=0), np.float32(1e-3))
            total[rows, columns] = np.maximum(total[rows, columns], 0) + np.float32(share) * best[rows]


def _carted(histories: Sequence[History]) -> list[Ints]:
    return [history.carted for history in histories]


def _looked_at(histories: Sequence[History]) -> list[Ints]:
    return [history.clicked for history in histories]


def _keys(named: Sequence[Ints]) -> Ints:
    found = [row_keys(np.full(len(ids), row), ids) for row, ids in enumerate(named) if len(ids)]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

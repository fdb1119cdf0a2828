"""How many distinct customers must stand behind what is shown to others, so that nobody can be inferred.

Where only one other customer bought both A and B, "because you bought A" beside B tells what that customer
bought (Calandrino et al. 2011, "You Might Also Like", doi 10.1109/SP.2011.40, did so on four large sites). So a
pair counts only from `LEAST_CUSTOMERS` distinct customers on, as in k-anonymity (Sweeney 2002,
doi 10.1142/S0218488502001648); how alike two texts are tells of no customer and always counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LEAST_CUSTOMERS = 5
# A customer whose lines were weighed down below this is taken for one of many of the same hand.
_COUNTS_FROM = 0.5


def counting(bought: sparse.csr_array) -> sparse.csr_array:
    """(U, P) 1 where a cell of `bought` counts as a customer; `bought` itself where all do."""
    if (bought.data == 1).all():
        return bought
    counted = (bought.data >= _COUNTS_FROM).astype(np.float32)
    ones = sparse.csr_array((counted, bought.indices.copy(), bought.indptr.copy()), shape=bought.shape)
    ones.eliminate_zeros()
    return ones


def enough_together(bought: sparse.csr_array, least: int = LEAST_CUSTOMERS) -> sparse.csr_array:
    """(P, P) true where at least `least` distinct customers bought both products; false on the diagonal.

    Args:
        bought: (U, P), 1 where the customer bought the product, less where poisoning.py weighed it down. Such
            a cell does not count: made-up customers would make one real one stand out among them.
    """
    ones = counting(bought)
    together = sparse.coo_array(ones.T @ ones)
    kept = (together.data >= least) & (together.row != together.col)
    cells = np.ones(int(kept.sum()), bool), (together.row[kept], together.col[kept])
    return sparse.csr_array(cells, shape=together.shape)


def backed(weights: sparse.csr_array, mask: sparse.csr_array) -> sparse.csr_array:
    """`weights` (P, P) where `mask` is true, without the rest."""
    kept = sparse.csr_array(weights.multiply(mask.astype(np.float32)))
    kept.eliminate_zeros()
    return kept


def at_least(counts: NDArray[Any], least: int = LEAST_CUSTOMERS) -> NDArray[Any]:
    """Numbers of distinct customers with 0 in place of those below `least`."""
    return np.where(counts >= least, counts, np.zeros((), counts.dtype))

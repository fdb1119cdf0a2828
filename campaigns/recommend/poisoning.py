"""Order lines that look as if they were to push a product, and how much less they count.

Whoever can order (and send back) can try to write others' mails (Li et al. 2016, "Data Poisoning Attacks on
Factorization-Based Collaborative Filtering", arXiv 1608.08182). Nothing is thrown away on suspicion: lines of such a
group count together about as much as the few customers that the group would be if it were ordinary. One customer is
one buyer of a product anyway, however often they order it, and pairs need several buyers (minimums.py).

What cannot be told from ordinary customers is not held back: accounts at many providers that each buy for weeks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# A customer's day with more distinct products than this, and than three times what one in a hundred has.
_DAY_PRODUCTS, _DAY_FACTOR = 60, 3.0
# Who ordered over at least so many days is established; fewer than so many of them tell nothing of what is usual.
_ESTABLISHED_DAYS, _ESTABLISHED_LEAST = 7.0, 50
# So many of one address block, or of new customers at once, are nothing; and so many times their usual share.
_FREE, _BLOCK_SLACK = 3.0, 2.0
_BURST_DAYS, _BURST_SLACK = 2.0, 3.0
# New customers of a day are usual up to one and a half times (and a little more than) the share of a middling day.
_USUAL_FACTOR, _USUAL_EXTRA, _MOST_NEW = 1.5, 0.05, 0.95
_BIN_LEAST = 20


def line_weights(customer: Ints, product: Ints, day: Floats, block: Ints, share: float = 1.0) -> Floats:
    """How much each order line counts, more than 0 and at most 1.

    Args:
        customer, product: (L,) positions of the customer and the product, from 0.
        day: (L,) days since 1970.
        block: (U,) a number for what the customer's address shares with others (its domain); 0 for none.
        share: of the shop's customers the share that these are. In a sample as much less of a group is nothing, but
            nobody is a group alone.

    Returns:
        (L,) the least of what three looks allow: a customer's day, an address block, a burst of new customers.
    """
    if not len(customer):
        return np.ones(0)
    established = _established(customer, day, len(block))
    free = max(1.0, _FREE * share)
    weight = np.minimum(
        _of_days(customer, product, day), _of_blocks(customer, product, block, established, free)
    )
    return np.minimum(weight, _of_bursts(customer, product, day, established, free))


def _established(customer: Ints, day: Floats, customers: int) -> NDArray[np.bool_]:
    """(U,) whose first and last order lie far enough apart."""
    first, last = np.full(customers, np.inf), np.full(customers, -np.inf)
    np.minimum.at(first, customer, day)
    np.maximum.at(last, customer, day)
    return last - first >= _ESTABLISHED_DAYS


def _of_days(customer: Ints, product: Ints, day: Floats) -> Floats:
    """A day on which one customer buys half the shop counts like a large order."""
    days, of_line = _numbered(customer, np.floor(day).astype(np.int64))
    cells, _ = _numbered(of_line, product)
    counts = np.bincount(cells[0], minlength=len(days[0]))
    most = max(_DAY_PRODUCTS, _DAY_FACTOR * float(np.percentile(counts, 99)))
    return np.asarray(np.minimum(1, most / counts))[of_line]


def _of_blocks(
    customer: Ints, product: Ints, block: Ints, established: NDArray[np.bool_], free: float
) -> Floats:
    """Buyers of one address block count like as many as that block has of the shop's established customers."""
    _, code = np.unique(block, return_inverse=True)
    ordinary = np.bincount(code[established], minlength=int(code.max(initial=0)) + 1)
    if ordinary.sum() < _ESTABLISHED_LEAST:
        return np.ones(len(customer))
    share = ordinary / ordinary.sum()
    (buyer, bought), of_line = _numbered(customer, product)
    groups, of_buyer = _numbered(bought, code[buyer])
    together = np.bincount(of_buyer)
    buyers = np.bincount(bought)
    allowed = free + _BLOCK_SLACK * share[groups[1]] * buyers[groups[0]]
    weight = np.asarray(np.minimum(1, allowed / together))[of_buyer]
    weight[block[buyer] == 0] = 1
    return weight[of_line]


def _of_bursts(
    customer: Ints, product: Ints, day: Floats, established: NDArray[np.bool_], free: float
) -> Floats:
    """New customers who all buy one product within days count like those whom that product would usually bring.

    In a sale established customers buy as well, and other products bring new customers too: then more are usual.
    """
    spell = np.floor(day / _BURST_DAYS).astype(np.int64)
    _, spell = np.unique(spell, return_inverse=True)
    (buyer, cell), of_line = _numbered(customer, spell * (int(product.max()) + 1) + product)
    when, _ = np.divmod(cell, int(product.max()) + 1)
    is_new = ~established[buyer]
    bought, of_cell = np.unique(cell, return_inverse=True)
    new = np.bincount(of_cell, is_new).astype(np.float64)
    known = np.bincount(of_cell).astype(np.float64) - new
    spell_of = np.zeros(len(bought), np.int64)
    spell_of[of_cell] = when
    usual = _usual_share(new, known, spell_of)
    allowed = free + _BURST_SLACK * usual / (1 - usual) * (known + 1)
    weight = np.where(is_new, np.minimum(1, allowed / np.maximum(new, 1))[of_cell], 1.0)
    return np.asarray(weight[of_line])


def _usual_share(new: Floats, known: Floats, spell: Ints) -> Floats:
    """(cells,) what share of new customers is usual for a product at that time, told from all other products."""
    all_new, all_known = np.bincount(spell, new), np.bincount(spell, known)
    everybody = all_new + all_known
    big = everybody >= _BIN_LEAST
    middling = float(np.median((all_new / np.maximum(everybody, 1))[big])) if big.any() else 1.0
    others = np.maximum(everybody[spell] - new - known, 1)
    here = np.where(everybody[spell] >= _BIN_LEAST, (all_new[spell] - new) / others, middling)
    return np.asarray(np.minimum(np.minimum(here, _USUAL_FACTOR * middling + _USUAL_EXTRA), _MOST_NEW))


def _numbered(first: Ints, second: Ints) -> tuple[tuple[Any, Any], Ints]:
    """The distinct pairs in ascending order, as two arrays, and which of them each given one is."""
    width = int(second.max()) + 1
    pairs, place = np.unique(first * width + second, return_inverse=True)
    return np.divmod(pairs, width), place

"""Counts of customers with noise, so that what is published of them is differentially private.

Dwork, McSherry, Nissim, Smith 2006, "Calibrating Noise to Sensitivity in Private Data Analysis",
doi 10.1007/11681878_14; the noise is its form for whole numbers (Ghosh, Roughgarden, Sundararajan 2009,
doi 10.1145/1536414.1536464), which has none of the leaks of floating point (Mironov 2012, doi
10.1145/2382196.2382264). Off by default: minimums.py holds in any case.

It covers what a model says of how much a product is bought: the orders of best-sellers and of favourites, the trend,
and their reasons. It does not cover which products go together; those are guarded by minimums.py alone. Each training
spends the epsilon anew.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.core.errors import BadInput
from campaigns.recommend.interactions import Interactions, days_since_epoch
from campaigns.recommend.minimums import at_least
from campaigns.recommend.model import RecommenderModel

Ints = NDArray[np.int64]

MOST_PER_CUSTOMER = 10
"""A customer is counted for so many products: the noise that hides somebody grows with what they may change."""


def private_counts(
    bought: sparse.csr_array, customer_ids: Ints, epsilon: float, seed: int, most: int = MOST_PER_CUSTOMER
) -> Ints:
    """(P,) about how many customers bought each product, 0 or more.

    Whoever sees the counts learns next to nothing of whether a customer is among them: with and without all their
    purchases, any outcome is at most e^epsilon times as likely.

    Args:
        bought: (U, P), non-zero where the customer bought the product.
        customer_ids: (U,).
        epsilon: above 0; 1 is usual, less hides more.
        seed: secret, and used once; whoever knows it can take the noise away.
        most: a customer counts for so many of their products, chosen by chance.

    Raises:
        BadInput: epsilon or most is not above 0.
    """
    if not epsilon > 0 or not np.isfinite(epsilon) or most < 1:
        raise BadInput("must be a number above 0, such as 1", where="epsilon")
    kept = bounded(bought, customer_ids, seed, most)
    counts = np.bincount(kept.indices, minlength=bought.shape[1])
    noise = two_sided_geometric(np.random.default_rng(seed), len(counts), most / epsilon)
    return np.maximum(counts + noise, 0)


def bounded(bought: sparse.csr_array, customer_ids: Ints, seed: int, most: int) -> sparse.csr_array:
    """At most `most` non-zero cells of each row; which ones does not depend on other customers."""
    rows = np.repeat(np.arange(bought.shape[0]), np.diff(bought.indptr))
    chance = _mixed(
        _mixed(customer_ids[rows].astype(np.uint64) ^ np.uint64(seed)) ^ bought.indices.astype(np.uint64)
    )
    order = np.lexsort((chance, rows))
    place = np.arange(len(order)) - bought.indptr[:-1][rows]
    chosen = order[place < most]
    ones = np.ones(len(chosen), np.float32)
    return sparse.csr_array((ones, (rows[chosen], bought.indices[chosen])), shape=bought.shape)


def two_sided_geometric(chance: np.random.Generator, size: int, scale: float) -> Ints:
    """Whole numbers around 0, each step away e^(1 / scale) times less likely."""
    success = -np.expm1(-1 / scale)
    return chance.geometric(success, size) - chance.geometric(success, size)


def with_private_counts(
    model: RecommenderModel,
    interactions: Interactions,
    as_of: datetime,
    epsilon: float,
    seed: int | None = None,
) -> RecommenderModel:
    """The model with all that it tells of numbers of buyers made private; half of epsilon for each count.

    Both trends are told from the private count, and there is none by country: so little would drown in the noise.

    Args:
        interactions: those it was trained on.
        as_of: the moment up to which it was (aware).
        seed: for tests; else nobody knows it.
    """
    seeds = np.random.SeedSequence(secrets.randbits(128) if seed is None else seed).generate_state(
        2, np.uint64
    )
    today = days_since_epoch(as_of)
    past = interactions.lines(interactions.day < today)
    settings = model.settings
    recent = past.since(today - settings.favourite_days)
    buyers, lately = (
        private_counts(lines.bought(), lines.customer_ids, epsilon / 2, int(one))
        for lines, one in zip((past, recent), seeds, strict=True)
    )
    counted = np.log1p(at_least(lately, settings.least_customers))
    trend = (counted / max(float(counted.max(initial=0)), 1e-9)).astype(np.float32)
    return replace(
        model,
        buyers=buyers.astype(np.int32),
        recent_buyers=lately.astype(np.int32),
        trend=trend,
        newcomers=trend,
        area_starts=np.zeros(1, np.int32),
        area_products=np.zeros(0, np.int32),
        area_buyers=np.zeros(0, np.int32),
        meta=model.meta | {"areas": [], "epsilon": epsilon},
    )


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits scattered so that equal neighbours have nothing in common (splitmix64's finisher, by Vigna)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

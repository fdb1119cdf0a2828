"""The trained model and how it is trained: one additive item-item matrix, a trend, and counts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend import modelfile
from campaigns.recommend.interactions import Interactions, days_since_epoch
from campaigns.recommend.itemweights import (
    DENSE_PRODUCTS,
    WEIGHTS_PER_PRODUCT,
    inherit,
    purchase_weights,
    shares_of_parents,
)
from campaigns.recommend.minimums import LEAST_CUSTOMERS
from campaigns.recommend.repeats import repeats_of
from campaigns.recommend.sparserows import column_sums, largest_per_row
from campaigns.recommend.texts import nearest_texts, text_vectors
from campaigns.recommend.trends import areas_of, newcomer_trend, trend_of

# The scale of a part is measured on this many customers at most: more would not change it.
_SCALE_CUSTOMERS = 1_000


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Numbers that tuning.py finds on validation cuts; they are stored with the model.

    Attributes:
        content_weight: how much alike texts count, relative to what others bought.
        trend_weight: how much the trend counts, relative to the customer's own best score.
        trend_half_life: in days; see trends.py.
        newcomer_half_life: in days, for what those get of whom nothing is known; see trends.newcomer_trend.
        favourite_days: what was bought in this time may be called a favourite.
        popularity_power: a score is divided by buyers to this power, so that it does not only show what all have.
        parents: a product without purchases inherits from so many.
        inherited_trend: the part of the trendiest one's trend that it has; more shows new products more often.
        again_half_life, again_trend_floor, again_repeat_power, again_rest: see repeats.py.
        least_customers: see minimums.py.
        tuned_on: on how many customers the numbers were tuned; 0: they are the defaults.
    """

    content_weight: float = 0.3
    trend_weight: float = 1.5
    trend_half_life: float = 7.0
    newcomer_half_life: float = 14.0
    favourite_days: float = 30.0
    popularity_power: float = 0.1
    parents: int = 15
    inherited_trend: float = 0.6
    again_half_life: float = 240.0
    again_trend_floor: float = 0.2
    again_repeat_power: float = 0.25
    again_rest: float = 0.0
    dense_products: int = DENSE_PRODUCTS
    least_customers: int = LEAST_CUSTOMERS
    tuned_on: int = 0

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> ModelSettings:
        """The settings that a model was trained with; those that only another version has are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in meta.get("settings", {}).items() if key in known})


@dataclass(frozen=True, slots=True, eq=False)
class RecommenderModel:
    """What a worker needs to score any history; it holds no customer.

    Attributes:
        product_ids: (P,) ascending.
        sources, weights: (P, k); the products whose purchase speaks for product p are
            `sources[p]` (positions), each with `weights[p]` >= 0; a weight of 0 is padding.
        trend: (P,) 0 to 1, the logarithm of the distinct buyers lately.
        inherited_trend: (P,) added to it for a product that nobody bought yet: a part of what one of its parents has.
        buyers: (P,) distinct buyers ever; here and elsewhere one with a weight below 1 counts by that.
        standing: (P,) the buyers that scores are divided by: distinct buyers, or for a product that nobody bought
            yet what its parents have.
        recent_buyers: (P,) distinct buyers of the last `favourite_days`.
        newcomers: (P,) 0 to 1, what is in first orders lately: the best guess for those of whom nothing is known.
        repeat_rate, rhythm: (P,) how usual it is to buy it again, and after how many days; see repeats.py.
        area_starts, area_products, area_buyers: recent buyers by country; see `area_favourites`.
        meta: settings and facts about the training, fit for JSON.
    """

    product_ids: NDArray[np.int64]
    sources: NDArray[np.int32]
    weights: NDArray[np.float32]
    trend: NDArray[np.float32]
    inherited_trend: NDArray[np.float32]
    buyers: NDArray[np.int32]
    standing: NDArray[np.float32]
    recent_buyers: NDArray[np.int32]
    newcomers: NDArray[np.float32]
    repeat_rate: NDArray[np.float32]
    rhythm: NDArray[np.float32]
    area_starts: NDArray[np.int32]
    area_products: NDArray[np.int32]
    area_buyers: NDArray[np.int32]
    meta: dict[str, Any]

    @property
    def settings(self) -> ModelSettings:
        """What it was trained with."""
        return ModelSettings.of(self.meta)

    @property
    def megabytes(self) -> float:
        """What a worker holds of it in memory."""
        return float(sum(getattr(self, name).nbytes for name in modelfile.ARRAYS)) / 1e6

    def area_favourites(self, country: str) -> NDArray[np.int32] | None:
        """(P,) distinct buyers of the last `favourite_days` in a country, 0 where they are too few to be told.

        None where that is so for all products.
        """
        areas: list[str] = self.meta["areas"]
        if country not in areas:
            return None
        place = areas.index(country)
        part = slice(self.area_starts[place], self.area_starts[place + 1])
        counts = np.zeros(len(self.product_ids), np.int32)
        counts[self.area_products[part]] = self.area_buyers[part]
        return counts

    def for_newcomers(self, country: str = "") -> NDArray[np.float32]:
        """(P,) scores for those of whom at most the country is known: what newcomers buy, and what is bought there."""
        nearby = self.area_favourites(country)
        if nearby is None:
            return self.newcomers
        logs = np.log1p(nearby.astype(np.float32))
        return np.asarray(self.newcomers + logs / max(float(logs.max(initial=0)), 1.0), np.float32)

    def to_bytes(self) -> bytes:
        """The model as a versioned, compressed file."""
        arrays = {name: getattr(self, name) for name in modelfile.ARRAYS}
        return modelfile.write(arrays, self.meta)

    @classmethod
    def from_bytes(cls, blob: bytes) -> RecommenderModel:
        """The model again.

        Raises:
            Refused: the file is damaged or of another version; training again mends it.
        """
        arrays, meta = modelfile.read(blob)
        return cls(**arrays, meta=meta)


def train(
    interactions: Interactions, as_of: datetime, settings: ModelSettings | None = None
) -> RecommenderModel:
    """Learn from all lines before `as_of` (aware). A shop without orders gives a model of its texts."""
    started = time.perf_counter()
    settings = settings or ModelSettings()
    today = days_since_epoch(as_of)
    past = interactions.lines(interactions.day < today)
    bought = past.weighted()
    buyers = column_sums(bought)
    parts = weight_parts(past, bought, settings)
    weights = parts.mixed(settings.content_weight)
    sources, values = largest_per_row(weights, max(1, min(WEIGHTS_PER_PRODUCT, weights.shape[0] - 1)))
    recent = past.since(today - settings.favourite_days)
    trend = trend_of(past, today, settings.trend_half_life, settings.least_customers)
    repeats = repeats_of(past, buyers)
    areas = areas_of(recent, settings.least_customers)
    return RecommenderModel(
        product_ids=past.catalogue.ids.astype(np.int64),
        sources=sources,
        weights=values,
        trend=trend,
        inherited_trend=parts.parents.trend(trend) * np.float32(settings.inherited_trend),
        buyers=_whole(buyers),
        standing=parts.parents.standing(buyers),
        recent_buyers=_whole(recent.weighted_buyers()),
        newcomers=newcomer_trend(past, today, settings.newcomer_half_life, settings.least_customers),
        repeat_rate=repeats.rate,
        rhythm=repeats.rhythm,
        area_starts=areas.starts,
        area_products=areas.products,
        area_buyers=areas.buyers,
        meta={
            "as_of": as_of.isoformat(),
            "method": parts.method,
            "settings": asdict(settings),
            "products": len(past.catalogue.ids),
            "customers": len(np.unique(past.customer)),
            "lines": len(past.day),
            "areas": areas.names,
            "fit_seconds": round(time.perf_counter() - started, 3),
        },
    )


@dataclass(frozen=True, slots=True, eq=False)
class Parents:
    """The products that m `cold` ones, which nobody bought yet, take after: (m, P) `shares` of each."""

    cold: NDArray[np.int64]
    shares: sparse.csr_array

    def trend(self, trend: NDArray[np.float32]) -> NDArray[np.float32]:
        """(P,) for cold products the `trend` (P,) of their trendiest parent, 0 for others."""
        theirs = self.shares.copy()
        theirs.data = trend[theirs.indices] * (theirs.data > 0)
        filled = np.zeros_like(trend)
        if theirs.nnz:
            filled[self.cold] = theirs.max(axis=1).toarray().ravel()
        return filled

    def standing(self, buyers: NDArray[np.float64]) -> NDArray[np.float32]:
        """(P,) the `buyers` (P,), and for cold products the mean of their parents'."""
        filled = buyers.astype(np.float32)
        filled[self.cold] = self.shares @ filled
        return filled


@dataclass(frozen=True, slots=True, eq=False)
class WeightParts:
    """(P, P) what was bought together and which texts are alike, each scaled to what it gives a typical customer
    at best, and the name of the method."""

    together: sparse.csr_array
    alike: sparse.csr_array
    method: str
    parents: Parents

    def mixed(self, content_weight: float) -> sparse.csr_array:
        """Both in one."""
        return sparse.csr_array(self.together + self.alike * np.float32(content_weight))


def weight_parts(past: Interactions, bought: sparse.csr_array, settings: ModelSettings) -> WeightParts:
    """Learn the parts of the weights from `past`, of which `bought` (U, P) are the `weighted()` purchases."""
    everything = np.arange(bought.shape[1])
    warm = np.bincount(bought.indices, minlength=len(everything)) > 0
    vectors = text_vectors(past.catalogue.texts)
    together, method = purchase_weights(bought, vectors, settings.dense_products, settings.least_customers)
    cold = everything[~warm]
    parents = Parents(cold, shares_of_parents(nearest_texts(vectors, cold, warm, settings.parents)))
    together = inherit(_scaled(together, bought), cold, parents.shares)
    alike = nearest_texts(vectors, everything, np.ones(len(everything), bool), WEIGHTS_PER_PRODUCT)
    return WeightParts(together, _scaled(alike, bought), method, parents)


def _scaled(weights: sparse.csr_array, bought: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array(weights * np.float32(1 / _typical_best(bought, weights)))


def _whole(counts: NDArray[np.float64]) -> NDArray[np.int32]:
    # A sum of float32 weights of 1 may miss the whole number by a hair.
    return np.floor(counts + 1e-3).astype(np.int32)


def _typical_best(bought: sparse.csr_array, weights: sparse.csr_array) -> float:
    """The mean over customers of the best score that `weights` gives them; 1 where it gives none."""
    step = max(1, bought.shape[0] // _SCALE_CUSTOMERS)
    if not weights.nnz or not bought.nnz:
        return 1.0
    best = (bought[::step] @ weights.T).max(axis=1).toarray()
    return float(best[best > 0].mean()) if (best > 0).any() else 1.0

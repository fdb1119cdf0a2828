"""The trained model and how it is trained: one additive item-item matrix, a trend, and counts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
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
)
from campaigns.recommend.sparserows import largest_per_row
from campaigns.recommend.texts import nearest_texts, text_vectors

# The scale of a part is measured on this many customers at most: more would not change it.
_SCALE_CUSTOMERS = 1_000


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Numbers found on validation cuts; they are stored with the model.

    `content_weight` is relative to what others bought, `trend_weight` to the customer's own best score;
    a score is divided by buyers^`popularity_power`, so that it does not only show what all have.
    """

    content_weight: float = 0.3
    trend_weight: float = 1.5
    trend_days: float = 21.0
    favourite_days: float = 30.0
    popularity_power: float = 0.1
    parents: int = 15
    dense_products: int = DENSE_PRODUCTS


@dataclass(frozen=True, slots=True, eq=False)
class RecommenderModel:
    """What a worker needs to score any history; it holds no customer.

    Attributes:
        product_ids: (P,) ascending.
        sources, weights: (P, k); the products whose purchase speaks for product p are
            `sources[p]` (positions), each with `weights[p]` >= 0; a weight of 0 is padding.
        trend: (P,) 0 to 1, the logarithm of the distinct buyers of the last days.
        buyers: (P,) distinct buyers ever.
        recent_buyers: (P,) distinct buyers of the last `favourite_days`.
        meta: settings and facts about the training, fit for JSON.
    """

    product_ids: NDArray[np.int64]
    sources: NDArray[np.int32]
    weights: NDArray[np.float32]
    trend: NDArray[np.float32]
    buyers: NDArray[np.int32]
    recent_buyers: NDArray[np.int32]
    meta: dict[str, Any]

    @property
    def trend_weight(self) -> float:
        """How much the trend counts against the customer's own best score."""
        return float(self.meta["settings"]["trend_weight"])

    @property
    def popularity_power(self) -> float:
        """The power of the number of buyers by which scores are divided."""
        return float(self.meta["settings"]["popularity_power"])

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
    weights, method = _weights(past, settings)
    sources, values = largest_per_row(weights, max(1, min(WEIGHTS_PER_PRODUCT, weights.shape[0] - 1)))
    recent = np.log1p(past.since(today - settings.trend_days).buyers())
    return RecommenderModel(
        product_ids=past.catalogue.ids.astype(np.int64),
        sources=sources,
        weights=values,
        trend=(recent / max(float(recent.max(initial=0)), 1e-9)).astype(np.float32),
        buyers=past.buyers().astype(np.int32),
        recent_buyers=past.since(today - settings.favourite_days).buyers().astype(np.int32),
        meta={
            "as_of": as_of.isoformat(),
            "method": method,
            "settings": asdict(settings),
            "products": len(past.catalogue.ids),
            "customers": len(np.unique(past.customer)),
            "lines": len(past.day),
            "fit_seconds": round(time.perf_counter() - started, 3),
        },
    )


def _weights(past: Interactions, settings: ModelSettings) -> tuple[sparse.csr_array, str]:
    """(P, P) purchases plus texts, each scaled to what it gives a typical customer at best."""
    bought = past.bought()
    everything = np.arange(bought.shape[1])
    warm = np.bincount(bought.indices, minlength=len(everything)) > 0
    vectors = text_vectors(past.catalogue.texts)
    together, method = purchase_weights(bought, vectors, settings.dense_products)
    cold = everything[~warm]
    together = inherit(together, cold, nearest_texts(vectors, cold, warm, settings.parents))
    alike = nearest_texts(vectors, everything, np.ones(len(everything), bool), WEIGHTS_PER_PRODUCT)
    mixed = together / _typical_best(bought, together) + alike * (
        settings.content_weight / _typical_best(bought, alike)
    )
    return sparse.csr_array(mixed), method


def _typical_best(bought: sparse.csr_array, weights: sparse.csr_array) -> float:
    """The mean over customers of the best score that `weights` gives them; 1 where it gives none."""
    step = max(1, bought.shape[0] // _SCALE_CUSTOMERS)
    if not weights.nnz or not bought.nnz:
        return 1.0
    best = (bought[::step] @ weights.T).max(axis=1).toarray()
    return float(best[best > 0].mean()) if (best > 0).any() else 1.0

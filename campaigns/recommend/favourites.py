"""What everybody likes: the order of products where nothing is known of a customer's own taste, and what may be said of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from campaigns.core.remembering import Remembered
from campaigns.models.values import Reason
from campaigns.recommend.minimums import at_least
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.scoring import Scorer, values_at

Floats = NDArray[np.float32]
Counts = NDArray[np.int32]

RECENT, BEST, OURS, NEARBY = (
    Reason("recent_favourite"),
    Reason("best_seller"),
    Reason("from_our_shop"),
    Reason("area_favourite"),
)
# The words "best-seller" and "favourite" are said of the most bought fifth, and of a dozen in a small shop.
_SHARE_OF_BEST, _LEAST_BEST = 0.2, 12
_MOST_COUNTRIES = 300


class Favourites:
    """Orders of the candidates by what customers buy, for those whose own taste is not known, and its reasons.

    The fallback in its order: the trend of the customer's country -> of the whole shop -> best-sellers -> the rest.
    All scores lie between -1 and 0, below those of anybody's own taste.

    Attributes:
        best_sellers: (C,) scores by all buyers; what those get who did not agree to profiling.
        usual: (C,) scores by what newcomers buy, then by the buyers of the last weeks, then by all buyers.
        is_recent: (C,) whether a product may be called a favourite of the last weeks.
    """

    def __init__(self, model: RecommenderModel, scorer: Scorer, weights: Floats) -> None:
        self._model = model
        self._positions = scorer.positions
        self._weights = weights
        self._buyers = values_at(model.buyers, scorer.positions)
        self._recent = values_at(model.recent_buyers, scorer.positions)
        self.best_sellers = self._ranked(self._buyers)
        self.usual = self._ranked(
            values_at(model.for_newcomers(), self._positions), self._recent, self._buyers
        )
        self.is_recent = _among_the_most(self._recent) | (scorer.trend > 0)
        self._is_best = _among_the_most(self._buyers)
        self._shop_reasons = [
            RECENT if recent else BEST if best else OURS
            for recent, best in zip(self.is_recent.tolist(), self._is_best.tolist(), strict=True)
        ]
        self._nearby: Remembered[str, tuple[Floats, NDArray[np.bool_]] | None] = Remembered(_MOST_COUNTRIES)

    def in_country(self, country: str) -> Floats:
        """(C,) scores by what is bought lately in a country; `usual` where too few buy there to tell."""
        found = self._of(country)
        return self.usual if found is None else found[0]

    def reason(self, column: int, country: str = "") -> Reason:
        """Why a candidate is there that nothing of the customer's own speaks for."""
        found = self._of(country) if country else None
        return NEARBY if found is not None and found[1][column] else self._shop_reasons[column]

    def best_seller_reason(self, column: int) -> Reason:
        """What may be said of it where only all sales ever count."""
        return BEST if self._is_best[column] else OURS

    def _of(self, country: str) -> tuple[Floats, NDArray[np.bool_]] | None:
        if country and country not in self._nearby:
            counts = self._model.area_favourites(country)
            own = None if counts is None else values_at(np.asarray(counts), self._positions)
            there = values_at(self._model.for_newcomers(country), self._positions)
            known = own is not None and bool((own > 0).any())
            self._nearby[country] = (
                (self._ranked(there, self._recent, self._buyers), _among_the_most(own)) if known else None  # type: ignore[arg-type]
            )
        return self._nearby.get(country)

    def _ranked(self, *counts: Counts | Floats) -> Floats:
        """Scores between -1 and 0 that rank by `counts`, the first one first; favoured products move up."""
        order = np.lexsort([-count for count in reversed(counts)])
        places = np.empty(len(order), np.float64)
        places[order] = 1 - np.arange(1, len(order) + 1) / (len(order) + 1)
        return np.asarray(places ** (1 / np.maximum(self._weights, 1e-3)) - 1, np.float32)


def _among_the_most(buyers: Counts) -> NDArray[np.bool_]:
    """(C,) whether a product is among those that most customers bought, and enough of them for privacy."""
    counted = at_least(buyers)
    bought = np.sort(counted[counted > 0])[::-1]
    if not len(bought):
        return np.zeros(len(buyers), bool)
    place = max(_LEAST_BEST, int(len(buyers) * _SHARE_OF_BEST))
    return np.asarray(counted >= bought[min(place, len(bought)) - 1]) & (counted > 0)

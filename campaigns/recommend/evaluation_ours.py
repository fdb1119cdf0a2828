"""Our own model as a method among others, with the purchases that it was trained on as histories."""

from __future__ import annotations

import numpy as np

from campaigns.recommend.baselines import Floats, Viewers
from campaigns.recommend.favourites import Favourites
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.scoring import Purchases, Scorer


class Ours:
    """Scores as they are when picks are made; `today` is the day on which that is (days since 1970)."""

    def __init__(self, model: RecommenderModel, past: Interactions, today: float) -> None:
        ids = past.catalogue.ids.astype(np.int64)
        self._scorer = Scorer(model, ids, ids)
        self._favourites = Favourites(model, self._scorer, np.ones(len(ids), np.float32))
        self._country = past.country
        # One line per customer, product and order, by customer.
        by_line = np.lexsort((past.order, past.product, past.customer))
        columns = np.stack([past.customer, past.product, past.order])[:, by_line]
        lines = by_line[np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0))[: len(by_line)]]
        self._products = ids[past.product[lines]]
        self._days_ago = today - past.day[lines]
        self._starts = np.searchsorted(past.customer[lines], np.arange(len(past.customer_ids) + 1))

    def discover(self, viewers: Viewers) -> Floats:
        """(b, P) for what the customer never bought."""
        history = self._scorer.history_matrix(self._purchases(viewers))
        return self._or_favourites(self._scorer.scores(history).total, viewers)

    def anything(self, viewers: Viewers) -> Floats:
        """(b, P) for what the customer may have bought before."""
        return self._or_favourites(self._scorer.anything(self._purchases(viewers)), viewers)

    def _or_favourites(self, total: Floats, viewers: Viewers) -> Floats:
        """What nothing speaks for follows in the order of the fallback, as when picks are made."""
        countries, group = np.unique(self._country[viewers.rows], return_inverse=True)
        for number, country in enumerate(countries.tolist()):
            rows = np.flatnonzero(group == number)
            own = total[rows]
            total[rows] = np.where(own > 0, own, self._favourites.in_country(country))
        return total

    def _purchases(self, viewers: Viewers) -> Purchases:
        if viewers.newcomers:
            none = np.zeros(0, np.int64)
            return Purchases(len(viewers.rows), none, none, np.zeros(0))
        counts = self._starts[viewers.rows + 1] - self._starts[viewers.rows]
        rows = np.repeat(np.arange(len(viewers.rows)), counts)
        first = np.repeat(self._starts[viewers.rows] - np.cumsum(counts) + counts, counts)
        places = first + np.arange(len(rows))
        return Purchases(len(viewers.rows), rows, self._products[places], self._days_ago[places])

"""Picks with reasons for a batch of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.choosing import choose
from campaigns.recommend.likes import Likes, LikesPicker
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.scoring import History, Purchases, Scorer, positions_of, values_at
from campaigns.recommend.sparserows import row_blocks

__all__ = ["History", "Likes", "Recommender", "Rules"]

_RECENT, _BEST = Reason("recent_favourite"), Reason("best_seller")


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be picked: at most `per_category` of one category where possible, and nothing
    bought within `bought_days` days (None: ever). Only products in stock, in any case.
    """

    per_category: int = 2
    bought_days: float | None = None


class Recommender:
    """Picks from the products of `catalogue` that are in stock.

    The declared fallback: taste and trend -> the favourites of the last weeks -> best-sellers ->
    whatever else is in stock, so that there are always exactly n picks where n products are allowed.
    What somebody said to like counts as long as they have bought nothing.
    Without consent to profiling all get the same best-sellers.
    """

    def __init__(
        self, model: RecommenderModel, catalogue: Mapping[int, ProductFacts], rules: Rules | None = None
    ) -> None:
        self._rules = rules or Rules()
        self._catalogue = catalogue
        self._products = [catalogue[key] for key in sorted(catalogue) if catalogue[key].stock > 0]
        self._ids = np.array([product.id for product in self._products], np.int64)
        self._scorer = Scorer(model, self._ids, np.fromiter(catalogue, np.int64, len(catalogue)))
        self._categories = _category_codes(self._products)
        buyers = values_at(model.buyers, self._scorer.positions)
        recent = values_at(model.recent_buyers, self._scorer.positions)
        self._recent = (recent > 0) | (self._scorer.trend > 0)
        self._favourites = _descending(recent, buyers)
        self._best_sellers = _descending(buyers)
        self._usual_trend = float(self._scorer.trend.mean()) if len(self._ids) else 0.0
        self._because: dict[int, Reason] = {}
        self._by_likes = LikesPicker(
            self._scorer,
            self._products,
            self._ids,
            self._categories,
            self._favourites,
            [_RECENT if is_recent else _BEST for is_recent in self._recent.tolist()],
            catalogue,
            self._rules.per_category,
        )

    def pick_batch(
        self, histories: Sequence[History], n: int, likes: Mapping[int, Likes] | None = None
    ) -> list[list[Pick]]:
        """`n` picks per history, best first, in the order of `histories`; `likes` by customer id.

        There are fewer than `n` only where fewer products may be picked at all.
        """
        picks: list[list[Pick]] = [[] for _ in histories]
        if not len(self._ids) or n < 1:
            return picks
        general = self._best_seller_picks(n)
        personal = []
        for place, history in enumerate(histories):
            liked = likes.get(history.customer_id) if likes else None
            if not history.personal:
                picks[place] = list(general)
            elif liked and not len(history.products):
                picks[place] = self._by_likes.pick(liked, n)
            else:
                personal.append(place)
        # The reasons look purchases up in a dense block too, as wide as the model.
        for rows in row_blocks(len(personal), max(len(self._ids), self._scorer.width)):
            block = personal[rows]
            for place, row in zip(block, self._pick_block([histories[p] for p in block], n), strict=True):
                picks[place] = row
        return picks

    def _best_seller_picks(self, n: int) -> list[Pick]:
        chosen = choose(self._best_sellers[None], self._categories, n, self._rules.per_category)[0]
        chosen = chosen[chosen >= 0]
        return [
            Pick(self._products[c], rank, float(self._best_sellers[c]), _BEST)
            for rank, c in enumerate(chosen)
        ]

    def _pick_block(self, histories: Sequence[History], n: int) -> list[list[Pick]]:
        purchases = Purchases.of(histories)
        bought = self._scorer.history_matrix(purchases)
        scores = self._scorer.scores(bought)
        total = scores.total
        np.copyto(total, self._favourites, where=total <= 0)
        self._mask_bought(total, purchases)
        chosen = choose(total, self._categories, n, self._rules.per_category)
        rows, ranks = np.nonzero(chosen >= 0)
        columns = chosen[rows, ranks]
        reasons = self._reasons(bought, scores.peak, rows, columns)
        picks: list[list[Pick]] = [[] for _ in histories]
        values = total[rows, columns].tolist()
        cells = zip(rows.tolist(), ranks.tolist(), columns.tolist(), values, reasons, strict=True)
        for row, rank, column, score, reason in cells:
            picks[row].append(Pick(self._products[column], rank, score, reason))
        return picks

    def _mask_bought(self, total: NDArray[np.float32], purchases: Purchases) -> None:
        columns = positions_of(self._ids, purchases.products)
        masked = columns >= 0
        if self._rules.bought_days is not None:
            masked &= purchases.days_ago <= self._rules.bought_days
        total[purchases.rows[masked], columns[masked]] = -np.inf

    def _reasons(
        self,
        bought: sparse.csr_array,
        peak: NDArray[np.float32],
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
    ) -> list[Reason]:
        """The purchase that added most, unless the trend lifted the product more than the purchases did."""
        named, taste = self._scorer.strongest(bought, rows, columns)
        lift = peak[rows] * (self._scorer.trend[columns] - self._usual_trend)
        recent = self._recent[columns]
        by_taste = (named > 0) & ((taste >= lift) | ~recent)
        return [
            self._because_of(product_id) if taste_won else _RECENT if is_recent else _BEST
            for product_id, taste_won, is_recent in zip(
                named.tolist(), by_taste.tolist(), recent.tolist(), strict=True
            )
        ]

    def _because_of(self, product_id: int) -> Reason:
        reason = self._because.get(product_id)
        if reason is None:
            reason = Reason("because_you_bought", self._catalogue[product_id].title, product_id)
            self._because[product_id] = reason
        return reason


def _descending(*counts: NDArray[np.int32]) -> NDArray[np.float32]:
    """Scores between -1 and 0 (below any real score) that rank by `counts`, the first one first."""
    order = np.lexsort([-count for count in reversed(counts)])
    scores = np.empty(len(order), np.float32)
    scores[order] = -np.arange(1, len(order) + 1) / (len(order) + 1)
    return scores


def _category_codes(products: Sequence[ProductFacts]) -> NDArray[np.int64]:
    codes: dict[str, int] = {"": -1}
    for product in products:
        codes.setdefault(product.category, len(codes) - 1)
    return np.array([codes[product.category] for product in products], np.int64)

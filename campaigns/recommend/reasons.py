"""Why each pick is there: what a customer did, if that added most to the score, else what all customers buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.models.values import ProductFacts, Reason
from campaigns.recommend.favourites import Favourites
from campaigns.recommend.interest import Interest, row_keys
from campaigns.recommend.likes import Liked, LikesScorer
from campaigns.recommend.scoring import History, Purchases, Scorer

Ints = NDArray[np.int64]

AGAIN, FROM_SHOP = Reason("buy_again"), Reason("shop_choice")
_IN_CART, _LOOKED_AT = Reason("in_your_cart"), Reason("you_looked_at")
_BOUGHT, _CARTED, _SEEN = "because_you_bought", "because_in_your_cart", "because_you_looked_at"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the scores of B customers were made from.

    `signs` (B, P) is the matrix that was scored, `peak` (B,) as in Scores, `liked` by row.
    """

    signs: sparse.csr_array
    peak: NDArray[np.float32]
    histories: Sequence[History]
    purchases: Purchases
    liked: Mapping[int, Liked]


class Reasons:
    """Finds the reason of each chosen (row, candidate)."""

    def __init__(
        self,
        scorer: Scorer,
        favourites: Favourites,
        likes: LikesScorer,
        titles: Mapping[int, ProductFacts],
    ) -> None:
        self._scorer = scorer
        self._favourites = favourites
        self._likes = likes
        self._titles = titles
        self._usual_trend = float(scorer.trend.mean()) if len(scorer.trend) else 0.0
        self._because: dict[tuple[str, int], Reason] = {}

    def of(self, evidence: Evidence, rows: Ints, columns: Ints, ids: Ints) -> list[Reason]:
        """One reason for each (row, column); `ids` (C,) are those of the candidates.

        It names what added most to the score, unless the trend lifted the product more than the customer's own
        doings did. All parts of a score are positive, so without what is named the score is lower.
        """
        named, taste = self._scorer.strongest(evidence.signs, rows, columns)
        lift = evidence.peak[rows] * (self._scorer.trend[columns] - self._usual_trend)
        by_taste = (named > 0) & ((taste >= lift) | ~self._favourites.is_recent[columns])
        interest = Interest.of(evidence.histories)
        kinds = self._kinds(evidence.purchases, interest, rows, named)
        shown = self._shown_interest(interest, rows, ids[columns])
        reasons = []
        cells = zip(
            rows.tolist(), columns.tolist(), named.tolist(), by_taste.tolist(), kinds, shown, strict=True
        )
        for row, column, product_id, taste_won, kind, own in cells:
            if own is not None:
                reasons.append(own)
            elif taste_won:
                reasons.append(self._because_of(kind, product_id))
            else:
                reasons.append(self._without_taste(evidence, row, column))
        return reasons

    def _without_taste(self, evidence: Evidence, row: int, column: int) -> Reason:
        liked = evidence.liked.get(row)
        said = self._likes.reason(liked, column) if liked is not None else None
        if said is not None:
            return said
        # Whoever has a taste of their own got it by the trend of the whole shop.
        country = "" if evidence.peak[row] > 0 else evidence.histories[row].country
        return self._favourites.reason(column, country)

    def _kinds(self, purchases: Purchases, interest: Interest, rows: Ints, named: Ints) -> list[str]:
        """What the customer did with each named product: bought it, else put it into the cart, else looked at it."""
        if not interest:
            return [_BOUGHT] * len(rows)
        wanted = row_keys(rows, named)
        bought = np.isin(wanted, row_keys(purchases.rows, purchases.products))
        carted = np.isin(wanted, interest.carted)
        return list(np.where(bought, _BOUGHT, np.where(carted, _CARTED, _SEEN)).tolist())

    def _shown_interest(self, interest: Interest, rows: Ints, ids: Ints) -> list[Reason | None]:
        """The reason of what itself lies in the cart or was looked at; None for all else."""
        if not interest:
            return [None] * len(rows)
        keys = row_keys(rows, ids)
        carted, looked = np.isin(keys, interest.carted).tolist(), np.isin(keys, interest.looked).tolist()
        return [
            _IN_CART if in_cart else _LOOKED_AT if seen else None
            for in_cart, seen in zip(carted, looked, strict=True)
        ]

    def _because_of(self, kind: str, product_id: int) -> Reason:
        reason = self._because.get((kind, product_id))
        if reason is None:
            reason = Reason(kind, self._titles[product_id].title, product_id)
            self._because[kind, product_id] = reason
        return reason

"""The cold start's first signal: scores for somebody who bought nothing yet and said what they like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.core.remembering import Remembered
from campaigns.models.values import ProductFacts, Reason
from campaigns.recommend.scoring import Purchases, Scorer

_LIKED_ITSELF, _LIKED_CATEGORY = 4.0, 2.0
# Each holds a few numbers for every product.
_MOST_KEPT = 300
_FAVOURITE = Reason("your_favourite")


@dataclass(frozen=True, slots=True)
class Likes:
    """What somebody said: names of categories, and ids of products."""

    categories: frozenset[str] = frozenset()
    products: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.categories or self.products)


@dataclass(frozen=True, slots=True, eq=False)
class Liked:
    """What likes say of the C candidates; all of it above zero, and zero where they say nothing.

    `scores` (C,); `itself` and `in_category` (C,) tell why; `named` (C,) is the id of the liked product that is
    most similar, 0 for none.
    """

    scores: NDArray[np.float32]
    itself: NDArray[np.bool_]
    in_category: NDArray[np.bool_]
    named: NDArray[np.int64]


class LikesScorer:
    """Scores by likes alone; those who like the same get the same, so it is worked out once.

    First come the liked products, then those of liked categories, then what the model finds similar to the liked
    products; within each kind in the usual order of newcomers. The limit per category holds before all that, so
    somebody who likes one category sees others too.

    Args:
        products: (C,) the candidates, in the order of `ids`, their (C,) ids.
        usual: (C,) scores between -1 and 0, by which newcomers without likes are served.
        titles: of all products that may be named, by id.
    """

    def __init__(
        self,
        scorer: Scorer,
        products: Sequence[ProductFacts],
        ids: NDArray[np.int64],
        usual: NDArray[np.float32],
        titles: Mapping[int, ProductFacts],
    ) -> None:
        self._scorer = scorer
        self._products = products
        self._ids = ids
        self._usual = usual
        self._titles = titles
        self._kept: Remembered[Likes, Liked] = Remembered(_MOST_KEPT)

    def of(self, likes: Likes) -> Liked:
        """What these likes say of each candidate."""
        kept = self._kept.get(likes)
        if kept is None:
            kept = self._kept[likes] = self._worked_out(likes)
        return kept

    def reason(self, liked: Liked, column: int) -> Reason | None:
        """Why a candidate is there; None where the likes say nothing of it."""
        if liked.itself[column]:
            return _FAVOURITE
        if liked.in_category[column]:
            return Reason("because_you_like", self._products[column].category)
        number = int(liked.named[column])
        return Reason("because_you_like", self._titles[number].title, number) if number else None

    def _worked_out(self, likes: Likes) -> Liked:
        itself = np.isin(self._ids, list(likes.products))
        in_category = np.array([product.category in likes.categories for product in self._products], bool)
        similar, named = self._similar(likes)
        said = similar + np.where(in_category, np.float32(_LIKED_CATEGORY), np.float32(0))
        said += np.where(itself, np.float32(_LIKED_ITSELF), np.float32(0))
        # The usual order is kept below one; without any word of the customer it stays below zero.
        scores = np.where(said > 0, said + 1 + self._usual, self._usual)
        return Liked(scores.astype(np.float32), itself, in_category, named)

    def _similar(self, likes: Likes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(C,) from 0 to 1, how near each candidate is to the liked products, and (C,) which of them says so."""
        width = len(self._ids)
        liked = np.array(sorted(likes.products & self._titles.keys()), np.int64)
        history = self._scorer.history_matrix(
            Purchases(1, np.zeros(len(liked), np.int64), liked, np.zeros(len(liked)))
        )
        named, near = self._scorer.strongest(history, np.zeros(width, np.int64), np.arange(width))
        peak = near.max(initial=0)
        return (near / peak if peak > 0 else near).astype(np.float32), named

"""The cold start's first signal: picks for somebody who bought nothing yet and said what they like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.core.remembering import Remembered
from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.choosing import choose
from campaigns.recommend.scoring import Purchases, Scorer

_LIKED_ITSELF, _LIKED_CATEGORY = 4.0, 2.0
_MOST_KEPT = 2000
_FAVOURITE = Reason("your_favourite")


@dataclass(frozen=True, slots=True)
class Likes:
    """What somebody said: names of categories, and ids of products."""

    categories: frozenset[str] = frozenset()
    products: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.categories or self.products)


class LikesPicker:
    """Picks by likes alone; those who like the same get the same, so it is worked out once.

    First come the liked products, then those of liked categories, then what the model finds similar to the liked
    products, and at last what all newcomers get; each kind in the order of `usual`. The limit per category holds
    before all that, so somebody who likes one category sees others too.

    Args:
        products: (C,) the candidates, in the order of `ids`, their (C,) ids.
        categories: (C,) codes.
        usual: (C,) scores between -1 and 0, by which newcomers without likes are served.
        reasons: (C,) why they get it.
        titles: of all products that may be named, by id.
    """

    def __init__(
        self,
        scorer: Scorer,
        products: Sequence[ProductFacts],
        ids: NDArray[np.int64],
        categories: NDArray[np.int64],
        usual: NDArray[np.float32],
        reasons: Sequence[Reason],
        titles: Mapping[int, ProductFacts],
        per_category: int,
    ) -> None:
        self._scorer = scorer
        self._products = products
        self._ids = ids
        self._categories = categories
        self._usual = usual
        self._reasons = reasons
        self._titles = titles
        self._per_category = per_category
        self._kept: Remembered[tuple[Likes, int], tuple[Pick, ...]] = Remembered(_MOST_KEPT)

    def pick(self, likes: Likes, n: int) -> list[Pick]:
        """The best `n`, fewer only where the shop has fewer."""
        kept = self._kept.get((likes, n))
        if kept is None:
            kept = self._kept[likes, n] = self._worked_out(likes, n)
        return list(kept)

    def _worked_out(self, likes: Likes, n: int) -> tuple[Pick, ...]:
        itself = np.isin(self._ids, list(likes.products))
        in_category = np.array([product.category in likes.categories for product in self._products], bool)
        similar, named = self._similar(likes)
        total = self._usual + similar
        total += np.where(in_category, np.float32(_LIKED_CATEGORY), np.float32(0))
        total += np.where(itself, np.float32(_LIKED_ITSELF), np.float32(0))
        chosen = choose(total[None], self._categories, n, self._per_category)[0]
        picks = []
        for rank, column in enumerate(chosen[chosen >= 0].tolist()):
            product = self._products[column]
            if itself[column]:
                reason = _FAVOURITE
            elif in_category[column]:
                reason = Reason("because_you_like", product.category)
            elif named[column]:
                number = int(named[column])
                reason = Reason("because_you_like", self._titles[number].title, number)
            else:
                reason = self._reasons[column]
            picks.append(Pick(product, rank, float(total[column]), reason))
        return tuple(picks)

    def _similar(self, likes: Likes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(C,) from 0 to 1, how near each candidate is to the liked products, and (C,) which of them says so."""
        width = len(self._ids)
        liked = np.array(sorted(likes.products), np.int64)
        history = self._scorer.history_matrix(
            Purchases(1, np.zeros(len(liked), np.int64), liked, np.zeros(len(liked)))
        )
        named, near = self._scorer.strongest(history, np.zeros(width, np.int64), np.arange(width))
        peak = near.max(initial=0)
        return (near / peak if peak > 0 else near).astype(np.float32), named

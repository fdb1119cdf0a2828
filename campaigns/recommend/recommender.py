"""Picks with reasons for a batch of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from campaigns.models.values import Pick, ProductFacts
from campaigns.recommend.choosing import choose, steps_of
from campaigns.recommend.favourites import Favourites
from campaigns.recommend.interest import added, raise_shown_interest
from campaigns.recommend.likes import Liked, Likes, LikesScorer
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.reasons import AGAIN, FROM_SHOP, Evidence, Reasons
from campaigns.recommend.rowmasks import (
    cells_of,
    fade_ignored,
    lower,
    lower_outside,
    shut_durables,
    usual_prices,
)
from campaigns.recommend.rules import Rules
from campaigns.recommend.scoring import History, Purchases, Scorer, positions_of, values_at
from campaigns.recommend.shelf import Shelf
from campaigns.recommend.sparserows import row_blocks

__all__ = ["History", "Likes", "Recommender", "Rules", "without_products"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

# What was bought is offered as something new only where nothing else is left.
_STEPS_OF_BOUGHT = 2
_PINNED, _AGAIN, _NEW = 0, 1, 2


class Recommender:
    """Picks from the products of `catalogue` that `rules` allow.

    The declared fallback: taste and trend -> the trend of the customer's country -> the favourites of the last weeks
    -> best-sellers -> whatever else is in stock -> what the customer bought before, so that there are always exactly n
    picks where so many products are allowed at all; the reason of each pick says which it was. What somebody
    said to like counts as long as they have bought nothing. Without consent to profiling all get the same
    best-sellers.
    """

    def __init__(
        self, model: RecommenderModel, catalogue: Mapping[int, ProductFacts], rules: Rules | None = None
    ) -> None:
        self._rules = rules or Rules()
        self._catalogue = catalogue
        self._shelf = Shelf(catalogue, self._rules)
        self._candidates = {product.id: product for product in self._shelf.products}
        self._known = np.array(sorted(catalogue), np.int64)
        known = [catalogue[key] for key in self._known.tolist()]
        self._hidden = np.array([self._rules.hides(product) for product in known], bool)
        self._prices = np.array([float(product.price) for product in known])
        self._durables = self._shelf.durable_codes(known)
        dial = {} if self._rules.popularity is None else {"popularity": self._rules.popularity}
        self._model_ids = model.product_ids
        self._scorer = Scorer(model, self._shelf.ids, self._known[~self._hidden], **dial)
        recent = values_at(model.recent_buyers, self._scorer.positions)
        self._weights = self._shelf.weights(self._rules, recent)
        self._favourites = Favourites(model, self._scorer, self._weights)
        titles = {key: catalogue[key] for key in self._known[~self._hidden].tolist()}
        self._likes = LikesScorer(
            self._scorer, self._shelf.products, self._shelf.ids, self._favourites.usual, titles
        )
        self._reasons = Reasons(self._scorer, self._favourites, self._likes, titles)

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._rules

    def candidate(self, product_id: int) -> ProductFacts | None:
        """A product that may be picked for somebody now; None for all others."""
        return self._candidates.get(product_id)

    def allows(self, product_id: int) -> bool:
        """Whether a product may be picked for somebody now."""
        return product_id in self._candidates

    def owns_one(self, history: History, product: ProductFacts) -> bool:
        """Whether the customer bought something lately of a category of which nobody needs a second one soon."""
        code = int(self._shelf.durable_codes([product])[0])
        if code < 0 or not len(history.products):
            return False
        place = positions_of(self._known, history.products)
        lately = (place >= 0) & (history.days_ago <= self._rules.durable_days)
        return bool((self._durables[place[lately]] == code).any())

    def pick_batch(
        self, histories: Sequence[History], n: int, likes: Mapping[int, Likes] | None = None
    ) -> list[list[Pick]]:
        """`n` picks per history, best first, in the order of `histories`; `likes` by customer id.

        There are fewer than `n` only where fewer products may be picked at all.
        """
        picks: list[list[Pick]] = [[] for _ in histories]
        if not len(self._shelf.ids) or n < 1:
            return picks
        personal = [place for place, history in enumerate(histories) if history.personal]
        if len(personal) < len(histories):
            general = self._best_seller_picks(n)
            for place, history in enumerate(histories):
                picks[place] = picks[place] if history.personal else list(general)
        # The reasons look purchases up in a dense block too, as wide as the model.
        for rows in row_blocks(len(personal), max(len(self._shelf.ids), self._scorer.width)):
            block = personal[rows]
            for place, row in zip(
                block, self._pick_block([histories[p] for p in block], n, likes), strict=True
            ):
                picks[place] = row
        return picks

    def _best_seller_picks(self, n: int) -> list[Pick]:
        scores = self._favourites.best_sellers[None]
        pinned, chosen = self._choose(scores, np.full_like(scores, -np.inf), n)
        reasons = [
            FROM_SHOP if source == _PINNED else self._favourites.best_seller_reason(column)
            for source, column in zip(pinned[0].tolist(), chosen[0].tolist(), strict=True)
        ]
        return [
            Pick(self._shelf.products[column], rank, float(scores[0, column]), reason)
            for rank, (column, reason) in enumerate(zip(chosen[0].tolist(), reasons, strict=True))
            if column >= 0
        ]

    def _pick_block(
        self, histories: Sequence[History], n: int, likes: Mapping[int, Likes] | None
    ) -> list[list[Pick]]:
        purchases = Purchases.of(histories)
        bought = added(self._scorer.history_matrix(purchases), histories, self._model_ids)
        scores = self._scorer.scores(bought)
        total = scores.total
        total *= self._weights
        liked = self._fill(total, histories, likes or {})
        fade_ignored(total, histories, self._shelf.ids)
        raise_shown_interest(total, histories, self._shelf.ids)
        again = self._again_scores(purchases, total.shape)
        self._obey(total, again, histories, purchases)
        sources, chosen = self._choose(total, again, n)
        rows, ranks = np.nonzero(chosen >= 0)
        columns = chosen[rows, ranks]
        came = sources[rows, ranks]
        own = np.where(came == _AGAIN, again[rows, columns], total[rows, columns])
        repeats = (came == _AGAIN) | (steps_of(own) >= _STEPS_OF_BOUGHT)
        fixed = {_PINNED: FROM_SHOP, _AGAIN: AGAIN}
        evidence = Evidence(bought, scores.peak, histories, purchases, liked)
        reasons = self._reasons.of(evidence, rows, columns, self._shelf.ids)
        picks: list[list[Pick]] = [[] for _ in histories]
        cells = zip(
            rows.tolist(),
            ranks.tolist(),
            columns.tolist(),
            own.tolist(),
            np.where(repeats, _AGAIN, came).tolist(),
            reasons,
            strict=True,
        )
        for row, rank, column, score, source, reason in cells:
            told = fixed.get(source, reason)
            picks[row].append(Pick(self._shelf.products[column], rank, score, told))
        return picks

    def _fill(
        self, total: Floats, histories: Sequence[History], likes: Mapping[int, Likes]
    ) -> dict[int, Liked]:
        """What no taste speaks for comes in the order of the fallback; returns who is served by likes, by row."""
        by_country: dict[str, list[int]] = {}
        liked: dict[int, Liked] = {}
        for row, history in enumerate(histories):
            by_country.setdefault(history.country, []).append(row)
            said = likes.get(history.customer_id)
            if said and not len(history.products):
                liked[row] = self._likes.of(said)
        for country, rows in by_country.items():
            favourites = self._favourites.in_country(country)
            if len(by_country) == 1:
                np.copyto(total, favourites, where=total <= 0)
            else:
                block = total[rows]
                np.copyto(block, favourites, where=block <= 0)
                total[rows] = block
        for row, said_of in liked.items():
            total[row] = np.where(said_of.scores > 0, said_of.scores, total[row])
        return liked

    def _again_scores(self, purchases: Purchases, shape: tuple[int, ...]) -> Floats:
        """(B, C) for what was bought before, minus infinity for all else."""
        if not self._rules.buy_again:
            return np.broadcast_to(np.float32(-np.inf), shape)
        again = self._scorer.again(purchases) * self._weights
        return np.where(again > 0, again, np.float32(-np.inf))

    def _obey(self, total: Floats, again: Floats, histories: Sequence[History], purchases: Purchases) -> None:
        """Lower and shut what the rules say of each customer."""
        rules, ids = self._rules, self._shelf.ids
        if rules.price_band is not None:
            rows, place = self._known_among(purchases)[:2]
            usual = usual_prices(len(total), rows, self._prices[place])
            lower_outside(total, self._shelf.prices, usual, rules.price_band)
        if rules.fresh:
            lower(total, *cells_of([history.last_picks for history in histories], ids)[:2], 1)
        columns = positions_of(ids, purchases.products)
        masked = columns >= 0
        if rules.bought_days is not None:
            masked &= purchases.days_ago <= rules.bought_days
        lower(total, purchases.rows[masked], columns[masked], _STEPS_OF_BOUGHT)
        if (self._durables >= 0).any():
            rows, place, days_ago = self._known_among(purchases)
            owned = np.where(days_ago <= rules.durable_days, self._durables[place], -1)
            shut_durables(total, self._shelf.durables, rows, owned)
            if rules.buy_again:
                shut_durables(again, self._shelf.durables, rows, owned)

    def _known_among(self, purchases: Purchases) -> tuple[Ints, Ints, NDArray[np.float64]]:
        """Rows, places in the catalogue and days of those purchases that are in the catalogue."""
        place = positions_of(self._known, purchases.products)
        here = place >= 0
        return purchases.rows[here], place[here], purchases.days_ago[here]

    def _choose(self, total: Floats, again: Floats, n: int) -> tuple[Ints, Ints]:
        """(B, n) where each pick comes from, and (B, n) columns, -1 where a row has too few."""
        limits = self._shelf.limits.enough_for(n)
        rows = len(total)
        none = np.full((rows, 0), -1, np.int64)
        pinned = none
        if len(self._shelf.pinned):
            only = np.full_like(total, -np.inf)
            own = total[:, self._shelf.pinned]
            wanted = np.arange(len(self._shelf.pinned), 0, -1, dtype=np.float32)
            # Not for those who have it already.
            only[:, self._shelf.pinned] = np.where(steps_of(own) < _STEPS_OF_BOUGHT, wanted, -np.inf)
            pinned = choose(only, limits, min(n, len(wanted)))
        places = n - (pinned >= 0).sum(axis=1)
        wanted_again = np.minimum(np.rint(self._rules.buy_again * n).astype(np.int64), places)
        repeats = none
        if wanted_again.any():
            repeats = choose(again, limits, int(wanted_again.max()), pinned, wanted_again)
        taken = np.concatenate([pinned, repeats], axis=1)
        fresh = choose(total, limits, n, taken, n - (taken >= 0).sum(axis=1))
        return _mixed(pinned, repeats, fresh, n)


def _mixed(pinned: Ints, repeats: Ints, fresh: Ints, n: int) -> tuple[Ints, Ints]:
    """The lists as one: pinned first, then both others spread evenly, each in its own order."""
    columns = np.concatenate([pinned, repeats, fresh], axis=1)
    lists = (pinned, repeats, fresh)
    source = np.repeat([_PINNED, _AGAIN, _NEW], [own.shape[1] for own in lists])
    keys = []
    for number, own in enumerate(lists):
        place = np.cumsum(own >= 0, axis=1) - 0.5
        spread = place / np.maximum((own >= 0).sum(axis=1, keepdims=True), 1)
        keys.append(np.where(own >= 0, spread - (number == _PINNED), np.inf))
    # Where both fall on one place, what is new comes first.
    tie = np.broadcast_to(-source, columns.shape)
    order = np.lexsort((tie, np.concatenate(keys, axis=1)), axis=1)[:, :n]
    chosen = np.take_along_axis(columns, order, axis=1)
    return np.take_along_axis(np.broadcast_to(source, columns.shape), order, axis=1), chosen


def without_products(histories: Sequence[History], hidden: Ints) -> list[History]:
    """The same histories without products that are nobody's business."""
    return [_without(history, hidden) for history in histories] if len(hidden) else list(histories)


def _without(history: History, hidden: Ints) -> History:
    def kept(ids: Ints) -> NDArray[np.bool_]:
        return ~np.isin(ids, hidden)

    fields = (history.products, history.carted, history.clicked)
    if all(kept(ids).all() for ids in fields):
        return history
    there = kept(history.products)
    return replace(
        history,
        products=history.products[there],
        days_ago=history.days_ago[there],
        carted=history.carted[kept(history.carted)],
        clicked=history.clicked[kept(history.clicked)],
    )

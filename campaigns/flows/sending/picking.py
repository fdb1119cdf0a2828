"""Picks for a batch of customers, with the model and the catalogue kept in the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from sqlalchemy.orm import Session

from campaigns.audience.favourites import favourites_of
from campaigns.core.db import Database
from campaigns.core.remembering import Remembered
from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.recommender import History, Likes, Recommender, Rules, without_products
from campaigns.recommend.rules_file import PickingTerms, ShopTerms, rules_of
from campaigns.recommend.standins import with_stand_ins
from campaigns.recommend.storage import load_active, load_catalogue, load_histories, version
from campaigns.recommend.styles import Styles
from campaigns.recommend.substitute_learning import learned_from
from campaigns.recommend.substitutes import Substitutes

# Stock and prices may be this old in a mail; the open-time pictures read them anew.
CATALOGUE_SECONDS = 20.0
# Each holds the weights of all products; seldom do more campaigns with rules of their own run at once.
_MOST_RULES = 6
_SHOP_RULES = PickingTerms()


class _Loaded:
    """One model and one catalogue, and a recommender for each set of rules that was asked for."""

    def __init__(
        self, model: RecommenderModel | None, catalogue: dict[int, ProductFacts], shop: ShopTerms
    ) -> None:
        self.catalogue = catalogue
        self.by_sku = {facts.sku: number for number, facts in catalogue.items()}
        self.substitutes = Substitutes(catalogue, learned_from(model.meta) if model else None)
        house = rules_of(shop)
        self.hidden = np.array([key for key in sorted(catalogue) if house.hides(catalogue[key])], np.int64)
        self._model = model
        self._shop = shop
        self._recommenders: Remembered[PickingTerms, Recommender] = Remembered(_MOST_RULES)

    @cached_property
    def styles(self) -> Styles:
        """What somebody's purchases may be typical of; what is sensitive says nothing."""
        return Styles(self.catalogue, self.hidden.tolist())

    def recommender(self, terms: PickingTerms) -> Recommender | None:
        """The one for these rules; None where there is no model."""
        found = self._recommenders.get(terms)
        if found is None and self._model is not None:
            found = Recommender(self._model, self.catalogue, rules_of(self._shop, terms))
            self._recommenders[terms] = found
        return found


class Picker:
    """Loads the active model once per process and version, and picks for whole batches.

    `shop` are the rules of the shop, which those of a campaign narrow.
    """

    def __init__(self, db: Database, shop: ShopTerms | None = None) -> None:
        self._db = db
        self._shop = shop or ShopTerms()
        self._lock = threading.Lock()
        self._loaded = _Loaded(None, {}, self._shop)
        self._looked_at: float | None = None
        self._version: tuple[object, ...] = ()

    def pick(
        self,
        personal: Mapping[int, bool],
        n: int,
        terms: PickingTerms = _SHOP_RULES,
        best_sellers: bool = False,
    ) -> tuple[dict[int, History], dict[int, list[Pick]]]:
        """Histories and picks by customer id; `personal` says who granted profiling.

        What is sensitive is not in the histories. With `best_sellers` everybody gets what sells best, whatever they
        agreed to.
        """
        if not personal:
            return {}, {}
        loaded, recommender = self._current(terms)
        ids = sorted(personal)
        with self._db.transaction() as session:
            read = load_histories(session, ids, [personal[customer_id] for customer_id in ids])
            histories = without_products(read, loaded.hidden)
            cold = [h.customer_id for h in histories if h.personal and not len(h.products)]
            likes = _likes(session, cold, loaded.by_sku) if cold else {}
        by_id = {history.customer_id: history for history in histories}
        if n == 0 or recommender is None:
            return by_id, {customer_id: [] for customer_id in ids}
        if best_sellers:
            with self._db.transaction() as session:
                anybody = without_products(load_histories(session, ids, [False] * len(ids)), loaded.hidden)
            picked = recommender.pick_batch(anybody, n, {})
        else:
            picked = recommender.pick_batch(histories, n, likes)
        return by_id, {h.customer_id: picks for h, picks in zip(histories, picked, strict=True)}

    def pick_for(self, history: History, n: int) -> list[Pick]:
        """`n` picks for this history, by the rules of the shop: somebody of whom the shop itself tells what they do."""
        loaded, recommender = self._current(_SHOP_RULES)
        if recommender is None or n < 1:
            return []
        return recommender.pick_batch(without_products([history], loaded.hidden), n)[0]

    def by_sku(self, skus: Sequence[str]) -> list[ProductFacts]:
        """The products of these skus, in their order; what is not known is left out."""
        loaded = self._current(_SHOP_RULES, build=False)[0]
        return [loaded.catalogue[loaded.by_sku[sku]] for sku in skus if sku in loaded.by_sku]

    def still_fit(
        self, stored: Mapping[int, Sequence[Sequence[object]]], terms: PickingTerms = _SHOP_RULES
    ) -> dict[int, list[Pick]]:
        """Those of the picks prepared before, by send, that may all be picked now: nothing is gone, sold out or
        forbidden since.
        """
        loaded, recommender = self._current(terms)
        read = {send_id: picks_from_json(rows, loaded.catalogue) for send_id, rows in stored.items()}
        return {
            send_id: picks
            for send_id, picks in read.items()
            if len(picks) == len(stored[send_id])
            and (recommender is None or all(recommender.allows(pick.product.id) for pick in picks))
        }

    def mended(
        self,
        stored: Mapping[int, Sequence[Sequence[object]]],
        histories: Mapping[int, History],
        terms: PickingTerms = _SHOP_RULES,
    ) -> dict[int, list[Pick]]:
        """Picks prepared before, by customer, with substitutes for what is sold out since.

        Who has a pick that nothing may stand in for is left out: for them all is picked anew.
        """
        loaded, recommender = self._current(terms)
        mended: dict[int, list[Pick]] = {}
        for customer_id, rows in stored.items():
            picks = picks_from_json(rows, loaded.catalogue)
            if recommender is None or len(picks) != len(rows):
                continue
            found = with_stand_ins(recommender, loaded.substitutes, picks, histories[customer_id])
            if found is not None:
                mended[customer_id] = found
        return mended

    def rules(self, terms: PickingTerms = _SHOP_RULES) -> Rules:
        """The rules in force for a campaign."""
        return rules_of(self._shop, terms)

    @property
    def catalogue(self) -> dict[int, ProductFacts]:
        """Products by id, as of the last pick."""
        return self._current(_SHOP_RULES, build=False)[0].catalogue

    @property
    def styles(self) -> Styles:
        """What purchases are typical of in this shop, by the same catalogue."""
        return self._current(_SHOP_RULES, build=False)[0].styles

    def _current(self, terms: PickingTerms, build: bool = True) -> tuple[_Loaded, Recommender | None]:
        with self._lock:
            if self._looked_at is None or time.monotonic() - self._looked_at >= CATALOGUE_SECONDS:
                with self._db.transaction() as session:
                    # Loading takes seconds in a big shop, and what was worked out for each product goes with it.
                    now = version(session)
                    if now != self._version:
                        self._loaded = _Loaded(load_active(session), load_catalogue(session), self._shop)
                        self._version = now
                self._looked_at = time.monotonic()
            return self._loaded, self._loaded.recommender(terms) if build else None


def _likes(session: Session, customer_ids: Sequence[int], by_sku: Mapping[str, int]) -> dict[int, Likes]:
    """What those who bought nothing yet said to like; a product that is gone says nothing."""
    return {
        customer_id: Likes(
            frozenset(value for kind, value in liked if kind == "category"),
            frozenset(by_sku[value] for kind, value in liked if kind == "product" and value in by_sku),
        )
        for customer_id, liked in favourites_of(session, customer_ids).items()
    }


def picks_to_json(picks: Sequence[Pick], lines: Sequence[int] = ()) -> list[list[object]]:
    """The stored form: [product id, reason kind, because product id, because title, line id] each.

    `lines` are the numbers of what is said of each pick; without them (0), no words are kept for it alone.
    """
    numbers = lines or (0,) * len(picks)
    return [
        [p.product.id, p.reason.kind, p.reason.because_id, p.reason.because, line]
        for p, line in zip(picks, numbers, strict=True)
    ]


def picks_from_json(rows: Sequence[Sequence[object]], catalogue: Mapping[int, ProductFacts]) -> list[Pick]:
    """Picks again; a product that has been removed since is left out.

    The numbers of their lines are not looked at here; see models.copy.line_ids.
    """
    picks = []
    for rank, (product_id, kind, because_id, because, *_) in enumerate(rows):
        product = catalogue.get(int(product_id))  # type: ignore[call-overload]
        if product is not None:
            reason = Reason(str(kind), str(because), int(because_id))  # type: ignore[call-overload]
            picks.append(Pick(product, rank, 0.0, reason))
    return picks

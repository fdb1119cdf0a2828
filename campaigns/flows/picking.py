"""Picks for a batch of customers, with the model and the catalogue kept in the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from campaigns.audience.favourites import favourites_of
from campaigns.core.db import Database
from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.recommender import History, Likes, Recommender
from campaigns.recommend.storage import load_active, load_catalogue, load_histories, version

# Stock and prices may be this old in a mail; the open-time pictures read them anew.
CATALOGUE_SECONDS = 20.0


class Picker:
    """Loads the active model once per process and version, and picks for whole batches."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._recommender: Recommender | None = None
        self._catalogue: dict[int, ProductFacts] = {}
        self._by_sku: dict[str, int] = {}
        self._looked_at: float | None = None
        self._version: tuple[object, ...] = ()

    def pick(self, personal: Mapping[int, bool], n: int) -> tuple[dict[int, History], dict[int, list[Pick]]]:
        """Histories and picks by customer id; `personal` says who granted profiling."""
        recommender = self._current()
        ids = sorted(personal)
        with self._db.transaction() as session:
            histories = load_histories(session, ids, [personal[customer_id] for customer_id in ids])
            cold = [h.customer_id for h in histories if h.personal and not len(h.products)]
            likes = self._likes(session, cold) if cold else {}
        if n == 0 or recommender is None:
            return {h.customer_id: h for h in histories}, {customer_id: [] for customer_id in ids}
        picked = recommender.pick_batch(histories, n, likes)
        return (
            {h.customer_id: h for h in histories},
            {h.customer_id: picks for h, picks in zip(histories, picked, strict=True)},
        )

    def _likes(self, session: Session, customer_ids: Sequence[int]) -> dict[int, Likes]:
        """What those who bought nothing yet said to like; a product that is gone says nothing."""
        return {
            customer_id: Likes(
                frozenset(value for kind, value in liked if kind == "category"),
                frozenset(
                    self._by_sku[value]
                    for kind, value in liked
                    if kind == "product" and value in self._by_sku
                ),
            )
            for customer_id, liked in favourites_of(session, customer_ids).items()
        }

    @property
    def catalogue(self) -> dict[int, ProductFacts]:
        """Products by id, as of the last pick."""
        self._current()
        return self._catalogue

    def _current(self) -> Recommender | None:
        with self._lock:
            if self._looked_at is not None and time.monotonic() - self._looked_at < CATALOGUE_SECONDS:
                return self._recommender
            with self._db.transaction() as session:
                # Loading takes seconds in a big shop, and what was worked out for each product goes with it.
                now = version(session)
                if now != self._version:
                    model = load_active(session)
                    self._catalogue = load_catalogue(session)
                    self._by_sku = {facts.sku: number for number, facts in self._catalogue.items()}
                    self._recommender = Recommender(model, self._catalogue) if model else None
                    self._version = now
            self._looked_at = time.monotonic()
            return self._recommender


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

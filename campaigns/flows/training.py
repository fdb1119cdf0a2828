"""Training the recommender on what the shop's data say now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.recommend.evaluation import Split, evaluate
from campaigns.recommend.interactions import load_interactions
from campaigns.recommend.model import train
from campaigns.recommend.storage import save_model

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """The stored model and what it knows of itself."""

    model_id: int
    meta: dict[str, object]


class Training:
    """Trains and stores models."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def evaluate(self, split: Split) -> dict[str, Any]:
        """How well the recommender foretells the shop's own orders, beside best-sellers.

        `split` is "time" (the last 30 days are foretold) or "last-order" (each customer's last order).
        """
        with self._db.transaction() as session:
            interactions = load_interactions(session)
        return evaluate(interactions, split)

    def run(self) -> Trained:
        """Train on all orders up to now and make the result the active model."""
        with self._db.transaction() as session:
            interactions = load_interactions(session)
        # Minutes of matrix work on a large shop: no connection is held meanwhile.
        model = train(interactions, self._clock.now())
        with self._db.transaction() as session:
            model_id = save_model(session, model)
        log.info("recommender_trained", model_id=model_id)
        return Trained(model_id, dict(model.meta))

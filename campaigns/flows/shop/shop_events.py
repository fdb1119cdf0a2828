"""What happens in the shop, posted as it happens: orders, returns, views, carts, and products that change.

Picks are worked out from the histories in the database at that moment, so all of it counts for the very next
mail, without training. Training follows at its own pace: orders of an hour are one hint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
import redis
from sqlalchemy.exc import OperationalError

from campaigns.audience.posted import Landed
from campaigns.audience.posted_orders import PostedOrder, keep_orders
from campaigns.audience.posted_products import PostedProduct, ProductResult, keep_products
from campaigns.audience.posted_returns import PostedReturn, keep_returns
from campaigns.audience.posted_signals import PostedSignal, keep_signals
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger

log = get_logger(__name__)

TRAINING_HINT_SECONDS = 3600
_HINTED = "training:hinted"
_RETRY_SECONDS = 1.0
_Kept = TypeVar("_Kept")


class ShopEvents:
    """Takes in what the shop tells; one object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock, redis_client: Any, jobs: Jobs) -> None:
        self._db = db
        self._clock = clock
        self._redis = redis_client
        self._jobs = jobs

    def orders(self, orders: Sequence[PostedOrder]) -> Landed:
        """Keep orders; the same ones again change nothing.

        Raises:
            ServiceUnavailable: two writers of the same orders were in each other's way; nothing was kept.
        """

        def keep(session: UnitOfWork) -> Landed:
            landed = keep_orders(session, orders, self._clock.now())
            if landed.inserted or landed.updated:
                session.after_commit(self._hint_training)
            return landed

        return self._taken(keep, "orders_posted")

    def signals(self, signals: Sequence[PostedSignal]) -> Landed:
        """Keep views and carts; the same numbers again change nothing.

        Raises:
            ServiceUnavailable: two writers of the same numbers were in each other's way; nothing was kept.
        """
        return self._taken(
            lambda session: keep_signals(session, signals, self._clock.now()), "shop_events_posted"
        )

    def returns(self, returns: Sequence[PostedReturn]) -> Landed:
        """Keep what came back; the same returns again change nothing.

        Raises:
            ServiceUnavailable: two writers of the same orders were in each other's way; nothing was kept.
        """
        return self._taken(
            lambda session: keep_returns(session, returns, self._clock.now()), "returns_posted"
        )

    def products(self, products: Sequence[PostedProduct]) -> list[ProductResult]:
        """Insert or change products; one result for each. New prices and stock are in the next picks.

        Raises:
            ServiceUnavailable: two writers of the same products were in each other's way; nothing was kept.
        """

        def keep(session: UnitOfWork) -> list[ProductResult]:
            results = keep_products(session, products, self._clock.now())
            if any(one.result == "inserted" for one in results):
                session.after_commit(self._hint_training)
            return results

        results = self._undisturbed(keep)
        log.info("products_posted", **Counter(one.result for one in results))
        return results

    def _taken(self, keep: Callable[[UnitOfWork], Landed], name: str) -> Landed:
        landed = self._undisturbed(keep)
        log.info(name, inserted=landed.inserted, updated=landed.updated, left_out=len(landed.problems))
        return landed

    def _undisturbed(self, keep: Callable[[UnitOfWork], _Kept]) -> _Kept:
        try:
            with self._db.transaction() as session:
                return keep(session)
        except OperationalError as error:
            # An import of the same rows takes them in an order of its own.
            if isinstance(error.orig, psycopg.errors.DeadlockDetected):
                raise ServiceUnavailable(
                    "PostgreSQL", "the same rows are being imported", _RETRY_SECONDS
                ) from error
            raise

    def _hint_training(self) -> None:
        """At most one hint an hour, whichever process the orders come to."""
        try:
            first = self._redis.set(_HINTED, b"1", nx=True, ex=TRAINING_HINT_SECONDS)
        except redis.RedisError as error:
            # Hints wait in Redis too; the next order after it is back gives one.
            raise ServiceUnavailable("Redis", type(error).__name__) from error
        if first:
            self._jobs.train()

"""PostgreSQL's clock as the clock of workers, so that a machine whose own is wrong, or jumps, does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger

log = get_logger(__name__)

_RETRY_SECONDS = 5.0


class ServerClock:
    """A `Clock` that asks PostgreSQL once in `refresh` seconds and counts on by the monotonic clock.

    Sends that are put off, and campaigns that are scheduled, are due by what it says: a worker whose clock is
    hours ahead would start a campaign too early, or put a mail off until nobody waits for it any more. Until
    PostgreSQL was heard for the first time it is the machine's own clock.
    """

    def __init__(
        self, db: Database, refresh: float = 60.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._refresh = refresh
        self._monotonic = monotonic
        self._moment: datetime | None = None
        self._at = 0.0
        self._ask_from = float("-inf")

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        if self._monotonic() >= self._ask_from:
            self._ask()
        if self._moment is None:
            return datetime.now(UTC)
        return self._moment + timedelta(seconds=self._monotonic() - self._at)

    def _ask(self) -> None:
        begin = self._monotonic()
        try:
            with self._db.transaction() as session:
                told = session.scalar(text("select clock_timestamp()"))
        except (ServiceUnavailable, SQLAlchemyError) as error:
            log.warning("clock_not_asked", why=type(error).__name__)
            self._ask_from = self._monotonic() + _RETRY_SECONDS
            return
        end = self._monotonic()
        assert isinstance(told, datetime)
        self._moment, self._at = told.astimezone(UTC), (begin + end) / 2
        self._ask_from = end + self._refresh

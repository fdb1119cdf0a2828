"""Bringing up to date who still looks at their mail; and letting those go who do not answer.

Run after a campaign ends, and every hour. All of it works in pieces of some thousand customers, one transaction
each, and finds by itself where another run stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.audience.consent import record, states
from campaigns.audience.engagement import (
    count,
    mark_counted,
    note_asked,
    note_sunset,
    quiet,
    silent,
    to_be_counted,
    wake,
    wake_all,
    watched,
)
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.core.locks import ENGAGEMENT_LOCK
from campaigns.core.log import get_logger

log = get_logger(__name__)

SUNSET = "sunset"
"""The source, in the ledger, of consent that ended because nobody answered."""

_AT_ONCE = 5000
_LET_GO_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class EngagementResult:
    """How many customers changed their state in this run."""

    woken: int = 0
    snoozed: int = 0
    asked: int = 0
    sunset: int = 0


class _Elsewhere(Exception):
    """Another process is at it, or this one is to end; what is done stays done."""


class Engagement:
    """`snooze_after` mails without a sign of a person make somebody rest, 0: nobody ever.

    `sunset_days` is how long they have to answer a re-permission mail.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        snooze_after: int,
        sunset_days: int,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._most = snooze_after
        self._wait = timedelta(days=sunset_days)
        self._stopping = stopping

    def run(self) -> EngagementResult:
        """Bring everything up to date; harmless when repeated, and when two do it at once."""
        found = {"woken": 0, "snoozed": 0, "asked": 0, "sunset": 0}
        try:
            for name, step in self._steps():
                for number in step():
                    found[name] += number
        except _Elsewhere:
            log.info("engagement_left_to_another_run")
        result = EngagementResult(**found)
        if any(found.values()):
            log.info("engagement_changed", **asdict(result))
        return result

    def _steps(self) -> list[tuple[str, Callable[[], Iterator[int]]]]:
        if not self._most:
            return [("woken", self._wake_all)]
        # In this order: a sign that is there wakes before anything follows from its absence.
        return [
            ("woken", self._wake),
            ("snoozed", self._count),
            ("asked", self._note_asked),
            ("sunset", self._let_go),
        ]

    def _wake_all(self) -> Iterator[int]:
        with self._alone() as session:
            yield wake_all(session, self._clock.now())

    def _wake(self) -> Iterator[int]:
        after: int | None = 0
        while after is not None:
            with self._alone() as session:
                ids = quiet(session, after, _AT_ONCE)
                woken = wake(session, ids, self._clock.now())
            after = ids[-1] if ids else None
            yield woken

    def _count(self) -> Iterator[int]:
        with self._alone() as session:
            ended = to_be_counted(session)
        after: int | None = 0 if ended else None
        while after is not None:
            with self._alone() as session:
                ids = watched(session, after, _AT_ONCE)
                snoozed = count(session, ids, ended, self._most, self._clock.now())
                if not ids:
                    mark_counted(session, ended)
            after = ids[-1] if ids else None
            yield snoozed

    def _note_asked(self) -> Iterator[int]:
        with self._alone() as session:
            yield note_asked(session)

    def _let_go(self) -> Iterator[int]:
        """Asked long ago, and still no sign, looked for once more: their consent to marketing is withdrawn."""
        after: int | None = 0
        while after is not None:
            with self._alone() as session:
                now = self._clock.now()
                ids = silent(session, self._wait, after, _LET_GO_AT_ONCE, now)
                wake(session, ids, now)
                gone = note_sunset(session, ids, now)
                self._withdraw(session, gone)
            after = ids[-1] if ids else None
            yield len(gone)

    def _withdraw(self, session: Session, gone: list[int]) -> None:
        granted = states(session, gone)
        for customer_id in sorted(gone):
            if "marketing" in granted[customer_id]:
                # Not consent.withdraw(): nobody said anything, and a grant that a shop's clock dates ahead is
                # a sign of life, which holds. Who was erased a moment ago has nothing left to withdraw.
                with suppress(NotFound):
                    record(session, customer_id, "marketing", "withdrawn", "", SUNSET, self._clock.now())

    @contextmanager
    def _alone(self) -> Iterator[Session]:
        """A transaction in which no other process does the same.

        Raises:
            _Elsewhere: another one is at it, or this one is to end.
        """
        if self._stopping():
            raise _Elsewhere
        with self._db.transaction() as session:
            if not session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": ENGAGEMENT_LOCK}):
                raise _Elsewhere
            yield session

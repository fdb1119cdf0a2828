"""Work on a campaign that a person asked for and a worker does: samples and forecasts of copy, preflights.

That it is due stands in the campaign's row. Whoever takes it has it for a while, and for as long as it says that it
is still at it; what a killed worker had is due again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.models import Campaign

# Longer than a worker goes without a sign of life, even while a model thinks.
LEASE = timedelta(minutes=15)
_RENEWED_EACH_SECONDS = 30.0


class CopyDue:
    """Which campaigns wait for one kind of work, by a column of theirs: when it is due, None where it is not."""

    def __init__(self, db: Database, clock: Clock, due_at: InstrumentedAttribute[datetime | None]) -> None:
        self._db = db
        self._clock = clock
        self._due_at = due_at
        self._renewed = 0.0

    def ask(self, session: Session, campaign_id: int) -> None:
        """It is due now; where it was asked for before, that stands."""
        asked = update(Campaign).where(Campaign.id == campaign_id, self._due_at.is_(None))
        session.execute(asked.values({self._due_at: self._clock.now()}))

    def waits(self, campaign_id: int) -> bool:
        """Whether it was asked for and is not done yet."""
        with self._db.transaction() as session:
            return session.scalar(select(self._due_at).where(Campaign.id == campaign_id)) is not None

    def take(self) -> int | None:
        """The number of a campaign for which it is due and that nobody else has; it is the caller's for LEASE."""
        now = self._clock.now()
        due = (
            select(Campaign.id)
            .where(self._due_at <= now)
            .order_by(self._due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._db.transaction() as session:
            campaign_id = session.scalar(due)
            if campaign_id is not None:
                self._lease(session, campaign_id)
        self._renewed = monotonic()
        return campaign_id

    def still_at_it(self, campaign_id: int) -> None:
        """Whoever has taken it goes on; costs next to nothing where it was said a moment ago."""
        if monotonic() - self._renewed < _RENEWED_EACH_SECONDS:
            return
        self._renewed = monotonic()
        with self._db.transaction() as session:
            self._lease(session, campaign_id)

    def done(self, session: Session, campaign_id: int) -> None:
        """Nobody waits for it any more."""
        session.execute(update(Campaign).where(Campaign.id == campaign_id).values({self._due_at: None}))

    def _lease(self, session: Session, campaign_id: int) -> None:
        mine = update(Campaign).where(Campaign.id == campaign_id, self._due_at.is_not(None))
        session.execute(mine.values({self._due_at: self._clock.now() + LEASE}))

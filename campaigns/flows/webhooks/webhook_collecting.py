"""From what happened to deliveries: for each endpoint what it wants to know, a hundred at a time.

A source is read, and what it told is written down for all endpoints, in one transaction: a kill loses nothing and
tells nothing twice. Whoever comes while another process reads a source goes on to the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from time import monotonic

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.flows.webhooks.webhook_sources import SOURCES, Source, Told, begin_here, read_on
from campaigns.flows.webhooks.webhook_walks import OF_SENDS, begin_walks, forget_walks, walk_on
from campaigns.models import WebhookCursor, WebhookDelivery, WebhookEndpoint, WebhookWalk

TOLD_AT_ONCE = 100
"""Of what happened in one request; a receiver that is slow is asked that much more seldom."""

_SECONDS = 3.0


class WebhookCollecting:
    """Finds what is to be told. One object serves one process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def run(self, seconds: float = _SECONDS) -> int:
        """Write down what happened since, until nothing is left or the time is over; returns how many deliveries."""
        until = monotonic() + seconds
        made = 0
        for source in SOURCES:
            more = True
            while more and monotonic() < until:
                added, more = self._read(source)
                made += added
        more = True
        while more and monotonic() < until:
            added, more = self._walk()
            made += added
        return made

    def _read(self, source: Source) -> tuple[int, bool]:
        with self._db.transaction() as session:
            endpoints = listening(session)
            if not endpoints:
                # Whoever listens next hears what happens from then on.
                session.execute(delete(WebhookCursor).where(WebhookCursor.source == source.table))
                return 0, False
            begin_here(session)
            found = read_on(session, source, _wanted(endpoints))
            if found is None:
                return 0, False
            told, more = found
            return deliver(session, endpoints, told, self._clock.now()), more

    def _walk(self) -> tuple[int, bool]:
        now = self._clock.now()
        with self._db.transaction() as session:
            forget_walks(session)
            endpoints = [one for one in listening(session) if OF_SENDS & set(one.events)]
            if not endpoints:
                session.execute(delete(WebhookWalk))
                return 0, False
            begin_walks(session, min(one.created_at for one in endpoints))
            session.flush()
            told = walk_on(session, now, _wanted(endpoints))
            due = select(func.count()).select_from(WebhookWalk).where(WebhookWalk.look_at <= now)
            return deliver(session, endpoints, told, now), bool(told) and bool(session.scalar(due))


def listening(session: Session) -> Sequence[WebhookEndpoint]:
    """The endpoints that are told now."""
    on = (WebhookEndpoint.off_at.is_(None), WebhookEndpoint.removed_at.is_(None))
    return session.scalars(select(WebhookEndpoint).where(*on).order_by(WebhookEndpoint.id)).all()


def deliver(
    session: Session, endpoints: Sequence[WebhookEndpoint], told: Sequence[Told], now: datetime
) -> int:
    """Write down deliveries of what was told to those who want it; returns how many."""
    made = 0
    for endpoint in endpoints:
        mine = [one.to_json() for one in told if one.name in endpoint.events]
        for start in range(0, len(mine), TOLD_AT_ONCE):
            session.add(
                WebhookDelivery(
                    endpoint_id=endpoint.id,
                    message_id=new_message_id(),
                    told=mine[start : start + TOLD_AT_ONCE],
                    created_at=now,
                    next_try_at=now,
                )
            )
            made += 1
    return made


def new_message_id() -> str:
    """What a delivery is known by, the same at each attempt."""
    return f"msg_{secrets.token_urlsafe(18)}"


def _wanted(endpoints: Sequence[WebhookEndpoint]) -> set[str]:
    return {name for endpoint in endpoints for name in endpoint.events}

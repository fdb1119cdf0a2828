"""Erasures brought to their end: what is outside the database, or was on its way when somebody was erased.

Redis may be away at that moment, a mail may just be captured into a folder, a batch may hold what it picked. So
an erasure leaves a row behind (models/erasure.py), and every place is cleaned twice: at once, and when nothing can
be on its way there any more. Only then the place counts as done. Each data folder is a place of its own, cleaned
by a process of its host; a row is kept long enough for a host that is switched on once a month.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from campaigns.audience.privacy import erase_again
from campaigns.audience.privacy_rows import keys_of_sends
from campaigns.audience.suppression import is_erased
from campaigns.compose.identity import customer_tested, numbers_in
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.domains import u_labels
from campaigns.core.log import get_logger
from campaigns.delivery.capture_forget import forget_captured
from campaigns.delivery.journal import replay
from campaigns.flows.opening.draining import Draining, hold_off_draining
from campaigns.flows.opening.live_offers import LiveOffers
from campaigns.models import Erasure
from campaigns.opentime.serving.serve import mentions
from campaigns.opentime.serving.serve_spool import groups_in_folder
from campaigns.opentime.serving.serve_stream import ServeStream

log = get_logger(__name__)

REDIS = "redis"
SETTLED = timedelta(minutes=10)
"""Longer than a worker holds a mail, a process keeps what it served, and a relay may take to answer."""

KEPT = timedelta(days=35)
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Folders:
    """Where this host keeps files: captured mail, spools of serves, and the journals of workers."""

    outbox: Path
    spools: Path
    journals: Path


@dataclass(slots=True)
class _Due:
    """An erased customer, the mails they got, and whether a worker still holds one of those."""

    customer_id: int
    erased_at: datetime
    sends: list[tuple[int, int]]
    held: bool


class Erasures:
    """Finishes erasures on this host; `host` is the name of its data folder."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        redis_client: Any,
        offers: LiveOffers,
        draining: Draining,
        folders: Folders,
        host: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._stream = ServeStream(redis_client)
        self._offers = offers
        self._draining = draining
        self._folders = folders
        self._host = host

    def finish(self, most: int = _AT_ONCE) -> int:
        """Clean what is due here; returns of how many erasures, of `most` that were looked at, something is left here.

        Harmless when repeated, or when several do it at once. Never raises for Redis or a file that is away.
        """
        due = self._due(most)
        if not due:
            return 0
        # What waits in spools of the dead and in the stream is drained; who was erased is left out there.
        self._draining.drain(2.0)
        clean = {REDIS: self._clean_redis(due), self._host: self._clean_files(due)}
        return self._note(due, clean)

    def reached(self, customer_id: int) -> bool:
        """Whether Redis and the files of this host were cleaned at least once; True where nothing is open any more."""
        with self._db.transaction() as session:
            row = session.get(Erasure, customer_id)
        return row is None or {REDIS, self._host} <= set(row.begun)

    def _due(self, most: int) -> list[_Due]:
        now = self._clock.now()
        with self._db.transaction() as session:
            session.execute(delete(Erasure).where(Erasure.erased_at < now - KEPT))
            not_done = ~Erasure.done.contains([REDIS, self._host])
            rows = session.scalars(select(Erasure).where(not_done).order_by(Erasure.erased_at)).all()
            picked = [row for row in rows if self._is_due(row, now)][:most]
        return [self._again(row.customer_id, row.erased_at) for row in picked]

    def _is_due(self, row: Erasure, now: datetime) -> bool:
        return not {REDIS, self._host} <= set(row.begun) or now >= row.erased_at + SETTLED

    def _again(self, customer_id: int, erased_at: datetime) -> _Due:
        with self._db.transaction() as session:
            hold_off_draining(session)
            held = erase_again(session, customer_id)
            return _Due(customer_id, erased_at, keys_of_sends(session, customer_id), held)

    def _clean_redis(self, due: list[_Due]) -> set[int]:
        """Of whom nothing is left in Redis."""
        try:
            self._stream.forget({one.customer_id for one in due})
        except (redis.RedisError, OSError) as error:
            log.warning("erasure_waits_for_redis", customers=len(due), why=type(error).__name__)
            return set()
        return {one.customer_id for one in due if self._offers.forget([send_id for _, send_id in one.sends])}

    def _clean_files(self, due: list[_Due]) -> set[int]:
        """Of whom nothing is left in the files of this host."""
        try:
            self._clean_outbox(due)
            waiting = self._named_in_spools({one.customer_id for one in due})
            journaled = set(replay(self._folders.journals))
        except OSError as error:
            log.warning("erasure_waits_for_files", customers=len(due), why=error.strerror or "unreadable")
            return set()
        return {
            one.customer_id
            for one in due
            if one.customer_id not in waiting and journaled.isdisjoint(send_id for _, send_id in one.sends)
        }

    def _clean_outbox(self, due: list[_Due]) -> None:
        """Mails of campaigns, and tests of them, are known by their Message-ID, notices by whom they went to."""
        sends = {key for one in due for key in one.sends}
        erased = {one.customer_id for one in due}
        strangers: dict[str, bool] = {}

        def is_theirs(recipient: str, message_id: str) -> bool:
            if numbers_in(message_id) in sends or customer_tested(message_id) in erased:
                return True
            if recipient not in strangers:
                strangers[recipient] = self._is_erased(recipient)
            return strangers[recipient]

        gone = forget_captured(self._folders.outbox, is_theirs)
        if gone:
            log.info("captured_mails_erased", mails=gone)

    def _is_erased(self, recipient: str) -> bool:
        """Whether the address is of somebody who was erased, and has not come back since."""
        local, at, domain = recipient.rpartition("@")
        if not at:
            return False
        with self._db.transaction() as session:
            return is_erased(session, self._keyring, {recipient, f"{local}@{u_labels(domain)}"})

    def _named_in_spools(self, customer_ids: Collection[int]) -> set[int]:
        """Which of these a living process still has in its spool; it brings that to Redis once Redis is back."""
        found: set[int] = set()
        for group in groups_in_folder(self._folders.spools):
            found |= {one for one in customer_ids if mentions(group.body, [one])}
        return found

    def _note(self, due: list[_Due], clean: dict[str, set[int]]) -> int:
        now = self._clock.now()
        left = 0
        with self._db.transaction() as session:
            for one in due:
                settled = now >= one.erased_at + SETTLED and not one.held
                places = [place for place, customers in clean.items() if one.customer_id in customers]
                _mark(session, one.customer_id, places, settled)
                left += one.held or len(places) < len(clean)
        return left


def _mark(session: Session, customer_id: int, places: Iterable[str], settled: bool) -> None:
    """Several hosts do this at once, each for its own place."""
    row = session.scalars(
        select(Erasure).where(Erasure.customer_id == customer_id).with_for_update()
    ).one_or_none()
    if row is None:
        return
    values = {"begun": sorted({*row.begun, *places})}
    if settled:
        values["done"] = sorted({*row.done, *places})
    session.execute(update(Erasure).where(Erasure.customer_id == customer_id).values(values))

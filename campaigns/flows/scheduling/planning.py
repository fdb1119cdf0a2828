"""Planning a campaign: its audience becomes sends, all of them or none, and never against a pause or a cancel.

Freezing a million takes half a minute. Meanwhile nobody holds the campaign's row, so that whoever pauses or
cancels it does not wait. The freeze is one transaction: ended early or killed, it leaves nothing behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import freeze_audience
from campaigns.audience.segments import parse_segment
from campaigns.audience.wall_times import BestHours, DayTimes, WallTimes
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork, raw_cursor, rows
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.frequency import FrequencyCap
from campaigns.core.jobs import Jobs
from campaigns.core.locks import PLANNING_LOCK
from campaigns.core.log import get_logger
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.plans import get_campaign, is_in
from campaigns.flows.reports.experiment_waves import begin_experiment
from campaigns.flows.sending.counters import count_sends, set_counts
from campaigns.models import Campaign, CampaignStatus, SendStatus
from campaigns.models.partitions import range_of

log = get_logger(__name__)

MOST_HINTS = 64
_LOOK_SECONDS = 0.5
_CANCEL_SECONDS = 5.0
_MANY = 5_000
# The second key of such a lock has 31 bits.
_MINE = "select pg_try_advisory_xact_lock(%(lock)s, (%(campaign)s::bigint %% 2147483647)::int)"


class _Stopped(Exception):
    """The campaign is not to be planned any more, or not by this process."""


class Planning:
    """Freezes audiences. One object belongs to one process.

    `stopping` says whether this process is asked to end: a freeze is then left to another one. With
    `words_elsewhere` words are asked for apart from sending, also for those whose time has not come.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        batch_size: int,
        default_zone: str,
        stopping: Callable[[], bool],
        cap: FrequencyCap | None = None,
        words_elsewhere: bool = False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._batch_size = batch_size
        self._zone = default_zone
        self._stopping = stopping
        self._cap = cap
        self._words_elsewhere = words_elsewhere

    def plan(self, campaign_id: int) -> int | None:
        """Planning -> sending, with a send for everybody in the audience; returns how many are planned.

        None where there is nothing to plan, somebody else is at it, or it was stopped. Harmless when repeated.
        """
        try:
            with self._db.transaction() as session:
                if rows(session, _MINE, {"lock": PLANNING_LOCK, "campaign": campaign_id}) != [(True,)]:
                    # It takes a while for a million: no worker should stand and wait.
                    return None
                campaign = get_campaign(session, campaign_id)
                if campaign.status != CampaignStatus.PLANNING:
                    return None
                return self._plan(session, campaign)
        except _Stopped:
            log.info("planning_stopped", campaign_id=campaign_id)
            return None

    def _plan(self, session: UnitOfWork, campaign: Campaign) -> int:
        now = self._clock.now()
        terms = DeliveryTerms.from_json(campaign.delivery)
        with _ended_when(session, lambda: self._is_over(campaign.id)):
            contact = ContactTerms.of(campaign, self._cap)
            segment = parse_segment(campaign.segment)
            wall = wall_times(terms, now, self._zone)
            next_time = terms.local_time if wall is None else None
            shares = begin_experiment(session, campaign, now)
            freeze_audience(session, contact, segment, now, next_time, self._zone, shares, wall)
            by_status = count_sends(session, campaign.id)
            _analyse(session, campaign.id, sum(by_status.values()))
        # Locked only now, and looked at again: from here on a pause waits for us, for some milliseconds.
        session.refresh(campaign, with_for_update=True)
        if campaign.status != CampaignStatus.PLANNING:
            raise _Stopped
        set_counts(session, campaign.id, by_status)
        campaign.audience_size = sum(by_status.values())
        session.add(campaign.move(CampaignStatus.SENDING, now, "worker"))
        planned = by_status.get(SendStatus.PLANNED, 0)
        hints = min(MOST_HINTS, math.ceil(planned / self._batch_size))
        session.after_commit(lambda: self._jobs.send(hints))
        if planned and self._words_elsewhere:
            session.after_commit(self._jobs.write_words)
        session.after_commit(lambda: self._jobs.warm(campaign.id))
        return planned

    def _is_over(self, campaign_id: int) -> bool:
        """Whether the freeze is in vain; asked on another connection."""
        if self._stopping():
            return True
        try:
            with self._db.transaction() as session:
                return not is_in(session, campaign_id, CampaignStatus.PLANNING)
        except (ServiceUnavailable, SQLAlchemyError, psycopg.Error):
            return False  # If the database is away, the freeze finds it out by itself.


def wall_times(terms: DeliveryTerms, now: datetime, default_zone: str) -> WallTimes | None:
    """When customers are due if the audience is frozen now; None: at once, or at the next local time."""
    if terms.best_hour:
        return BestHours(now, default_zone, terms.hours_allowed())
    if terms.local_date and terms.local_time:
        return DayTimes(terms.local_date, terms.local_time, terms.stragglers, now, default_zone)
    return None


def _analyse(session: UnitOfWork, campaign_id: int, sends: int) -> None:
    """Let PostgreSQL's planner know of so many new sends: autovacuum may come when most of them are sent."""
    if sends >= _MANY:
        # If autovacuum is at it this is left to it; it may be one that cannot be put off.
        partition = range_of(campaign_id).partition("sends")
        session.execute(text(f"analyze (skip_locked) {partition}"))


@contextmanager
def _ended_when(session: UnitOfWork, is_over: Callable[[], bool]) -> Iterator[None]:
    """Run the block, and end whatever statement it is at as soon as `is_over` says so.

    Raises:
        _Stopped: it did; the transaction is lost.
    """
    with raw_cursor(session) as cursor:
        connection = cursor.connection
    ended, stopped = Event(), Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if stopped.is_set() or is_over():
                stopped.set()
                # Again each time: between two statements there is nothing to end.
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)

    watcher = Thread(target=watch, name="freeze-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        if stopped.is_set():
            # A request to end that comes late would hit whoever has this connection next.
            session.invalidate()
            raise _Stopped from None

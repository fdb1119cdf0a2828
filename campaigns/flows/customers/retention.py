"""Dropping what is too old to be kept: single sends, their events and served pictures, a range at a time.

A range is a hundred campaigns (models/partitions.py). It goes when all its numbers are used up and all
its campaigns ended longer ago than `keep_days`. What a report says of each is kept in its campaign's row.
A kill at any point loses nothing: the next run goes on where this one stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.audience.posted_signals import forget_signals
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.locks import RETENTION_LOCK
from campaigns.core.log import get_logger
from campaigns.flows.console.audit_log import forget_entries
from campaigns.flows.copy.copy_answers import forget_answers
from campaigns.flows.copy.copy_own import forget_own_copies
from campaigns.flows.copy.copy_report import copy_counts
from campaigns.flows.describing.arm_plans import slot_names
from campaigns.flows.feedback.payload_store import forget_payloads
from campaigns.insight.report import Report, campaign_report
from campaigns.models import Campaign, CampaignStatus, CopyCell, DrainedGroup, Event, SendResolution
from campaigns.models.partitions import PARTITIONED, CampaignRange, existing_ranges, partition_names

log = get_logger(__name__)

_ENDED = (CampaignStatus.SENT.value, CampaignStatus.CANCELLED.value)
# Dropping a partition locks its whole table, and whoever comes meanwhile waits in line behind it. More
# than PostgreSQL's deadlock_timeout (1 s), after which an autovacuum that is in the way steps aside.
_LONGEST_WAIT_MS = 2000
_EVENTS_AT_ONCE = 10_000
# A group of serves that turns up later than this, out of a spool say, would be counted a second time.
_GROUPS_KEPT = timedelta(days=14)


LastReport = Callable[[Session, Campaign, datetime, Report], None]


class Retention:
    """Drops old ranges. `keep_days` counts from the end of the last campaign of a range, `audit_days` are for
    the audit log.

    `last_report` is told the totals of a campaign right before its sends go, in the same transaction.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keep_days: int,
        last_report: LastReport | None = None,
        audit_days: int = 1825,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._audit_kept = timedelta(days=audit_days)
        self._last_report = last_report

    def run(self) -> list[str]:
        """Drop what is old enough; returns the names of the partitions that were dropped.

        Harmless when repeated or when two do it at once. A table that is too busy to be locked within two
        seconds is left for the next run.
        """
        before = self._clock.now() - self._keep
        with self._db.transaction() as session:
            due = [r for r in existing_ranges(session) if _may_go(session, r, before)]
        dropped: list[str] = []
        for one in due:
            self._summarise(one)
            for table in PARTITIONED:
                dropped += self._drop(one, table)
        self._forget_loose_events(before)
        self._forget_drained(self._clock.now() - _GROUPS_KEPT)
        self._forget_signals()
        forget_own_copies(self._db)
        forget_payloads(self._db, self._clock.now())
        forget_answers(self._db, self._clock.now())
        forget_entries(self._db, self._clock.now() - self._audit_kept)
        if dropped:
            log.info("partitions_dropped", partitions=dropped)
        return dropped

    def _summarise(self, one: CampaignRange) -> None:
        """From the first commit here on, reports are read from the summary and no event is added."""
        with self._db.transaction() as session:
            open_ = session.scalars(
                select(Campaign.id).where(
                    Campaign.id.between(one.first, one.last), Campaign.sends_dropped_at.is_(None)
                )
            ).all()
        for campaign_id in open_:
            with self._db.transaction() as session:
                campaign = session.get_one(Campaign, campaign_id, with_for_update=True)
                if campaign.sends_dropped_at is not None:
                    continue
                now = self._clock.now()
                names = slot_names(campaign.slots, campaign.experiment)
                report = campaign_report(session, campaign_id, names, now)
                campaign.summary = {**report.to_json(), "copy": copy_counts(session, campaign_id)}
                if self._last_report is not None and campaign.started_at is not None:
                    self._last_report(session, campaign, now, report)
                campaign.sends_dropped_at = now
                # The others lead to words for one customer each, of which there may be a million.
                shared = CopyCell.salt == ""
                session.execute(delete(CopyCell).where(CopyCell.campaign_id == campaign_id, shared))

    def _drop(self, one: CampaignRange, table: str) -> list[str]:
        """One table a transaction: locks on two of them at once could deadlock with those who send.

        Sends go first: who still finds a send can record its events.
        """
        name = one.partition(table)
        try:
            with self._db.transaction() as session:
                if not _alone(session) or name not in partition_names(session):
                    return []
                session.execute(text(f"set local lock_timeout = {_LONGEST_WAIT_MS}"))
                if one.number == 0:
                    return self._empty(session, table, name)
                # The parent first, as everybody locks it.
                session.execute(text(f"alter table {table} detach partition {name}"))
                session.execute(text(f"drop table {name}"))
                self._forget_resolutions(session, one)
                return [name]
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                raise
            log.info("partition_too_busy_to_drop", partition=name)
            return []

    @staticmethod
    def _empty(session: Session, table: str, name: str) -> list[str]:
        """The first range stays in place, because events of no campaign live there."""
        if not session.scalar(text(f"select exists(select 1 from {name} where campaign_id > 0)")):
            return []
        if table == "events":
            session.execute(delete(Event).where(Event.campaign_id.between(1, CampaignRange(0).last)))
        else:
            session.execute(text(f"truncate {name}"))
        Retention._forget_resolutions(session, CampaignRange(0))
        return [name]

    @staticmethod
    def _forget_resolutions(session: Session, one: CampaignRange) -> None:
        session.execute(delete(SendResolution).where(SendResolution.campaign_id.between(one.first, one.last)))

    def _forget_loose_events(self, before: datetime) -> None:
        """Events of no campaign, such as unsubscribes by way of mails whose sends are gone."""
        old = select(Event.id).where(Event.campaign_id == 0, Event.at < before).limit(_EVENTS_AT_ONCE)
        more = True
        while more:
            with self._db.transaction() as session:
                some = session.scalars(old).all()
                session.execute(delete(Event).where(Event.campaign_id == 0, Event.id.in_(some)))
            more = len(some) == _EVENTS_AT_ONCE

    def _forget_drained(self, before: datetime) -> None:
        """Numbers of groups that will not turn up any more."""
        old = select(DrainedGroup.id).where(DrainedGroup.drained_at < before).limit(_EVENTS_AT_ONCE)
        gone = _EVENTS_AT_ONCE
        while gone == _EVENTS_AT_ONCE:
            with self._db.transaction() as session:
                some = session.scalars(old).all()
                session.execute(delete(DrainedGroup).where(DrainedGroup.id.in_(some)))
            gone = len(some)

    def _forget_signals(self) -> None:
        """Views and carts that are old, or whose customer no longer consents to profiling."""
        gone = _EVENTS_AT_ONCE
        while gone == _EVENTS_AT_ONCE:
            with self._db.transaction() as session:
                gone = forget_signals(session, self._clock.now(), _EVENTS_AT_ONCE)


def _may_go(session: Session, one: CampaignRange, before: datetime) -> bool:
    newest = session.scalar(select(func.max(Campaign.id))) or 0
    if newest <= one.last:
        return False
    rows = session.execute(
        select(Campaign.id, Campaign.status, Campaign.finished_at).where(
            Campaign.id.between(one.first, one.last),
            # What comes again is never sent itself, and may live for years.
            Campaign.recurrence.is_(None),
        )
    ).all()
    if not rows or any(finished is not None and finished >= before for _, _, finished in rows):
        return False
    unfinished = [number for number, status, at in rows if status not in _ENDED or at is None]
    if unfinished:
        # A forgotten draft could still be started, and would need its partition.
        log.info("retention_waits_for_campaigns", campaigns=unfinished[:10])
    return not unfinished


def _alone(session: Session) -> bool:
    return bool(session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": RETENTION_LOCK}))

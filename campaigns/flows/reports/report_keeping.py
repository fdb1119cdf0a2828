"""Keeping campaigns' reports: made by workers while a campaign lives, read by pages, which never count anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import record
from campaigns.flows.copy.copy_report import mails_by_writer
from campaigns.flows.describing.arm_plans import slot_names
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.sending.counters import counts
from campaigns.insight.full_report import VERSION, Asked, by_week, full_report, headline
from campaigns.insight.report import Report
from campaigns.insight.returns import CopyCost, Prices
from campaigns.models import Campaign, CampaignStatus, CopySpend, KeptReport

log = get_logger(__name__)

# Longer than any report takes: what a killed worker had is due again then.
_LEASE = timedelta(minutes=30)
# How often a report is made, by how long ago the campaign began or ended.
_PACES = (
    (timedelta(hours=2), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=10)),
    (timedelta(days=3), timedelta(hours=1)),
    (timedelta(days=35), timedelta(hours=12)),
)
_LATER = timedelta(days=7)
# A report that takes long is made seldom: no more than a twentieth of one worker is spent on it.
_SHARE = 20
# Windows end and revenue ages though nothing happens.
_STALE = timedelta(days=1)
_LIVING = (CampaignStatus.PLANNING.value, CampaignStatus.SENDING.value, CampaignStatus.PAUSED.value)

_NEW = """
    insert into kept_reports (campaign_id, due_at)
    select id, :now from campaigns c
    where started_at is not null and sends_dropped_at is null
      and not exists (select 1 from kept_reports k where k.campaign_id = c.id)
    on conflict do nothing"""
_TAKE = """
    update kept_reports set due_at = :lease where campaign_id = (
        select campaign_id from kept_reports where due_at <= :now
        order by asked_at is null, due_at limit 1 for update skip locked)
    returning campaign_id"""
_MARK = """
    select coalesce((select max(id) from events where campaign_id = :campaign_id), 0) || '/' ||
           coalesce((select max(id) from order_lines), 0)"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it was at `at`; `report` (insight/full_report.py) is None before the first one.

    `making` tells that a person asked for a newer one, or that the first one is still to come.
    """

    report: dict[str, Any] | None
    at: datetime | None
    making: bool = False
    dropped_at: datetime | None = None


class ReportKeeping:
    """Makes reports and keeps them; `prices` are what the house pays, `copy_currency` that of the model's prices."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, prices: Prices, copy_currency: str) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._prices = prices
        self._copy_currency = copy_currency

    def current(self, campaign_id: int) -> Kept:
        """The report that is kept; two rows are read.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            row = session.get(KeptReport, campaign_id)
            begun = campaign.started_at is not None and campaign.sends_dropped_at is None
            if row is None or row.body is None:
                return Kept(None, None, begun, campaign.sends_dropped_at)
            return Kept(row.body, row.made_at, row.asked_at is not None, campaign.sends_dropped_at)

    def ask(self, campaign_id: int, by: str) -> None:
        """Have the report made anew by a worker. Nothing happens where its sends are not kept any more.

        Raises:
            NotFound: there is no such campaign.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.started_at is None or campaign.sends_dropped_at is not None:
                return
            session.execute(text(_NEW), {"now": now})
            asked = update(KeptReport).where(
                KeptReport.campaign_id == campaign_id, KeptReport.asked_at.is_(None)
            )
            session.execute(asked.values(asked_at=now, due_at=now))
            record(session, now, by, "report.asked_for", f"campaign {campaign_id}")
            session.after_commit(self._jobs.make_reports)

    def work(self, seconds: float = 60.0) -> int:
        """Make reports that are due, for so long; returns how many were made. For workers."""
        began, made = time.monotonic(), 0
        with self._db.transaction() as session:
            session.execute(text(_NEW), {"now": self._clock.now()})
        while time.monotonic() - began < seconds and (campaign_id := self._take()) is not None:
            made += self.make(campaign_id)
        return made

    def make(self, campaign_id: int) -> bool:
        """Make and keep the report where anything has changed since the last one; whether it was made."""
        now, began = self._clock.now(), time.monotonic()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            row = session.get(KeptReport, campaign_id)
            mark = _mark(session, campaign)
            if campaign.sends_dropped_at is not None:
                _nothing_more(session, campaign_id)
                return False
            if row is not None and _still_true(row, mark, now):
                due = now + _pace(campaign, now, row.seconds)
                session.execute(_of(campaign_id).values(due_at=due))
                return False
            self.keep(session, campaign, now, mark=mark)
            seconds = time.monotonic() - began
            due = now + _pace(campaign, now, seconds)
            session.execute(_of(campaign_id).values(due_at=due, seconds=seconds))
        log.info("report_made", campaign_id=campaign_id, seconds=round(seconds, 2))
        return True

    def keep(
        self,
        session: Session,
        campaign: Campaign,
        now: datetime,
        totals: Report | None = None,
        mark: str = "",
    ) -> None:
        """Make the report in this transaction; it is not due again by itself. For `make`, and before sends are dropped."""
        body = full_report(session, self._asked(session, campaign), now, totals)
        body["copy_mails"] = mails_by_writer(session, campaign.id)
        row = session.get(KeptReport, campaign.id, with_for_update=True, populate_existing=True)
        if row is None:
            row = KeptReport(campaign_id=campaign.id)
            session.add(row)
        row.body, row.headline, row.weeks = body, headline(body), by_week(body)
        row.made_at, row.mark, row.due_at = now, mark, None
        # Whoever asked while this one was being made wants what happened since.
        if row.asked_at is not None and row.asked_at <= now:
            row.asked_at = None
        session.flush()

    def _take(self) -> int | None:
        now = self._clock.now()
        with self._db.transaction() as session:
            return session.scalar(text(_TAKE), {"now": now, "lease": now + _LEASE})

    def _asked(self, session: Session, campaign: Campaign) -> Asked:
        return Asked(
            campaign_id=campaign.id,
            started_at=campaign.started_at,
            slot_names=tuple(slot_names(campaign.slots, campaign.experiment)),
            arm_names=arm_names(campaign.experiment),
            words=_copy_cost(session.get(CopySpend, campaign.id), self._copy_currency),
            prices=self._prices,
        )


def arm_names(experiment: Mapping[str, Any] | None) -> dict[int, str]:
    """The names of an experiment's arms by their number."""
    return {number: str(arm["name"]) for number, arm in enumerate((experiment or {}).get("arms", ()))}


def _copy_cost(spend: CopySpend | None, currency: str) -> CopyCost:
    if spend is None:
        return CopyCost(Decimal(0), currency)
    tokens = spend.input_tokens + spend.output_tokens
    known = spend.cost_micros or not tokens
    return CopyCost(Decimal(spend.cost_micros).scaleb(-6) if known else None, currency)


def _mark(session: Session, campaign: Campaign) -> str:
    """Changes whenever a send moved, something happened to one, or somebody ordered; cheap to ask for."""
    known = session.scalar(text(_MARK), {"campaign_id": campaign.id})
    standing = sorted(counts(session, campaign.id).items())
    return f"{VERSION}/{known}/{campaign.status}/{standing}"


def _still_true(row: KeptReport, mark: str, now: datetime) -> bool:
    if row.body is None or row.made_at is None or row.asked_at is not None:
        return False
    return row.mark == mark and now - row.made_at < _STALE


def _pace(campaign: Campaign, now: datetime, seconds: float) -> timedelta:
    """How long until it is made again."""
    at_least = timedelta(seconds=_SHARE * seconds)
    since = campaign.finished_at or campaign.started_at or now
    age = timedelta(0) if campaign.status in _LIVING else now - since
    pace = next((pace for limit, pace in _PACES if age < limit), _LATER)
    return max(pace, at_least)


def _of(campaign_id: int) -> Any:
    return update(KeptReport).where(KeptReport.campaign_id == campaign_id)


def _nothing_more(session: Session, campaign_id: int) -> None:
    session.execute(_of(campaign_id).values(due_at=None, asked_at=None))

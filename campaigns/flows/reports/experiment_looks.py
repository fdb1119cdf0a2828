"""Looking at experiments in the background: counting, judging, opening the next wave, deciding where the rule says so.

A look reads every send of a campaign, so no page ever takes one. Any number of workers may look: the one that holds the
state's row counts, and an arm once told stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.arms import HOLDOUT, WAITING
from campaigns.audience.wall_times import WallTimes
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork, rows
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.console.audit import SCHEDULER, record
from campaigns.flows.reports.experiment_waves import open_next, shares_of, terms_of, waves_of
from campaigns.flows.scheduling.planning import wall_times
from campaigns.insight.experiment_counts import Cell, count_cells, holdout_size, trials_of
from campaigns.insight.experiment_decision import Verdict, revenues, verdict
from campaigns.insight.experiment_terms import ExperimentTerms
from campaigns.insight.experiments import Judged, judge, mismatch, next_shares
from campaigns.models import Campaign, CampaignStatus, ExperimentState, ExperimentWave, Send

log = get_logger(__name__)

EVERY = timedelta(minutes=5)
"""How often a running experiment is looked at; after the last window has passed, no more."""
_LIVING = (CampaignStatus.SENDING.value, CampaignStatus.PAUSED.value, CampaignStatus.SENT.value)
_WAITING = """
    select count(*) from sends
    where campaign_id = %(campaign)s and status = 'planned' and not_before = %(waiting)s
"""
_HINTS = 8

Wall = Callable[[DeliveryTerms, datetime, str], WallTimes | None]


class ExperimentLooks:
    """Takes looks. `default_zone` is that of customers whose own is not known."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, default_zone: str) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._zone = default_zone

    def run(self) -> list[int]:
        """Look at whichever experiment is due; returns their campaigns' numbers."""
        for campaign_id in self._undone():
            self.release(campaign_id)
        looked = []
        for campaign_id in self._due():
            if self.look(campaign_id):
                looked.append(campaign_id)
        return looked

    def look(self, campaign_id: int) -> bool:
        """Count and judge one experiment, and act on it; False where there is none or somebody else is at it."""
        now = self._clock.now()
        with self._db.transaction() as session:
            held = _held(session, campaign_id)
            if held is None:
                return False
            state, campaign, terms = held
            if campaign.sends_dropped_at is not None:
                return False
            self._count(session, campaign, terms, state, now)
            if campaign.status == CampaignStatus.SENDING and state.decided_arm is None and terms.arms:
                self._act(session, campaign, terms, state, now)
        return True

    def decide(
        self,
        session: UnitOfWork,
        campaign: Campaign,
        terms: ExperimentTerms,
        arm: int,
        by: str,
        now: datetime,
    ) -> int:
        """Choose an arm in the caller's transaction, which holds the state's row; returns how many waited for it.

        They are told by a worker: a million of them take a while, and nobody waits for that with a page.
        """
        state = session.get_one(ExperimentState, campaign.id)
        state.decided_arm, state.decided_at, state.decided_by = arm, now, by
        state.decided_on = state.judged
        waiting = int((state.judged or {}).get("waiting", 0))
        detail = {"arm": arm, "name": terms.arms[arm].name, "waiting": waiting}
        record(session, now, by, "experiment.decided", f"campaign {campaign.id}", detail)
        log.info("experiment_decided", campaign_id=campaign.id, arm=arm, waiting=waiting)
        session.after_commit(self._jobs.look_at_experiments)
        return waiting

    def release(self, campaign_id: int) -> int:
        """Tell all who still wait the arm that was chosen; returns how many. Harmless when repeated."""
        now = self._clock.now()
        with self._db.transaction() as session:
            held = _held(session, campaign_id)
            if held is None:
                return 0
            state, campaign, terms = held
            if state.decided_arm is None:
                return 0
            only = [1.0 if number == state.decided_arm else 0.0 for number in range(len(terms.arms))]
            basis = {"why": "decided", "arm": state.decided_arm}
            told = self._open(session, campaign, terms, only, 1.0, now, state.decided_by, basis)
            if state.judged:
                state.judged = {**state.judged, "waiting": 0}
        return told

    def _undone(self) -> list[int]:
        """Campaigns that are decided and whose rest was not told yet."""
        last = select(func.max(ExperimentWave.ends)).where(
            ExperimentWave.campaign_id == ExperimentState.campaign_id
        )
        wanted = (
            select(ExperimentState.campaign_id)
            .join(Campaign, Campaign.id == ExperimentState.campaign_id)
            .where(
                ExperimentState.decided_arm.is_not(None),
                Campaign.status.in_(_LIVING),
                last.scalar_subquery() < 1,
            )
        )
        with self._db.transaction() as session:
            return list(session.scalars(wanted))

    def _due(self) -> list[int]:
        now = self._clock.now()
        with self._db.transaction() as session:
            found = session.execute(
                select(Campaign.id, Campaign.experiment, Campaign.finished_at, ExperimentState.looked_at)
                .join(ExperimentState, ExperimentState.campaign_id == Campaign.id)
                .where(Campaign.status.in_(_LIVING), Campaign.sends_dropped_at.is_(None))
                .order_by(ExperimentState.looked_at.asc().nulls_first())
            ).all()
        due = []
        for row in found:
            window = timedelta(hours=ExperimentTerms.from_json(row.experiment).window)
            over = row.finished_at is not None and row.looked_at is not None
            if over and row.looked_at > row.finished_at + window:
                continue  # every mail has had its chance, and this was seen
            if row.looked_at is None or row.looked_at <= now - EVERY:
                due.append(row.id)
        return due

    def _count(
        self,
        session: Session,
        campaign: Campaign,
        terms: ExperimentTerms,
        state: ExperimentState,
        now: datetime,
    ) -> None:
        waves = waves_of(session, campaign.id)
        place = shares_of(campaign.id, terms, terms.shares).wave(Send.customer_id, [w.ends for w in waves])
        cells, currency = count_cells(session, campaign.id, place, timedelta(hours=terms.window), now)
        judged = judge(trials_of(cells, terms.goal), len(terms.arms))
        sizes = _mismatch(terms, waves, cells, campaign.finished_at is not None)
        asked = {"campaign": campaign.id, "waiting": WAITING}
        state.cells = [cell.to_json() for cell in cells]
        state.judged = {
            **judged.to_json(),
            "verdict": _verdict(terms, judged, sizes).to_json(),
            "mismatch": sizes,
            "currency": currency,
            "revenue": [
                {"arm": one.arm, "mean": one.mean, "low": one.low, "high": one.high, "heavy": one.heavy}
                for one in revenues(cells, len(terms.arms))
            ],
            "waiting": int(rows(session, _WAITING, asked)[0][0]),
            "holdout": holdout_size(session, campaign.id, HOLDOUT) if terms.holdout else 0,
        }
        state.looked_at = now

    def _act(
        self,
        session: UnitOfWork,
        campaign: Campaign,
        terms: ExperimentTerms,
        state: ExperimentState,
        now: datetime,
    ) -> None:
        said = (state.judged or {})["verdict"]
        if terms.decide == "rule" and said["ready"] and said["leader"] is not None:
            self.decide(session, campaign, terms, int(said["leader"]), SCHEDULER, now)
            return
        if terms.method == "thompson":
            self._next_wave(session, campaign, terms, state, now)

    def _next_wave(
        self,
        session: UnitOfWork,
        campaign: Campaign,
        terms: ExperimentTerms,
        state: ExperimentState,
        now: datetime,
    ) -> None:
        waves = waves_of(session, campaign.id)
        last = waves[-1]
        if last.ends >= 1 or not _is_over(last, terms, state, now):
            return
        trials = trials_of([Cell(**cell) for cell in state.cells], terms.goal)
        shares = next_shares(trials, len(terms.arms), terms.floor)
        number = len(waves)
        ends = 1.0 if number >= terms.waves - 1 else (number + 1) / terms.waves
        basis = {
            "why": "as likely as each arm was the best",
            "mails": [sum(t.mails for t in trials if t.arm == arm) for arm in range(len(terms.arms))],
            "wins": [sum(t.wins for t in trials if t.arm == arm) for arm in range(len(terms.arms))],
            "floor": terms.floor,
        }
        told = self._open(session, campaign, terms, shares, ends, now, SCHEDULER, basis)
        detail = {"wave": number, "shares": [round(share, 4) for share in shares], "told": told}
        record(session, now, SCHEDULER, "experiment.wave_opened", f"campaign {campaign.id}", detail)

    def _open(
        self,
        session: UnitOfWork,
        campaign: Campaign,
        terms: ExperimentTerms,
        shares: Sequence[float],
        ends: float,
        now: datetime,
        by: str,
        basis: dict[str, Any],
    ) -> int:
        wall = wall_times(DeliveryTerms.from_json(campaign.delivery), now, self._zone)
        told = open_next(session, campaign, terms, shares, ends, now, by, basis, self._zone, wall)
        if told:
            session.after_commit(lambda: self._jobs.send(_HINTS))
            session.after_commit(self._jobs.write_words)
        return told


def _held(session: Session, campaign_id: int) -> tuple[ExperimentState, Campaign, ExperimentTerms] | None:
    """An experiment with its state locked; None where there is none or somebody else is at it."""
    state, campaign = _locked(session, campaign_id), session.get(Campaign, campaign_id)
    terms = terms_of(campaign) if campaign is not None else None
    return None if state is None or campaign is None or terms is None else (state, campaign, terms)


def _locked(session: Session, campaign_id: int) -> ExperimentState | None:
    """The state, held until the transaction ends; None where there is none or somebody else holds it."""
    wanted = select(ExperimentState).where(ExperimentState.campaign_id == campaign_id)
    return session.scalars(wanted.with_for_update(skip_locked=True)).one_or_none()


def _is_over(last: ExperimentWave, terms: ExperimentTerms, state: ExperimentState, now: datetime) -> bool:
    """Whether its time has passed, and half of its mails at least have gone; in the end it is not waited for."""
    since = now - last.opened_at
    between = timedelta(hours=terms.between_waves)
    mine = [cell for cell in state.cells if cell["wave"] == last.number]
    gone = sum(cell["sent"] + cell["failed"] for cell in mine)
    if since < between:
        return False
    return 2 * gone >= sum(cell["told"] for cell in mine) or since >= 3 * between + timedelta(hours=1)


def _verdict(terms: ExperimentTerms, judged: Judged, sizes: float) -> Verdict:
    if not terms.arms:
        return Verdict(False, None, "There are no arms: the holdout alone tells what the mails bring.")
    return verdict(terms, judged, sizes)


def _mismatch(
    terms: ExperimentTerms, waves: Sequence[ExperimentWave], cells: Sequence[Cell], finished: bool
) -> float:
    """How likely arms of these sizes are; once all has gone, also of what arrived."""
    if not terms.arms:
        return 1.0
    found = []
    for counted in ("told", "sent") if finished else ("told",):
        at = {(cell.wave, cell.arm): getattr(cell, counted) for cell in cells}
        sizes = [[at.get((wave.number, arm), 0) for arm in range(len(terms.arms))] for wave in waves]
        found.append(mismatch(sizes, [wave.shares for wave in waves]))
    return min(found)

"""From an approved campaign to the relay's answer: plan, then batch by batch until nothing is left."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.frequency import FrequencyCap
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.delivery.gate import Gate
from campaigns.delivery.outlet import Outlet
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.plans import CampaignPlan, Plans, get_campaign
from campaigns.flows.scheduling.planning import Planning
from campaigns.flows.sending.batches import BatchLine, BatchResult
from campaigns.flows.sending.claims import ClaimedSend, Claims
from campaigns.flows.sending.counters import counts
from campaigns.flows.sending.self_pause import SelfPause
from campaigns.flows.sending.turns import Turn, running, served, urgent_starts
from campaigns.models import CampaignStatus, SendStatus
from campaigns.models.send import FINAL

log = get_logger(__name__)

# One task works for about so long: then the queues have their turn, with what is more urgent in them.
TASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What one task did; `more` says that there was work left when its time was over."""

    batches: int
    sent: int
    more: bool


class Sending:
    """Plans campaigns and works on their batches. One object belongs to one process."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        line: BatchLine,
        claims: Claims,
        gate: Gate,
        outlet: Outlet,
        meters: Meters,
        self_pause: SelfPause,
        batch_size: int,
        default_zone: str = "UTC",
        stopping: Callable[[], bool] = lambda: False,
        cap: FrequencyCap | None = None,
        words_elsewhere: bool = False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._line = line
        self._claims = claims
        self._gate = gate
        self._outlet = outlet
        self._meters = meters
        self._self_pause = self_pause
        self._batch_size = batch_size
        self._stopping = stopping
        self._plans = Plans(db)
        self._planning = Planning(db, clock, jobs, batch_size, default_zone, stopping, cap, words_elsewhere)

    def plan(self, campaign_id: int) -> int:
        """Freeze the audience into sends and hint at their batches; returns how many are planned.

        Harmless when repeated: sends are unique, and only a campaign in planning goes on to sending.
        """
        planned = self._planning.plan(campaign_id)
        if planned is None:
            return 0
        log.info("campaign_planned", campaign_id=campaign_id, planned=planned)
        if not planned:
            self.finish_if_done(campaign_id)
        return planned

    def work(self, seconds: float = TASK_SECONDS) -> WorkResult:
        """Send batches, each of the campaign whose turn it is, until nothing is due or the time is over.

        Also when an urgent campaign is to be started: its task waits for a free hand.
        """
        until = monotonic() + seconds
        batches = sent = 0
        while not self._stopping():
            result = self._next_batch()
            if result is None:
                return WorkResult(batches, sent, more=False)
            batches += 1
            sent += result.sent
            if monotonic() > until or self._urgent_starts():
                self._jobs.send(1)
                return WorkResult(batches, sent, more=True)
        return WorkResult(batches, sent, more=True)

    def _urgent_starts(self) -> bool:
        with self._db.transaction() as session:
            return urgent_starts(session)

    def send_batch(self, campaign_id: int) -> BatchResult:
        """Work on one batch of this campaign, if it is running and something is due."""
        plan = self._plans.of(campaign_id)
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            terms = DeliveryTerms.from_json(campaign.delivery)
            is_sending = campaign.status == CampaignStatus.SENDING
        claimed = self._claim(campaign_id, terms) if is_sending else []
        if not claimed:
            self.finish_if_done(campaign_id)
            return BatchResult(0)
        return self._run(plan, claimed)

    def _next_batch(self) -> BatchResult | None:
        """One batch of the first campaign in line that has something due; None if none has."""
        if self._gate.closed:
            return None
        with self._db.transaction() as session:
            turns = running(session)
        for turn in turns:
            plan = self._plans.readable(turn.campaign_id)
            if plan is None:
                continue
            claimed = self._take_turn(turn, turns)
            if claimed:
                return self._run(plan, claimed)
            self.finish_if_done(turn.campaign_id)
        return None

    def _take_turn(self, turn: Turn, turns: list[Turn]) -> list[ClaimedSend]:
        try:
            with self._meters.timed("claim"):
                claimed = self._claim(turn.campaign_id, turn.terms)
            self._meters.add("claims", found="some" if claimed else "none")
            if claimed:
                with self._db.transaction() as session:
                    served(session, turn, len(claimed), turns, self._batch_size)
        except BaseException:
            # It may be that the claim stands and its answer was lost.
            self._outlet.abandon()
            raise
        return claimed

    def _run(self, plan: CampaignPlan, claimed: list[ClaimedSend]) -> BatchResult:
        self._meters.add("claimed_sends", len(claimed))
        try:
            result = self._line.run(plan, claimed, passed_over=self._plans.unreadable)
        except BaseException:
            # The database may be away. What was handed over stands in the journal, which is left to the
            # sweeper together with all that this worker still holds.
            self._outlet.abandon()
            raise
        if len(claimed) < self._batch_size:
            self.finish_if_done(plan.id)
        if result.failed:
            self._self_pause.after_batch(plan.id)
        return result

    def finish_if_done(self, campaign_id: int) -> bool:
        """Sending -> sent when every send has ended."""
        with self._db.transaction() as session:
            if _open(session, campaign_id):
                return False
            campaign = get_campaign(session, campaign_id, lock=True)
            # Counted again under the lock: somebody may have had an uncertain mail sent again meanwhile.
            if campaign.status != CampaignStatus.SENDING or _open(session, campaign_id):
                return False
            now = self._clock.now()
            session.add(campaign.move(CampaignStatus.SENT, now, "worker"))
            campaign.finished_at = now
            session.after_commit(self._jobs.count_engagement)
        log.info("campaign_sent", campaign_id=campaign_id)
        return True

    def _claim(self, campaign_id: int, terms: DeliveryTerms) -> list[ClaimedSend]:
        limit = self._batch_size
        if terms.per_second:
            # What a pace would hold back anyway is left to other workers, and to a pause.
            limit = min(limit, math.ceil(terms.per_second))
        worker = self._outlet.worker
        with self._db.transaction() as session:
            # Also where no model is used any more: another host, or this one before, may have had one.
            claimed = self._claims.take_waiting(session, campaign_id, SendStatus.WRITTEN, limit, worker)
            if not claimed:
                claimed = self._claims.take(session, campaign_id, limit, worker, self._clock.now())
        return claimed


def _open(session: Session, campaign_id: int) -> bool:
    """Whether any send of the campaign has not ended."""
    return any(SendStatus(status) not in FINAL for status in counts(session, campaign_id))

"""From an approved campaign to the relay's answer: plan, then batch by batch until nothing is left."""

from __future__ import annotations

from datetime import timedelta

from campaigns.audience.freezing import freeze_audience
from campaigns.audience.segments import parse_segment
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.delivery.outlet import Outlet
from campaigns.flows.batches import BatchLine, BatchResult
from campaigns.flows.plans import CampaignPlan, get_campaign, load_plan
from campaigns.flows.send_moves import ClaimedSend, claim, counts, recount
from campaigns.models import CampaignStatus, SendStatus
from campaigns.models.send import FINAL

log = get_logger(__name__)


class Sending:
    """Plans campaigns and works on their batches. One object belongs to one process."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        line: BatchLine,
        outlet: Outlet,
        batch_size: int,
        lease: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._line = line
        self._outlet = outlet
        self._batch_size = batch_size
        self._lease = lease
        self._plans: dict[int, CampaignPlan] = {}

    def plan(self, campaign_id: int) -> int:
        """Freeze the audience into sends and hint at their batches; returns how many are planned.

        Harmless when repeated: sends are unique, and only a campaign in planning goes on to sending.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            if campaign.status != CampaignStatus.PLANNING:
                return 0
            now = self._clock.now()
            freeze_audience(session, campaign_id, parse_segment(campaign.segment), now)
            by_status = recount(session, campaign_id)
            campaign.audience_size = sum(by_status.values())
            record = campaign.move(CampaignStatus.SENDING, now, "worker")
            session.add(record)
            planned = by_status.get(SendStatus.PLANNED, 0)
            batches = -(-planned // self._batch_size)
            session.after_commit(lambda: self._jobs.send_batches(campaign_id, batches))
        log.info("campaign_planned", campaign_id=campaign_id, planned=planned)
        if not planned:
            self.finish_if_done(campaign_id)
        return planned

    def send_batch(self, campaign_id: int) -> BatchResult:
        """Work on one batch of a campaign, if it is running and something is planned."""
        claimed = self._claim(campaign_id)
        if not claimed:
            self.finish_if_done(campaign_id)
            return BatchResult(0)
        try:
            result = self._line.run(self._plan_of(campaign_id), self._outlet.worker, claimed)
        except BaseException:
            # The database may be away. What was handed over stands in the journal, which is left to the
            # sweeper together with all that this worker still holds.
            self._outlet.abandon()
            raise
        self.finish_if_done(campaign_id)
        return result

    def finish_if_done(self, campaign_id: int) -> bool:
        """Sending -> sent when every send has ended."""
        with self._db.transaction() as session:
            open_sends = [s for s in counts(session, campaign_id) if SendStatus(s) not in FINAL]
            if open_sends:
                return False
            campaign = get_campaign(session, campaign_id, lock=True)
            if campaign.status != CampaignStatus.SENDING:
                return False
            now = self._clock.now()
            session.add(campaign.move(CampaignStatus.SENT, now, "worker"))
            campaign.finished_at = now
        log.info("campaign_sent", campaign_id=campaign_id)
        return True

    def _claim(self, campaign_id: int) -> list[ClaimedSend]:
        now = self._clock.now()
        with self._db.transaction() as session:
            if get_campaign(session, campaign_id).status != CampaignStatus.SENDING:
                return []
            return claim(session, campaign_id, self._batch_size, self._outlet.worker, now, now + self._lease)

    def _plan_of(self, campaign_id: int) -> CampaignPlan:
        if campaign_id not in self._plans:
            with self._db.transaction() as session:
                self._plans[campaign_id] = load_plan(session, campaign_id)
        return self._plans[campaign_id]

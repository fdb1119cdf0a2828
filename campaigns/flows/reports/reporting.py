"""Reports for people."""

from __future__ import annotations

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.flows.describing.arm_plans import slot_names
from campaigns.flows.describing.plans import get_campaign
from campaigns.insight.report import Report, campaign_report, summarised_report


class Reporting:
    """Reads what happened."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def report(self, campaign_id: int) -> Report:
        """The report of a campaign; when its sends are too old to be kept, as it was when they were dropped.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.summary is not None and campaign.sends_dropped_at is not None:
                return summarised_report(campaign.summary, campaign.sends_dropped_at)
            names = slot_names(campaign.slots, campaign.experiment)
            return campaign_report(session, campaign_id, names, self._clock.now())

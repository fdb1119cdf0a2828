"""Forecasts of copy that people ask for in the console: made by a worker, because a big audience takes a while."""

from __future__ import annotations

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import Refused, TellThePerson
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.flows.copy.copy_due import CopyDue
from campaigns.flows.copy.copy_forecast import CopyForecast
from campaigns.flows.copy.copy_samples import BEFORE
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Campaign

log = get_logger(__name__)


class CopyForecasts:
    """Asked for by people, made by workers. `uses_model` is whether a model is set: without one nothing is spent."""

    def __init__(
        self, db: Database, clock: Clock, jobs: Jobs, forecast: CopyForecast, uses_model: bool
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._forecast = forecast
        self._uses_model = uses_model
        self._due = CopyDue(db, clock, Campaign.forecast_due_at)

    def ask(self, campaign_id: int) -> None:
        """Have a forecast made by a worker; `waiting` tells until when.

        Raises:
            Refused: no model is set, or the campaign has begun.
        """
        if not self._uses_model:
            raise Refused("no model is set: the offline writer writes all copy, and that costs nothing")
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.status not in BEFORE:
                raise Refused(
                    f"campaign {campaign_id} is {campaign.status}: a forecast is for before it begins"
                )
            self._due.ask(session, campaign_id)
            session.after_commit(self._jobs.make_forecasts)

    def waiting(self, campaign_id: int) -> bool:
        """Whether a forecast was asked for and is not made yet."""
        return self._due.waits(campaign_id)

    def work(self) -> int:
        """Make all forecasts that were asked for; returns how many. For workers."""
        made = 0
        while (campaign_id := self._due.take()) is not None:
            made += self._make(campaign_id)
            with self._db.transaction() as session:
                self._due.done(session, campaign_id)
        return made

    def _make(self, campaign_id: int) -> bool:
        try:
            self._forecast.foresee(campaign_id, lambda done, size: self._due.still_at_it(campaign_id))
        except TellThePerson as error:
            log.warning("forecast_not_made", campaign_id=campaign_id, why=error.message)
            return False
        return True

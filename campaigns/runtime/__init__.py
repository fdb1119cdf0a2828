"""The one place where parts are put together: everything is built from Settings, when first asked for."""

from __future__ import annotations

from functools import cached_property

from campaigns.core.embedded import make_private
from campaigns.flows.copy.copy_forecasts import CopyForecasts
from campaigns.flows.copy.copy_report import CopyReporting
from campaigns.flows.copy.copy_samples import CopySamples, written_by
from campaigns.flows.customers.own_data import OwnData
from campaigns.flows.customers.rights import Rights
from campaigns.flows.describing.briefs import Briefs
from campaigns.flows.describing.plans import Plans
from campaigns.flows.previewing.looking import Looking
from campaigns.flows.shop.shop_events import ShopEvents
from campaigns.flows.shop.training import Training
from campaigns.models import schema
from campaigns.opentime.weather.weather_sources import SAMPLE_WEATHER as SAMPLE_WEATHER
from campaigns.runtime.api_parts import ApiParts
from campaigns.runtime.draft_parts import DraftParts
from campaigns.runtime.experiment_parts import ExperimentParts
from campaigns.runtime.insight_parts import InsightParts
from campaigns.runtime.people_parts import PeopleParts
from campaigns.runtime.preview_parts import PreviewParts
from campaigns.runtime.schedule_parts import ScheduleParts
from campaigns.runtime.segment_parts import SegmentParts


class Runtime(
    PeopleParts,
    ExperimentParts,
    DraftParts,
    SegmentParts,
    PreviewParts,
    ScheduleParts,
    InsightParts,
    ApiParts,
):
    """All parts of one process, made on first use and shared afterwards.

    A process that forks must make its own Runtime in each child: connections do not survive a fork.

    Args:
        settings: what is in force.
        jobs: how to hint at workers; without it the scheduler finds the work.
        stopping: whether this process is asked to end; looked at between two mails.
    """

    def start(self, migrate: bool = False) -> Runtime:
        """Start embedded servers where no URL is set, and check the schema.

        An empty embedded database is migrated by itself: nobody else can have made it.

        Raises:
            NotConfigured: the schema is another one, or a server cannot be started.
        """
        make_private(self.settings.folder)
        fresh = schema.current(self.db) is None and not self.settings.database_url
        if migrate or fresh:
            schema.upgrade(self.db)
        schema.require_current(self.db)
        return self

    def close(self) -> None:
        """Let go of everything; embedded servers end with their last user."""
        made = self.__dict__
        # In the order in which they lean on each other: what is sent on last is still counted.
        if "serve_log" in made:
            self.serve_log.close()
        if "known_states" in made:
            self.known_states.close()
        if "unsubscribing" in made:
            self.unsubscribing.close()
        if "outlet" in made:
            self.outlet.close()
        if "meters" in made:
            self.meters.flush()
        if "db" in made:
            self.db.close()
        if self._embedded is not None:
            self._embedded.release()

    @cached_property
    def shop_events(self) -> ShopEvents:
        return ShopEvents(self.db, self.clock, self.redis, self.jobs)

    @cached_property
    def briefs(self) -> Briefs:
        return Briefs(self.db, self.clock)

    @cached_property
    def copy_reporting(self) -> CopyReporting:
        return CopyReporting(self.db, self.clock, self.settings.llm_currency)

    @cached_property
    def copy_samples(self) -> CopySamples:
        return CopySamples(
            db=self.db,
            clock=self.clock,
            jobs=self.jobs,
            planned=lambda number, beat: self.copy_forecast.planned_requests(number, beat),
            words=written_by(Plans(self.db), self.shelf, self.copy_writing),
            model=self.shelf.model,
        )

    @cached_property
    def copy_forecasts(self) -> CopyForecasts:
        return CopyForecasts(self.db, self.clock, self.jobs, self.copy_forecast, self.settings.uses_model)

    @cached_property
    def training(self) -> Training:
        return Training(
            self.db, self.clock, self.settings.training_seconds, self.settings.privacy_epsilon
        )  # fmt: skip

    @cached_property
    def rights(self) -> Rights:
        return Rights(
            self.db, self.clock, self.keyring, self.open_states, self.offers, self.erasures
        )  # fmt: skip

    @cached_property
    def own_data(self) -> OwnData:
        return OwnData(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            signer=self.signer,
            jobs=self.jobs,
            rights=self.rights,
            public_url=self.settings.public_url,
        )

    @cached_property
    def looking(self) -> Looking:
        return Looking(self.db, self.keyring, self.picker)

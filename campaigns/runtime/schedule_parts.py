"""When campaigns go out, how they are going, and what is tried again."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.scheduling.best_hour import BestHour
from campaigns.flows.scheduling.calendar import Calendar
from campaigns.flows.scheduling.calendar_feed import CalendarFeed
from campaigns.flows.scheduling.calendar_outlooks import CalendarOutlooks
from campaigns.flows.scheduling.series import SeriesRuns
from campaigns.flows.sending.progress import Watching
from campaigns.flows.sending.retrying import Retrying
from campaigns.flows.sending.troubles import TroubleKeeping
from campaigns.runtime.consent_parts import ConsentParts


class ScheduleParts(ConsentParts):
    """When campaigns go out, how they are going, and what is tried again."""

    @cached_property
    def series(self) -> SeriesRuns:
        return SeriesRuns(self.db, self.clock)

    @cached_property
    def best_hour(self) -> BestHour:
        return BestHour(self.db, self.clock, self.settings.timezone, self.stopping)

    @cached_property
    def watching(self) -> Watching:
        return Watching(self.db, self.clock, self.pace_samples)

    @cached_property
    def troubles(self) -> TroubleKeeping:
        return TroubleKeeping(self.db, self.clock, self.keyring, self.jobs)

    @cached_property
    def retrying(self) -> Retrying:
        return Retrying(self.db, self.clock, self.jobs, self.troubles)

    @cached_property
    def calendar(self) -> Calendar:
        return Calendar(self.db, self.clock, self.settings.cap)

    @cached_property
    def calendar_outlooks(self) -> CalendarOutlooks:
        return CalendarOutlooks(self.db, self.clock, self.settings.cap)

    @cached_property
    def calendar_feed(self) -> CalendarFeed:
        base = self.settings.public_url
        return CalendarFeed(
            self.db,
            self.clock,
            self.signer,
            self.calendar,
            lambda number: f"{base}/console/campaigns/{number}",
        )

"""When campaigns go out, how they are going, and what is tried again."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.series import SeriesRuns
from campaigns.runtime.consent_parts import ConsentParts


class ScheduleParts(ConsentParts):
    """When campaigns go out, how they are going, and what is tried again."""

    @cached_property
    def series(self) -> SeriesRuns:
        return SeriesRuns(self.db, self.clock)

"""Experiments: arms, holdouts, decisions."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.reports.experiment_looks import ExperimentLooks
from campaigns.flows.reports.experiments import Experiments
from campaigns.runtime.draft_parts import DraftParts


class ExperimentParts(DraftParts):
    """Experiments: arms, holdouts, decisions."""

    @cached_property
    def experiment_looks(self) -> ExperimentLooks:
        return ExperimentLooks(self.db, self.clock, self.jobs, self.settings.timezone)

    @cached_property
    def experiments(self) -> Experiments:
        return Experiments(self.db, self.clock, self.experiment_looks, self._mails_of)

    def _mails_of(self, campaign_id: int) -> int | None:
        planned = self.outlooks.of(campaign_id).planned
        return planned.n if planned is not None else None

"""Campaigns that are still being written, and what they would do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from campaigns.flows.describing.campaign_files import CampaignFiles
from campaigns.flows.describing.draft_sections.audience import AudienceSection
from campaigns.flows.describing.draft_sections.brief import BriefSection
from campaigns.flows.describing.draft_sections.experiment import ExperimentSection
from campaigns.flows.describing.draft_sections.picks import PicksSection
from campaigns.flows.describing.draft_sections.schedule import ScheduleSection
from campaigns.flows.describing.draft_sections.section import Section
from campaigns.flows.describing.draft_sections.template import TemplateSection
from campaigns.flows.describing.drafts import Drafts
from campaigns.flows.describing.outlooks import Outlooks
from campaigns.flows.describing.picture_uploads import PictureUploads
from campaigns.runtime.segment_parts import SegmentParts


class DraftParts(SegmentParts):
    """Campaigns that are still being written, and what they would do."""

    @cached_property
    def draft_sections(self) -> dict[str, Section]:
        """The steps of the editor by name, in its order; each piece adds its own."""
        sections: tuple[Section, ...] = (
            AudienceSection(),
            PicksSection(self.shop_terms),
            BriefSection(self.prices),
            TemplateSection(self.clock),
            ScheduleSection(self.clock, self.settings.timezone),
            ExperimentSection(self.shop_terms, self.clock, self.settings.uses_model),
        )
        return {section.name: section for section in sections}

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.db, self.clock, self.draft_sections, lambda number: self.outlooks.changed(number))

    @cached_property
    def campaign_files(self) -> CampaignFiles:
        return CampaignFiles(self.db)

    @cached_property
    def uploads(self) -> PictureUploads:
        return PictureUploads(self.db, self.clock)

    @cached_property
    def outlooks(self) -> Outlooks:
        return Outlooks(
            db=self.db,
            clock=self.clock,
            jobs=self.jobs,
            counts=lambda: self.segment_counts,
            foresee=lambda number: self.copy_forecast.foresee(number),
            plan=lambda: self.relay_plan,
            uses_model=self.settings.uses_model,
        )

    def still_missing(self, campaign_id: int) -> list[str]:
        return [missing.words for missing in self.drafts.complete(campaign_id)]

    def audience_now(self, campaign_id: int) -> Mapping[str, Any]:
        return self.outlooks.of(campaign_id).audience()

"""Campaigns that are still being written, and what they would do."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.draft_sections.audience import AudienceSection
from campaigns.flows.draft_sections.brief import BriefSection
from campaigns.flows.draft_sections.picks import PicksSection
from campaigns.flows.draft_sections.section import Section
from campaigns.flows.draft_sections.template import TemplateSection
from campaigns.flows.drafts import Drafts
from campaigns.runtime.consent_parts import ConsentParts


class DraftParts(ConsentParts):
    """Campaigns that are still being written, and what they would do."""

    @cached_property
    def draft_sections(self) -> dict[str, Section]:
        """The steps of the editor by name, in its order; each piece adds its own."""
        sections: tuple[Section, ...] = (
            AudienceSection(),
            PicksSection(self.shop_terms),
            BriefSection(self.prices),
            TemplateSection(self.clock),
        )
        return {section.name: section for section in sections}

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.db, self.clock, self.draft_sections)

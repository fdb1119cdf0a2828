"""Whom a campaign would reach if it started now, asked of the customers themselves: for who can wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import FrozenAudience, audience_page, estimate_audience
from campaigns.audience.segments import parse_segment
from campaigns.core.errors import Refused
from campaigns.core.frequency import FrequencyCap
from campaigns.models import Campaign


def count_audience(
    session: Session, campaign: Campaign, cap: FrequencyCap | None, now: datetime
) -> FrozenAudience:
    """Counted one by one: seconds, where there are millions of customers."""
    return estimate_audience(session, ContactTerms.of(campaign, cap), parse_segment(campaign.segment), now)


def refuse_nobody(session: Session, campaign: Campaign, cap: FrequencyCap | None, now: datetime) -> None:
    """Refuse a campaign that would reach nobody. One customer is enough; only where there is none it is counted why.

    Raises:
        Refused: says why everybody is held back.
    """
    terms, segment = ContactTerms.of(campaign, cap), parse_segment(campaign.segment)
    if audience_page(session, terms, segment, now, after=0, limit=1):
        return
    why = count_audience(session, campaign, cap, now).held_back or "the segment is empty"
    raise Refused(f"campaign {campaign.id} would reach nobody: {why}")

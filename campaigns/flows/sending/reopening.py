"""Going on with a campaign that had ended, because something of it turned out to be not sent after all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.flows.describing.plans import get_campaign
from campaigns.models import CampaignStatus


def reopen_for_planned(session: Session, campaign_id: int, now: datetime, by: str) -> None:
    """Sent -> sending, in the transaction in which sends that were uncertain are planned anew.

    An uncertain send does not keep a campaign from ending. Where its worker tells later that the mail did not
    go out, the send would otherwise wait for ever in a campaign that nobody looks at.
    """
    # Locked before it is looked at: somebody may be about to end the campaign, and cannot see our send yet.
    campaign = get_campaign(session, campaign_id, lock=True)
    if campaign.status == CampaignStatus.SENT:
        why = "reopened: mails that were uncertain turned out to be not sent"
        session.add(campaign.move(CampaignStatus.SENDING, now, by, why))
        campaign.finished_at = None

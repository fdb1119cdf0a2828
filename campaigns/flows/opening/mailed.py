"""Finding the send that a link in a mail belongs to."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.compose.links import UNKNOWN_CAMPAIGN
from campaigns.models import Campaign, Send


def campaign_of(session: Session, campaign_id: int, send_id: int) -> int:
    """The campaign that a link names; for links older than that, the one whose send it is.

    UNKNOWN_CAMPAIGN when the send of such an old link is gone.
    """
    if campaign_id != UNKNOWN_CAMPAIGN:
        return campaign_id
    # By way of the campaigns, each of which has its send found by key: `id` alone would need an index
    # over all sends, for the sake of mails of the first version.
    found = session.scalar(
        select(Campaign.id).join(Send, Send.campaign_id == Campaign.id).where(Send.id == send_id)
    )
    return UNKNOWN_CAMPAIGN if found is None else found


def mailed(session: Session, campaign_id: int, send_id: int) -> Send | None:
    """The send of a link; None when there is none any more (flows/retention.py)."""
    return session.get(Send, (campaign_of(session, campaign_id, send_id), send_id))

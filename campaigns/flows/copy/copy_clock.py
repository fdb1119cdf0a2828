"""The time that a campaign's copy may take stands still while the campaign is paused."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.db import rows
from campaigns.models import CampaignStatus, CampaignTransition

# The calls themselves are timed by PostgreSQL's clock (flows/copy_purse.py). One that was under way when the
# campaign was paused came after that moment, and nothing may have happened later than now.
_MOVE_ON = """
    update copy_spend set
        began_at = least(began_at + make_interval(secs => %(seconds)s), clock_timestamp()),
        last_at = least(last_at + make_interval(secs => %(seconds)s), clock_timestamp())
    where campaign_id = %(campaign)s
"""


def leave_out_pause(session: Session, campaign_id: int, now: datetime) -> None:
    """Move the first and the last call of a paused campaign on by the time for which it has been paused until now."""
    paused_at = session.scalar(
        select(func.max(CampaignTransition.at)).where(
            CampaignTransition.campaign_id == campaign_id,
            CampaignTransition.to_status == CampaignStatus.PAUSED.value,
        )
    )
    if paused_at is not None and now > paused_at:
        rows(session, _MOVE_ON, {"campaign": campaign_id, "seconds": (now - paused_at).total_seconds()})

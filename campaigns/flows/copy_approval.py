"""What people said of the samples of a campaign's copy, and whether it may be approved."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.copywriting.terms import CopyTerms
from campaigns.core.errors import Refused
from campaigns.models import Campaign, CopyCell

SHOWN, APPROVED, REJECTED = "shown", "approved", "rejected"
"""What may be said of a sample; of one that is only shown nobody has said anything yet."""


def refuse_open_samples(session: Session, campaign: Campaign) -> None:
    """Nothing, if the campaign does not ask for approved samples, or a person has judged them.

    Raises:
        Refused: says what to do.
    """
    if not CopyTerms.from_json(campaign.copy).approve_samples:
        return
    said = (
        select(CopyCell.sample, func.count().label("n"))
        .where(CopyCell.campaign_id == campaign.id, CopyCell.sample != "")
        .group_by(CopyCell.sample)
    )
    verdicts = {row.sample: row.n for row in session.execute(said)}
    how = f"`tailormail copy samples {campaign.id}`, or the page Copy of the console"
    if not verdicts:
        raise Refused(
            f"campaign {campaign.id} asks for samples of its copy (approve_samples): have them written, read them "
            f"and approve or reject each with {how}"
        )
    if verdicts.get(SHOWN):
        raise Refused(
            f"{verdicts[SHOWN]} of {sum(verdicts.values())} samples of campaign {campaign.id} wait for somebody to "
            f"approve or reject them: {how}"
        )

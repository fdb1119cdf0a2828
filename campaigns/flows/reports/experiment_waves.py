"""Waves of an experiment: who is told their arm when, with which shares, and why; all of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.arm_waves import open_wave
from campaigns.audience.arms import Shares, lot_key
from campaigns.audience.wall_times import WallTimes
from campaigns.delivery.terms import DeliveryTerms
from campaigns.insight.experiment_terms import ExperimentTerms
from campaigns.models import Campaign, ExperimentState, ExperimentWave


def terms_of(campaign: Campaign) -> ExperimentTerms | None:
    """What the campaign tries out, None where it does not."""
    return None if campaign.experiment is None else ExperimentTerms.from_json(campaign.experiment)


def shares_of(
    campaign_id: int, terms: ExperimentTerms, arms: Sequence[float], starts: float = 0.0, ends: float = 1.0
) -> Shares:
    """How customers of the wave between these places come to their arms."""
    times = tuple(str(arm.value or "") for arm in terms.arms) if terms.factor == "time" else ()
    return Shares(lot_key(terms.seed, campaign_id), tuple(arms), terms.holdout, starts, ends, times)


def expected_shares(campaign: Campaign) -> Shares | None:
    """In which arm each customer would be if all were told theirs now; for previews and forecasts."""
    terms = terms_of(campaign)
    return None if terms is None else shares_of(campaign.id, terms, terms.shares)


def begin_experiment(session: Session, campaign: Campaign, now: datetime) -> Shares | None:
    """Open the first wave, for whoever freezes the audience in this transaction; None without an experiment."""
    terms = terms_of(campaign)
    if terms is None:
        return None
    session.add(ExperimentState(campaign_id=campaign.id, cells=[]))
    session.add(
        ExperimentWave(
            campaign_id=campaign.id, number=0, starts=0.0, ends=terms.first_end, shares=list(terms.shares),
            basis={"why": "the weights of the arms"}, opened_at=now, opened_by="worker",
        )
    )  # fmt: skip
    session.flush()
    return shares_of(campaign.id, terms, terms.shares, 0.0, terms.first_end)


def waves_of(session: Session, campaign_id: int) -> list[ExperimentWave]:
    """The waves that were opened, in their order."""
    wanted = select(ExperimentWave).where(ExperimentWave.campaign_id == campaign_id)
    return list(session.scalars(wanted.order_by(ExperimentWave.number)))


def open_next(
    session: Session,
    campaign: Campaign,
    terms: ExperimentTerms,
    shares: Sequence[float],
    ends: float,
    now: datetime,
    by: str,
    basis: dict[str, Any],
    default_zone: str,
    wall: WallTimes | None,
) -> int:
    """Tell those their arm who come next, up to the place `ends`; returns how many.

    The caller has locked the experiment's state, so that no two open the same wave.
    """
    waves = waves_of(session, campaign.id)
    starts = waves[-1].ends if waves else 0.0
    if starts >= ends:
        return 0
    delivery = DeliveryTerms.from_json(campaign.delivery)
    told = open_wave(
        session,
        campaign.id,
        shares_of(campaign.id, terms, shares, starts, ends),
        now,
        delivery.local_time if wall is None else None,
        default_zone,
        wall,
    )
    session.add(
        ExperimentWave(
            campaign_id=campaign.id, number=len(waves), starts=starts, ends=ends, shares=list(shares),
            basis=basis, opened_at=now, opened_by=by,
        )
    )  # fmt: skip
    return sum(told.values())

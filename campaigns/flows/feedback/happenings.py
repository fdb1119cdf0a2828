"""Recording events: what happened, once, however often it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from campaigns.core.db import UnitOfWork
from campaigns.core.meters import Meters
from campaigns.models import Campaign, Event


@dataclass(frozen=True, slots=True)
class Happening:
    """An event; `key` decides what counts as the same one within a campaign.

    Campaign 0 stands for what belongs to no campaign.
    """

    name: str
    key: str
    at: datetime
    campaign_id: int = 0
    send_id: int | None = None
    customer_id: int | None = None
    machine: bool = False
    detail: Mapping[str, object] = field(default_factory=dict)


def record_event(session: UnitOfWork, happening: Happening, meters: Meters) -> None:
    """Keep the event, and count it once it is committed; a repeat of the same key changes nothing.

    An event of a campaign whose sends were dropped (flows/retention.py) is kept for no campaign: there is
    no partition for it any more, but an unsubscribe, say, must still be on record.
    """
    alive = select(Campaign.id).where(
        Campaign.id == happening.campaign_id, Campaign.sends_dropped_at.is_(None)
    )
    values = {**asdict(happening), "campaign_id": func.coalesce(alive.scalar_subquery(), 0)}
    statement = upsert(Event).values(values)
    once = statement.on_conflict_do_nothing(index_elements=["campaign_id", "key"]).returning(Event.key)
    if session.execute(once).first() is not None:
        session.after_commit(lambda: meters.add("feedback", kind=happening.name))

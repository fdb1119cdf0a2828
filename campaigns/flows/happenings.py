"""Recording events: what happened, once, however often it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from campaigns.models import Event


@dataclass(frozen=True, slots=True)
class Happening:
    """An event; `key` decides what counts as the same one."""

    name: str
    key: str
    at: datetime
    campaign_id: int | None = None
    send_id: int | None = None
    customer_id: int | None = None
    machine: bool = False
    detail: Mapping[str, object] = field(default_factory=dict)


def record_event(session: Session, happening: Happening) -> None:
    """Keep the event; a repeat of the same key changes nothing."""
    session.execute(upsert(Event).values(asdict(happening)).on_conflict_do_nothing(index_elements=["key"]))

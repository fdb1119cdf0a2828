"""Campaigns in a list: what a line of it says, and a page of those that somebody looks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.flows.sending.counters import counts_of
from campaigns.models import Campaign


def page_of(
    session: Session, status: str, search: str, before: int | None, size: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Some campaigns, newest first, and the number before which the next page begins; None: there is none.

    `search` is a part of the name, or a number such as 12 or #12.
    """
    wanted = select(Campaign).order_by(Campaign.id.desc()).limit(size + 1)
    if status:
        wanted = wanted.where(Campaign.status == status)
    if before is not None:
        wanted = wanted.where(Campaign.id < before)
    search = search.strip()
    if search:
        number = search.removeprefix("#")
        found = [Campaign.name.icontains(search, autoescape=True)]
        if number.isdecimal() and len(number) < 18:
            found.append(Campaign.id == int(number))
        wanted = wanted.where(or_(*found))
    rows = session.scalars(wanted).all()
    more = rows[size - 1].id if len(rows) > size else None
    return summaries(session, rows[:size]), more


def summary(campaign: Campaign, by_status: dict[str, int]) -> dict[str, Any]:
    """Number, name, status, counts and times as JSON-ready values."""

    def moment(value: datetime | None) -> str | None:
        return value.isoformat() if value else None

    return {
        "id": campaign.id,
        "name": campaign.name,
        "status": campaign.status,
        "audience": campaign.audience_size,
        "counts": by_status,
        "created_at": moment(campaign.created_at),
        "recurrence": campaign.recurrence,
        "series_id": campaign.series_id,
        "scheduled_at": moment(campaign.scheduled_at),
        "started_at": moment(campaign.started_at),
        "finished_at": moment(campaign.finished_at),
    }


def summaries(session: Session, rows: Sequence[Campaign]) -> list[dict[str, Any]]:
    """The same of several, with one question for all of them."""
    by_campaign = counts_of(session, [row.id for row in rows])
    return [summary(row, by_campaign.get(row.id, {})) for row in rows]

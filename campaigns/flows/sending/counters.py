"""How many sends of a campaign stand where: kept in the transaction that moves them, never counted afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from campaigns.core.db import rows
from campaigns.models import CampaignCount, Send, SendStatus

# Shard 0 is for whoever is no worker: the plan, the sweep, a person.
_WORKER_SHARDS = 63
_ADD = """
    insert into campaign_counts as c (campaign_id, status, shard, n)
    select %(campaign)s, d.status, %(shard)s, d.n
    from unnest(%(statuses)s::text[], %(deltas)s::bigint[]) as d (status, n)
    on conflict (campaign_id, status, shard) do update set n = c.n + excluded.n
"""


def add_counts(
    session: Session, campaign_id: int, deltas: Mapping[SendStatus, int], worker: str = ""
) -> None:
    """Add to a campaign's counters, once a transaction, after its sends were moved.

    The counters are locked in a fixed order, so that two transactions cannot deadlock: two calls in one
    transaction would undo that. Each worker counts in a shard of its own, so that a hundred of them do not
    wait for one row. One shard alone may stand below zero; the sum does not.
    """
    changed = sorted((status.value, n) for status, n in deltas.items() if n)
    if changed:
        rows(
            session,
            _ADD,
            {
                "campaign": campaign_id,
                "shard": shard_of(worker),
                "statuses": [status for status, _ in changed],
                "deltas": [n for _, n in changed],
            },
        )


def shard_of(worker: str) -> int:
    """In which row of a counter this worker counts; 0 for whoever is none."""
    return 1 + zlib.crc32(worker.encode()) % _WORKER_SHARDS if worker else 0


def counts(session: Session, campaign_id: int) -> dict[str, int]:
    """The counters of a campaign, by status; statuses at zero are left out."""
    found = session.execute(
        select(CampaignCount.status, func.sum(CampaignCount.n))
        .where(CampaignCount.campaign_id == campaign_id)
        .group_by(CampaignCount.status)
    )
    return {status: int(n) for status, n in found if n}


def counts_of(session: Session, campaign_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The counters of several campaigns, as `counts` gives them; who has none is left out."""
    found = session.execute(
        select(CampaignCount.campaign_id, CampaignCount.status, func.sum(CampaignCount.n))
        .where(CampaignCount.campaign_id.in_(campaign_ids))
        .group_by(CampaignCount.campaign_id, CampaignCount.status)
    )
    by_campaign: dict[int, dict[str, int]] = {}
    for campaign_id, status, n in found:
        if n:
            by_campaign.setdefault(campaign_id, {})[status] = int(n)
    return by_campaign


def recount(session: Session, campaign_id: int) -> dict[str, int]:
    """Count the sends themselves and set the counters to it (to check, and to put right)."""
    found = count_sends(session, campaign_id)
    set_counts(session, campaign_id, found)
    return found


def count_sends(session: Session, campaign_id: int) -> dict[str, int]:
    """How many sends there really are, by status; reads all sends of the campaign."""
    counted = session.execute(
        select(Send.status, func.count()).where(Send.campaign_id == campaign_id).group_by(Send.status)
    )
    return {row[0]: row[1] for row in counted}


def set_counts(session: Session, campaign_id: int, found: Mapping[str, int]) -> None:
    """Replace the counters of a campaign, when nobody else is moving its sends."""
    session.execute(delete(CampaignCount).where(CampaignCount.campaign_id == campaign_id))
    if found:
        fresh = [{"campaign_id": campaign_id, "status": status, "n": n} for status, n in found.items()]
        session.execute(insert(CampaignCount), fresh)

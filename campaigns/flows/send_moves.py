"""Moving sends between statuses in bulk, with the counters kept in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from campaigns.models import CampaignCount, Send, SendStatus


@dataclass(frozen=True, slots=True)
class ClaimedSend:
    """What a worker needs to know of a send that it holds."""

    id: int
    customer_id: int
    personal: bool
    tracked: bool
    consent_entry_id: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Move:
    """One send's next status, and what to remember with it."""

    send_id: int
    status: SendStatus
    reason: str = ""
    reply: str = ""
    sent_at: datetime | None = None
    not_before: datetime | None = None


_CLAIM = text(
    """
    with chosen as (
        select id from sends
        where campaign_id = :campaign_id and status = 'planned'
          and (not_before is null or not_before <= :now)
        order by id limit :limit for update skip locked
    )
    update sends set status = 'claimed', claimed_by = :worker, lease_until = :lease_until
    from chosen where sends.id = chosen.id
    returning sends.id, customer_id, personal, tracked, consent_entry_id, attempts
    """
)


def claim(
    session: Session, campaign_id: int, limit: int, worker: str, now: datetime, lease_until: datetime
) -> list[ClaimedSend]:
    """Take up to `limit` planned sends; no other worker can take them until the lease runs out."""
    rows = session.execute(
        _CLAIM,
        {
            "campaign_id": campaign_id,
            "limit": limit,
            "worker": worker,
            "now": now,
            "lease_until": lease_until,
        },
    ).all()
    add_counts(session, campaign_id, {SendStatus.PLANNED: -len(rows), SendStatus.CLAIMED: len(rows)})
    return [ClaimedSend(*row) for row in sorted(rows)]


_MOVE = text(
    """
    update sends set status = fresh.status, reason = fresh.reason, smtp_reply = fresh.reply,
        sent_at = coalesce(fresh.sent_at, sends.sent_at), not_before = fresh.not_before,
        lease_until = case when fresh.status in ('picked', 'written', 'sending') then lease_until end,
        attempts = attempts + case when fresh.status = 'sending' then 1 else 0 end
    from (select unnest(cast(:ids as bigint[])) as id, unnest(cast(:statuses as text[])) as status,
                 unnest(cast(:reasons as text[])) as reason, unnest(cast(:replies as text[])) as reply,
                 unnest(cast(:sent as timestamptz[])) as sent_at,
                 unnest(cast(:later as timestamptz[])) as not_before) as fresh
    where sends.id = fresh.id and sends.campaign_id = :campaign_id
      and sends.status = :expected and sends.claimed_by = :worker
    returning sends.id
    """
)


def move(
    session: Session,
    campaign_id: int,
    worker: str,
    expected: SendStatus,
    moves: Sequence[Move],
) -> set[int]:
    """Move sends that this worker holds in the status `expected`; returns the ids that moved.

    A send that another worker has taken meanwhile (because the lease ran out) is left alone.
    """
    if not moves:
        return set()
    rows = session.execute(
        _MOVE,
        {
            "campaign_id": campaign_id,
            "worker": worker,
            "expected": expected.value,
            "ids": [m.send_id for m in moves],
            "statuses": [m.status.value for m in moves],
            "reasons": [m.reason for m in moves],
            "replies": [m.reply for m in moves],
            "sent": [m.sent_at for m in moves],
            "later": [m.not_before for m in moves],
        },
    ).all()
    moved = {row[0] for row in rows}
    deltas: Counter[SendStatus] = Counter({expected: -len(moved)})
    deltas.update(m.status for m in moves if m.send_id in moved)
    add_counts(session, campaign_id, deltas)
    return moved


def extend_lease(session: Session, campaign_id: int, worker: str, until: datetime) -> None:
    """Keep what this worker holds; called before each group, so a lease need only cover one group."""
    session.execute(
        update(Send)
        .where(Send.campaign_id == campaign_id, Send.claimed_by == worker, Send.lease_until.is_not(None))
        .values(lease_until=until)
        .execution_options(synchronize_session=False)
    )


_GIVE_BACK = text(
    """
    with held as (
        select id, status from sends
        where campaign_id = :campaign_id and claimed_by = :worker
          and status in ('claimed', 'picked', 'written')
        for update
    )
    update sends set status = 'planned', claimed_by = '', lease_until = null
    from held where sends.id = held.id returning held.status
    """
)


def give_back(session: Session, campaign_id: int, worker: str) -> int:
    """Return what this worker holds and has not begun to send; returns how many."""
    rows = session.scalars(_GIVE_BACK, {"campaign_id": campaign_id, "worker": worker}).all()
    deltas = Counter({SendStatus(status): -n for status, n in Counter(rows).items()})
    deltas[SendStatus.PLANNED] += len(rows)
    add_counts(session, campaign_id, deltas)
    return len(rows)


def attach(session: Session, rows: Iterable[Mapping[str, object]]) -> None:
    """Remember picks and copy of claimed sends; rows of {send_id, picks, copy_id}."""
    values = [
        {"row_id": row["send_id"], "row_picks": row["picks"], "row_copy": row["copy_id"]} for row in rows
    ]
    if values:
        statement = (
            update(Send.__table__)  # type: ignore[arg-type]
            .where(Send.id == bindparam("row_id"))
            .values(picks=bindparam("row_picks"), copy_id=bindparam("row_copy"))
        )
        session.connection().execute(statement, values)


def add_counts(session: Session, campaign_id: int, deltas: Mapping[SendStatus, int]) -> None:
    """Add to a campaign's counters; in a fixed order, so that two workers cannot deadlock."""
    rows = [
        {"campaign_id": campaign_id, "status": status.value, "n": n}
        for status, n in sorted(deltas.items())
        if n
    ]
    if not rows:
        return
    statement = upsert(CampaignCount).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["campaign_id", "status"], set_={"n": CampaignCount.n + statement.excluded.n}
        )
    )


def counts(session: Session, campaign_id: int) -> dict[str, int]:
    """The counters of a campaign, by status; statuses at zero are left out."""
    rows = session.execute(
        select(CampaignCount.status, CampaignCount.n).where(CampaignCount.campaign_id == campaign_id)
    )
    return {status: n for status, n in rows if n}


def recount(session: Session, campaign_id: int) -> dict[str, int]:
    """Count the sends themselves and set the counters to it (after freezing, and to check)."""
    rows = session.execute(
        select(Send.status, func.count()).where(Send.campaign_id == campaign_id).group_by(Send.status)
    )
    found = {row[0]: row[1] for row in rows}
    session.execute(CampaignCount.__table__.delete().where(CampaignCount.campaign_id == campaign_id))  # type: ignore[attr-defined]
    if found:
        fresh = [{"campaign_id": campaign_id, "status": status, "n": n} for status, n in found.items()]
        session.execute(insert(CampaignCount), fresh)
    return found

"""Moving sends between statuses in bulk; the counters are the caller's to keep, in the same transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.db import rows
from campaigns.flows.sending.counters import shard_of
from campaigns.flows.sending.held_sends import OfHeld
from campaigns.models import SendStatus

JUST_HELD = (SendStatus.CLAIMED, SendStatus.WRITTEN)
"""Where a send stands that a worker holds and has not begun to send."""


@dataclass(frozen=True, slots=True)
class Move:
    """One send's next status, and what to remember with it; `away`: no relay was there, so it was no attempt."""

    send_id: int
    status: SendStatus
    reason: str = ""
    reply: str = ""
    sent_at: datetime | None = None
    not_before: datetime | None = None
    away: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """A send that is about to be handed over, and what its mail is made of."""

    send_id: int
    picks: list[list[object]]
    copy_id: int


@dataclass(frozen=True, slots=True)
class Parked:
    """A send that waits, with what is ready, and the consents under which that was made ready.

    `cell_number` is the cell whose words it waits for; None leaves it as it was.
    """

    send_id: int
    picks: list[list[object]]
    copy_id: int | None
    personal: bool
    tracked: bool
    cell_number: int | None = None


# Rows go over as one JSON text: psycopg writes arrays element by element, which cost more than the update.
_MOVE = """
    update sends s set status = d.status, reason = d.reason, smtp_reply = d.reply,
        sent_at = coalesce(d.sent_at, s.sent_at), not_before = d.not_before,
        claimed_by = case when d.status = 'planned' then '' else s.claimed_by end,
        attempts = s.attempts - d.away, unreached = s.unreached + d.away
    from (select (e->>0)::bigint as id, e->>1 as status, e->>2 as reason, e->>3 as reply,
                 (e->>4)::timestamptz as sent_at, (e->>5)::timestamptz as not_before, (e->>6)::int as away
          from jsonb_array_elements(%(moves)s::jsonb) as e) as d
    where {held} and s.id = d.id and s.status = any(%(expected)s::text[])
    returning s.id
"""
# What a person let be stays unknown. An answer that comes later may prove it sent or failed; nothing plans it
# anew. The newest resolution is the one that counts (models/resolution.py).
_LET_BE = """
    coalesce((select r.verdict from send_resolutions r where r.campaign_id = s.campaign_id and r.send_id = s.id
              order by r.id desc limit 1), '') = 'let_be'
"""
_MOVE_HELD = OfHeld(_MOVE)
# Of sends that were called uncertain meanwhile; apart, because what every batch asks need not look for that.
_MOVE_LATE = OfHeld(
    _MOVE.replace("returning", f"and not (d.status = 'planned' and {_LET_BE})\n    returning")
)
# What allows a mail is the consent of this moment: since the audience was frozen it may have been withdrawn and
# given anew. Where it was withdrawn since the third check, which is a statement before this one, nothing begins.
# The day's count rides along, for SentToday: an index by which sends could be counted would cost every mail
# far more than this costs a group of them.
_BEGIN = OfHeld(
    """
    with begun as (
        update sends s set status = 'sending', reason = '', attempts = s.attempts + 1,
            picks = e->1, copy_id = (e->>2)::bigint, not_before = null, intent_at = clock_timestamp(),
            consent_entry_id = c.entry_id
        from jsonb_array_elements(%(intents)s::jsonb) as e, consent_states c
        where {held} and s.id = (e->>0)::bigint and s.status in ('claimed', 'written')
          and c.customer_id = s.customer_id and c.purpose = 'marketing' and c.granted
        returning s.id
    ), counted as (
        insert into campaign_days as d (campaign_id, shard, day, n)
        select %(campaign)s, %(shard)s, (clock_timestamp() at time zone 'UTC')::date, count(*)
        from begun having count(*) > 0
        on conflict (campaign_id, shard) do update set day = greatest(d.day, excluded.day),
            n = excluded.n + case when d.day < excluded.day then 0 else d.n end
    )
    select id from begun
"""
)
_UNDO = OfHeld(
    f"""
    with begun as (
        select id, status from sends s
        where {{held}} and id = any(%(ids)s::bigint[])
          and (status = 'sending' or status = 'uncertain' and not {_LET_BE})
        for update
    )
    update sends s set status = 'planned', claimed_by = '', reason = '', attempts = greatest(0, s.attempts - 1)
    from begun where {{held}} and s.id = begun.id returning begun.status
"""
)
_RELEASE = """
    update sends set status = 'planned', claimed_by = ''
    where campaign_id = %(campaign)s and id = any(%(ids)s::bigint[])
"""
_PARK = OfHeld(
    """
    update sends s set status = %(status)s, picks = e->1, copy_id = (e->>2)::bigint, claimed_by = '',
        personal = (e->>3)::boolean, tracked = (e->>4)::boolean,
        cell_number = coalesce((e->>5)::bigint, s.cell_number)
    from jsonb_array_elements(%(tailored)s::jsonb) as e
    where {held} and s.id = (e->>0)::bigint and s.status in ('claimed', 'picked', 'written')
    returning s.id
"""
)


def move(
    session: Session,
    campaign_id: int,
    worker: str,
    expected: Collection[SendStatus],
    moves: Sequence[Move],
) -> set[int]:
    """Move sends that this worker holds in one of the statuses `expected`; returns the ids that moved.

    A send that another worker has taken meanwhile (because the lease ran out) is left alone, and so is an
    uncertain one that a person let be, unless the move says what became of it.
    """
    if not moves:
        return set()
    statement = _MOVE_LATE if SendStatus.UNCERTAIN in expected else _MOVE_HELD
    moved = statement.rows(
        session,
        campaign_id,
        worker,
        [m.send_id for m in moves],
        expected=[status.value for status in expected],
        moves=json.dumps(
            [
                [
                    m.send_id,
                    m.status.value,
                    m.reason,
                    m.reply,
                    _moment(m.sent_at),
                    _moment(m.not_before),
                    int(m.away),
                ]
                for m in moves
            ]
        ),
    )
    return {row[0] for row in moved}


def begin(session: Session, campaign_id: int, worker: str, intents: Sequence[Intent]) -> set[int]:
    """Record the intent to send, and the consent that allows it.

    Returns the ids of those that this worker really holds and whose customers grant marketing at this moment.
    The transaction must be on disk before the first of them is handed over.
    """
    if not intents:
        return set()
    begun = _BEGIN.rows(
        session,
        campaign_id,
        worker,
        [i.send_id for i in intents],
        shard=shard_of(worker),
        intents=json.dumps([[i.send_id, i.picks, i.copy_id] for i in intents]),
    )
    return {row[0] for row in begun}


def undo(session: Session, campaign_id: int, worker: str, ids: Sequence[int]) -> Counter[SendStatus]:
    """Plan mails anew that were begun and not handed over after all; returns how many stood where.

    Where the lease ran out meanwhile, a sweeper has called them uncertain; who began them knows better. What a
    person let be stays as it is.
    """
    if not ids:
        return Counter()
    undone = _UNDO.rows(session, campaign_id, worker, ids)
    return Counter(SendStatus(status) for (status,) in undone)


def release(session: Session, campaign_id: int, ids: Sequence[int]) -> None:
    """Plan anew sends that somebody else held and had not begun; the caller has locked them."""
    rows(session, _RELEASE, {"campaign": campaign_id, "ids": list(ids)})


def park(
    session: Session,
    campaign_id: int,
    worker: str,
    status: SendStatus,
    tailored: Sequence[Parked],
) -> set[int]:
    """Let go of sends in `status` (picked, written) with what is ready.

    Returns the ids of those that this worker really held.
    """
    if not tailored:
        return set()
    parked = _PARK.rows(
        session,
        campaign_id,
        worker,
        [p.send_id for p in tailored],
        status=status.value,
        tailored=json.dumps(
            [[p.send_id, p.picks, p.copy_id, p.personal, p.tracked, p.cell_number] for p in tailored]
        ),
    )
    return {row[0] for row in parked}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()

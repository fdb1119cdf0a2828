"""Whose turn it is: urgent campaigns first, the others by weight, so that none starves.

Start-time fair queueing: each claim moves a campaign on by the mails taken, divided by its weight, and the
one that is furthest behind goes next. A campaign that had nothing to do for a while does not catch up.
(Goyal, Vin, Cheng: "Start-time fair queueing", SIGCOMM 1996.)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.db import rows
from campaigns.delivery.terms import DeliveryTerms

_RUNNING = """
    select c.id, c.delivery, coalesce(t.served, 0)
    from campaigns c left join campaign_turns t on t.campaign_id = c.id
    where c.status = 'sending'
"""
_SERVE = """
    insert into campaign_turns as t (campaign_id, served) values (%(campaign)s, greatest(%(start)s, 0) + %(cost)s)
    on conflict (campaign_id) do update set served = greatest(t.served, %(start)s) + %(cost)s
"""
# In the order of an index each, so that no plan is tempted to look for the first one in the whole table.
_URGENT = """
    select 1 from campaigns c
    where c.status = 'sending' and c.delivery @> '{"urgent": true}' and c.id <> all(%(but_for)s::bigint[])
      and ((select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
            and s.not_before is null order by s.campaign_id, s.id limit 1) is not null
        or (select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
            and s.not_before <= %(now)s order by s.campaign_id, s.not_before, s.id limit 1) is not null
        or (select s.id from sends s where s.campaign_id = c.id and s.status = 'written' and s.claimed_by = ''
            order by s.campaign_id, s.id limit 1) is not null)
    limit 1
"""
_MESSAGES = """
    select 1 from messages
    where status = 'queued' and next_try_at <= %(now)s and claimed_until is null
    order by next_try_at, id limit 1
"""
_STARTING = """
    select 1 from campaigns where status = 'planning' and delivery @> '{"urgent": true}' limit 1
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A campaign that is being sent; `served` is how far it came in the common measure."""

    campaign_id: int
    terms: DeliveryTerms
    served: float


def running(session: Session) -> list[Turn]:
    """The campaigns that are being sent, in the order of their turns."""
    found = [Turn(row[0], DeliveryTerms.from_json(row[1]), row[2]) for row in rows(session, _RUNNING, {})]
    return sorted(found, key=lambda turn: (not turn.terms.urgent, turn.served, turn.campaign_id))


def urgent_waits(session: Session, now: datetime, but_for: Collection[int] = ()) -> bool:
    """Whether an urgent campaign, `but_for` these, has sends that nobody has taken and that may go now; or whether a
    message of a program waits (flows/message_sending.py), which every worker sends before all else.
    """
    return bool(
        rows(session, _URGENT, {"now": now, "but_for": list(but_for)})
        or rows(session, _MESSAGES, {"now": now})
    )


def urgent_starts(session: Session) -> bool:
    """Whether the audience of an urgent campaign is yet to be frozen, for which some worker needs a free hand."""
    return bool(rows(session, _STARTING, {}))


def served(session: Session, turn: Turn, mails: int, among: list[Turn], batch: int) -> None:
    """Note that so many mails of this campaign were taken, when `among` were running.

    Alone it has nobody to be fair to, and nothing is written.
    """
    others = [other.served for other in among if other != turn and other.terms.urgent == turn.terms.urgent]
    if others:
        # Campaigns with work are never further apart than one batch of the lightest. Who is had nothing to do
        # meanwhile, and starts where the others stand.
        start = max(others) - batch
        rows(
            session,
            _SERVE,
            {"campaign": turn.campaign_id, "start": start, "cost": mails / turn.terms.weight},
        )

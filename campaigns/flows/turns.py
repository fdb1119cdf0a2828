"""Whose turn it is: urgent campaigns first, the others by weight, so that none starves.

Start-time fair queueing: each claim moves a campaign on by the mails taken, divided by its weight, and the
one that is furthest behind goes next. A campaign that had nothing to do for a while does not catch up.
(Goyal, Vin, Cheng: "Start-time fair queueing", SIGCOMM 1996.)
"""

from __future__ import annotations

from dataclasses import dataclass

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

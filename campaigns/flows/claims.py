"""Taking sends for a worker, in batches, so that no other worker takes them; and giving them back.

What a worker holds is covered by one lease, that of the worker. PostgreSQL's clock decides when it ends, so
that a machine whose clock is wrong neither takes too early nor holds for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.db import rows
from campaigns.flows.counters import add_counts
from campaigns.models import SendStatus


@dataclass(frozen=True, slots=True)
class ClaimedSend:
    """What a worker needs to know of a send that it holds; `picks` and `copy_id` where they are ready.

    `status` is where it stood when it was taken: claimed by that, or picked or written before.
    """

    id: int
    customer_id: int
    personal: bool
    tracked: bool
    consent_entry_id: int | None
    attempts: int
    unreached: int
    picks: list[Any] | None = None
    copy_id: int | None = None
    status: SendStatus = SendStatus.CLAIMED


_TAKEN = "s.id, s.customer_id, s.personal, s.tracked, s.consent_entry_id, s.attempts, s.unreached"
_CLAIM = f"""
    with chosen as materialized (
        select id from sends
        where campaign_id = %(campaign)s and status = 'planned' and {{which}}
        limit %(limit)s for update skip locked
    )
    update sends s set status = 'claimed', claimed_by = %(worker)s
    from chosen where s.campaign_id = %(campaign)s and s.id = chosen.id
    returning {_TAKEN}
"""
_DUE = _CLAIM.format(which="not_before <= %(now)s order by not_before, id")
_FRESH = _CLAIM.format(which="not_before is null and id > %(after)s order by id")
# The status stands in the text, not in a parameter: else a plan that is used again could not use the index.
_WAITING = f"""
    with chosen as materialized (
        select id from sends
        where claimed_by = '' and campaign_id = %(campaign)s and status = '{{status}}'
        order by id limit %(limit)s for update skip locked
    )
    update sends s set claimed_by = %(worker)s
    from chosen where s.campaign_id = %(campaign)s and s.id = chosen.id
    returning {_TAKEN}, s.picks, s.copy_id
"""
_EXTEND = """
    insert into worker_leases (worker, lease_until) values (%(worker)s, clock_timestamp() + %(lease)s)
    on conflict (worker) do update set lease_until = excluded.lease_until
"""
_GIVE_BACK = """
    with held as (
        select id, status from sends
        where claimed_by = %(worker)s and campaign_id = %(campaign)s
          and status in ('claimed', 'picked', 'written')
        for update
    )
    update sends s set status = 'planned', claimed_by = ''
    from held where s.campaign_id = %(campaign)s and s.id = held.id returning held.status
"""


class Claims:
    """Takes sends for one worker process, and remembers how far it came.

    Without that memory each claim would walk over all that was claimed before: those rows stay in the index
    until PostgreSQL vacuums it.
    """

    def __init__(self, lease: timedelta) -> None:
        self._lease = lease
        self._after: dict[int, int] = {}

    def take(
        self, session: Session, campaign_id: int, limit: int, worker: str, now: datetime
    ) -> list[ClaimedSend]:
        """Up to `limit` planned sends: first those that were put off until now, then new ones."""
        asked = {"campaign": campaign_id, "worker": worker, "now": now}
        taken = rows(session, _DUE, {**asked, "limit": limit})
        after = self._after.pop(campaign_id, 0)
        if len(taken) < limit:
            taken += rows(session, _FRESH, {**asked, "limit": limit - len(taken), "after": after})
            if len(taken) == limit:
                after = max(row[0] for row in taken)
            elif after:
                # Behind the end: what was given back meanwhile lies before it.
                taken += rows(session, _FRESH, {**asked, "limit": limit - len(taken), "after": 0})
                after = 0
        if not taken:
            return []
        self._after[campaign_id] = after
        extend_lease(session, worker, self._lease)
        moved = {SendStatus.PLANNED: -len(taken), SendStatus.CLAIMED: len(taken)}
        add_counts(session, campaign_id, moved, worker)
        return [ClaimedSend(*row) for row in sorted(taken)]

    def take_waiting(
        self, session: Session, campaign_id: int, status: SendStatus, limit: int, worker: str
    ) -> list[ClaimedSend]:
        """Up to `limit` sends that wait in `status` (picked, written) for somebody to go on with them."""
        asked = {"campaign": campaign_id, "worker": worker, "limit": limit}
        taken = rows(session, _WAITING.format(status=status.value), asked)
        if taken:
            extend_lease(session, worker, self._lease)
        return [ClaimedSend(*(*row, status)) for row in sorted(taken, key=lambda row: row[0])]


def extend_lease(session: Session, worker: str, lease: timedelta) -> None:
    """Keep all that this worker holds for so long from now, by PostgreSQL's clock.

    Called with each group, so that a lease need only cover one group.
    """
    rows(session, _EXTEND, {"worker": worker, "lease": lease})


def give_back(session: Session, campaign_id: int, worker: str) -> Counter[SendStatus]:
    """Plan anew what this worker holds of a campaign and has not begun to send; returns how many stood where.

    The counters are the caller's to keep, together with whatever else it moves in this transaction.
    """
    returned = rows(session, _GIVE_BACK, {"campaign": campaign_id, "worker": worker})
    return Counter(SendStatus(status) for (status,) in returned)

"""Taking sends for a worker, in batches, so that no other worker takes them; and giving them back.

What a worker holds is covered by one lease, that of the worker. PostgreSQL's clock decides when it ends, so
that a machine whose clock is wrong neither takes too early nor holds for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audience.arms import WAITING
from campaigns.core.db import rows
from campaigns.flows.sending.counters import add_counts
from campaigns.flows.sending.held_sends import OfHeld
from campaigns.models import SendStatus


@dataclass(frozen=True, slots=True)
class ClaimedSend:
    """What a worker needs to know of a send that it holds; `picks` and `copy_id` where they are ready.

    `cell_number` is its cell's, if a model writes (models.CopyCell). `arm` is that of the experiment. `status` is where it stood when it was taken:
    claimed by that, or picked or written before.
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
    cell_number: int | None = None
    arm: int | None = None
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
    returning {_TAKEN}, null, null, s.cell_number, s.arm
"""
_DUE = _CLAIM.format(which="not_before <= %(now)s order by not_before, id")
_FRESH = _CLAIM.format(which="not_before is null and id > %(after)s order by id")
# The status stands in the text, not in a parameter: else a plan that is used again could not use the index.
_HOLD = f"""
    with chosen as materialized (
        select id from sends s
        where claimed_by = '' and campaign_id = %(campaign)s and {{which}}
        limit %(limit)s for update skip locked
    )
    update sends s set claimed_by = %(worker)s
    from chosen where s.campaign_id = %(campaign)s and s.id = chosen.id
    returning {_TAKEN}, s.picks, s.copy_id, s.cell_number, s.arm
"""
_WAITING = {
    SendStatus.WRITTEN: _HOLD.format(which="status = 'written' order by id"),
    # Those of a cell that somebody has yet to take are left to whoever takes it.
    SendStatus.PICKED: _HOLD.format(
        which="""status = 'picked' and not exists (
            select 1 from copy_cells c where c.number = s.cell_number and c.state = 'waiting' and c.sends > 0)
        order by id"""
    ),
}
_IN_CELLS = "cell_number is not null and cell_number = any(%(cells)s::bigint[])"
_OF_CELLS = _HOLD.format(which=f"status = 'picked' and {_IN_CELLS} order by id")
# Those that may not go yet; what they hold is put back afterwards, with their time as it was.
# Who waits for a wave of an experiment has no arm yet, so nobody knows what to write for them.
_PUT_OFF = _CLAIM.format(
    which=f"not_before > %(now)s and not_before < '{WAITING:%Y-%m-%d}' and cell_number is null"
    " and id > %(after)s order by id"
)
_PUT_OFF_OF_CELLS = _CLAIM.format(
    which=f"claimed_by = '' and not_before > %(now)s and {_IN_CELLS} and id > %(after)s order by id"
)
_PUT_OFF_OF_EACH = f"""
    with chosen as materialized (
        select first.id from unnest(%(cells)s::bigint[]) as c (number) cross join lateral (
            select id from sends
            where campaign_id = %(campaign)s and status = 'planned' and claimed_by = '' and not_before > %(now)s
              and cell_number is not null and cell_number = c.number
            order by id limit 1 for update skip locked) as first
    )
    update sends s set status = 'claimed', claimed_by = %(worker)s
    from chosen where s.campaign_id = %(campaign)s and s.id = chosen.id
    returning {_TAKEN}, null, null, s.cell_number, s.arm
"""
_EXTEND = """
    insert into worker_leases (worker, lease_until) values (%(worker)s, clock_timestamp() + %(lease)s)
    on conflict (worker) do update set lease_until = excluded.lease_until
"""
_GIVE_BACK = OfHeld(
    """
    with held as (
        select id, status from sends s
        where {held} and id = any(%(ids)s::bigint[]) and status in ('claimed', 'picked', 'written')
        for update
    )
    update sends s set status = 'planned', claimed_by = ''
    from held where {held} and s.id = held.id returning held.status
"""
)


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
        return self._claimed(session, campaign_id, taken, worker)

    def take_fresh(self, session: Session, campaign_id: int, limit: int, worker: str) -> list[ClaimedSend]:
        """Up to `limit` planned sends that nobody has looked at yet and that may go at any time."""
        asked = {"campaign": campaign_id, "worker": worker, "limit": limit, "after": 0}
        return self._claimed(session, campaign_id, rows(session, _FRESH, asked), worker)

    def take_put_off(
        self, session: Session, campaign_id: int, after: int, limit: int, worker: str, now: datetime
    ) -> list[ClaimedSend]:
        """Up to `limit` planned sends, behind the number `after`, that may not go yet and belong to no cell."""
        asked = {"campaign": campaign_id, "worker": worker, "limit": limit, "after": after, "now": now}
        return self._claimed(session, campaign_id, rows(session, _PUT_OFF, asked), worker)

    def take_put_off_of_each(
        self, session: Session, campaign_id: int, cells: Collection[int], worker: str, now: datetime
    ) -> list[ClaimedSend]:
        """One planned send that may not go yet of each of these cells (by number) that has any."""
        asked = {"campaign": campaign_id, "worker": worker, "cells": sorted(cells), "now": now}
        return self._claimed(session, campaign_id, rows(session, _PUT_OFF_OF_EACH, asked), worker)

    def take_put_off_of_cells(
        self,
        session: Session,
        campaign_id: int,
        cells: Collection[int],
        after: int,
        limit: int,
        worker: str,
        now: datetime,
    ) -> list[ClaimedSend]:
        """Up to `limit` planned sends of these cells (by number), behind the number `after`, that may not go yet."""
        asked = {
            "campaign": campaign_id,
            "worker": worker,
            "limit": limit,
            "after": after,
            "cells": sorted(cells),
            "now": now,
        }
        return self._claimed(session, campaign_id, rows(session, _PUT_OFF_OF_CELLS, asked), worker)

    def _claimed(
        self, session: Session, campaign_id: int, taken: Sequence[Any], worker: str
    ) -> list[ClaimedSend]:
        if taken:
            extend_lease(session, worker, self._lease)
            moved = {SendStatus.PLANNED: -len(taken), SendStatus.CLAIMED: len(taken)}
            add_counts(session, campaign_id, moved, worker)
        return [ClaimedSend(*row) for row in sorted(taken, key=lambda row: row[0])]

    def take_waiting(
        self, session: Session, campaign_id: int, status: SendStatus, limit: int, worker: str
    ) -> list[ClaimedSend]:
        """Up to `limit` sends that wait in `status` (picked, written) for somebody to go on with them.

        Of the picked ones those whose cell has ended, or that have none; see `take_of_cells` for the others.
        """
        asked = {"campaign": campaign_id, "worker": worker, "limit": limit}
        return self._held(session, rows(session, _WAITING[status], asked), status, worker)

    def take_of_cells(
        self, session: Session, campaign_id: int, cells: Collection[int], limit: int, worker: str
    ) -> list[ClaimedSend]:
        """Up to `limit` picked sends that wait for the words of these cells (by number)."""
        asked = {"campaign": campaign_id, "worker": worker, "limit": limit, "cells": sorted(cells)}
        return self._held(session, rows(session, _OF_CELLS, asked), SendStatus.PICKED, worker)

    def _held(
        self, session: Session, taken: Sequence[Any], status: SendStatus, worker: str
    ) -> list[ClaimedSend]:
        if taken:
            extend_lease(session, worker, self._lease)
        return [ClaimedSend(*(*row, status)) for row in sorted(taken, key=lambda row: row[0])]


def extend_lease(session: Session, worker: str, lease: timedelta) -> None:
    """Keep all that this worker holds for so long from now, by PostgreSQL's clock.

    Called with each group, so that a lease need only cover one group.
    """
    rows(session, _EXTEND, {"worker": worker, "lease": lease})


def give_back(session: Session, campaign_id: int, worker: str, ids: Collection[int]) -> Counter[SendStatus]:
    """Plan anew what this worker holds of a batch, `ids`, and has not begun to send; returns how many stood where.

    The counters are the caller's to keep, together with whatever else it moves in this transaction.
    """
    if not ids:
        return Counter()
    returned = _GIVE_BACK.rows(session, campaign_id, worker, ids)
    return Counter(SendStatus(status) for (status,) in returned)

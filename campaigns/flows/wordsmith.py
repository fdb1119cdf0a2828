"""Words for sends that wait for them: written apart from sending, because a model takes its time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic

from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.delivery.outlet import Outlet
from campaigns.flows.claims import ClaimedSend, Claims, extend_lease, give_back
from campaigns.flows.counters import add_counts
from campaigns.flows.plans import Plans
from campaigns.flows.send_moves import Move, Parked, move, park
from campaigns.flows.tailoring import Tailor
from campaigns.flows.turns import running
from campaigns.models import SendStatus

_AT_ONCE = 100
# So often what is written is handed on and the lease renewed, between two cells: each may cost several calls
# of a model that thinks.
_RECORD_SECONDS = 2.0
_TASK_SECONDS = 30.0


class Wordsmith:
    """Takes sends that are `picked` and leaves them `written`. One object belongs to one process."""

    def __init__(
        self,
        *,
        db: Database,
        jobs: Jobs,
        tailor: Tailor,
        claims: Claims,
        outlet: Outlet,
        lease: timedelta,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._tailor = tailor
        self._claims = claims
        self._outlet = outlet
        self._lease = lease
        self._stopping = stopping
        self._plans = Plans(db)

    def work(self, seconds: float = _TASK_SECONDS) -> int:
        """Write for whoever waits, until nobody does or the time is over; returns for how many sends."""
        until = monotonic() + seconds
        written = 0
        while not self._stopping():
            try:
                claimed = self._take()
                if claimed is None:
                    return written
                written += self._write(*claimed)
            except BaseException:
                self._outlet.abandon()  # what is held is left to the sweeper
                raise
            if monotonic() > until:
                self._jobs.write_words()
                return written
        return written

    def _take(self) -> tuple[int, list[ClaimedSend]] | None:
        """Sends of the first campaign in line that has some waiting, with its number; None if none has."""
        with self._db.transaction() as session:
            turns = running(session)
        for turn in turns:
            # Read before anything is claimed: one that cannot be read must not stand in the way of others.
            if self._plans.readable(turn.campaign_id) is None:
                continue
            with self._db.transaction() as session:
                claimed = self._claims.take_waiting(
                    session, turn.campaign_id, SendStatus.PICKED, _AT_ONCE, self._outlet.worker
                )
            if claimed:
                return turn.campaign_id, claimed
        return None

    def _write(self, campaign_id: int, claimed: list[ClaimedSend]) -> int:
        """Words for these sends, a cell at a time; what is not done when this process is to end is given back."""
        plan = self._plans.of(campaign_id)
        fit, unfit = self._tailor.check(plan, claimed)
        ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
        done = [one.parked() for one in ready]
        cells = self._tailor.words_for(unworded)
        written, recorded = 0, monotonic()
        while not self._stopping() and (cell := next(cells, None)) is not None:
            done += cell
            if monotonic() - recorded > _RECORD_SECONDS:
                written += self._record(campaign_id, unfit, done)
                unfit, done, recorded = [], [], monotonic()
        return written + self._record(campaign_id, unfit, done, last=True)

    def _record(
        self, campaign_id: int, unfit: Sequence[Move], done: Sequence[Parked], last: bool = False
    ) -> int:
        """Hand on what is done; with `last`, give back what is not. Returns how many are `written` now."""
        worker = self._outlet.worker
        with self._db.transaction() as session:
            if not last:
                extend_lease(session, worker, self._lease)
            held_back = move(session, campaign_id, worker, (SendStatus.PICKED,), unfit)
            parked = park(session, campaign_id, worker, SendStatus.WRITTEN, done)
            deltas = Counter({SendStatus.HELD_BACK: len(held_back), SendStatus.WRITTEN: len(parked)})
            deltas[SendStatus.PICKED] -= len(held_back) + len(parked)
            if last:
                returned = give_back(session, campaign_id, worker)
                deltas.subtract(returned)
                deltas[SendStatus.PLANNED] += returned.total()
            add_counts(session, campaign_id, deltas, worker)
            if parked:
                session.after_commit(lambda: self._jobs.send(1))
        return len(parked)

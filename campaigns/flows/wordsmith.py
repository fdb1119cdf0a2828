"""Words for sends that wait for them: written apart from sending, because a model takes its time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.delivery.outlet import Outlet
from campaigns.flows.claims import ClaimedSend, Claims, extend_lease, give_back
from campaigns.flows.counters import add_counts
from campaigns.flows.plans import CampaignPlan, load_plan
from campaigns.flows.send_moves import Parked, move, park
from campaigns.flows.tailoring import Tailor
from campaigns.flows.turns import running
from campaigns.models import SendStatus

_AT_ONCE = 100
# Between two of them the lease is renewed: a cell may cost several calls of a model that thinks.
_CELLS_A_LEASE = 3
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
        self._plans: dict[int, CampaignPlan] = {}

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

    def _take(self) -> tuple[CampaignPlan, list[ClaimedSend]] | None:
        with self._db.transaction() as session:
            for turn in running(session):
                claimed = self._claims.take_waiting(
                    session, turn.campaign_id, SendStatus.PICKED, _AT_ONCE, self._outlet.worker
                )
                if claimed:
                    if turn.campaign_id not in self._plans:
                        self._plans[turn.campaign_id] = load_plan(session, turn.campaign_id)
                    return self._plans[turn.campaign_id], claimed
        return None

    def _write(self, plan: CampaignPlan, claimed: list[ClaimedSend]) -> int:
        worker = self._outlet.worker
        fit, unfit = self._tailor.check(claimed)
        with self._db.transaction() as session:
            moved = move(session, plan.id, worker, (SendStatus.PICKED,), unfit)
            add_counts(
                session,
                plan.id,
                Counter({SendStatus.PICKED: -len(moved), SendStatus.HELD_BACK: len(moved)}),
                worker,
            )
        written = 0
        for start in range(0, len(fit), _CELLS_A_LEASE):
            if self._stopping():
                break
            ready, _ = self._tailor.tailor(plan, fit[start : start + _CELLS_A_LEASE], wait_for_words=True)
            with self._db.transaction() as session:
                extend_lease(session, worker, self._lease)
                done = park(
                    session,
                    plan.id,
                    worker,
                    SendStatus.WRITTEN,
                    [
                        Parked(one.send.id, one.picks, one.copy_id, one.send.personal, one.send.tracked)
                        for one in ready
                    ],
                )
                deltas = Counter({SendStatus.PICKED: -len(done), SendStatus.WRITTEN: len(done)})
                add_counts(session, plan.id, deltas, worker)
            written += len(done)
        with self._db.transaction() as session:
            give_back(session, plan.id, worker)
        if written:
            self._jobs.send(1)
        return written

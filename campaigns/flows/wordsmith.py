"""Words for sends that wait for them: written apart from sending, because a model takes its time.

First all sends of a campaign get their picks, so that its cells and their sizes are known; then cells are taken,
those of most sends first, each by one worker, and many are written at once. What is written goes out at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.delivery.outlet import Outlet
from campaigns.flows.cell_members import note_ahead, park_waiting
from campaigns.flows.claims import ClaimedSend, Claims, extend_lease, give_back
from campaigns.flows.copy_cells import claim_cells, let_go, sends_waiting
from campaigns.flows.copy_fallback import FallbackStop
from campaigns.flows.counters import add_counts, counts
from campaigns.flows.plans import CampaignPlan, Plans
from campaigns.flows.send_moves import Move, Parked, move, park
from campaigns.flows.tailoring import Tailor, Unworded
from campaigns.flows.turns import running
from campaigns.models import SendStatus

_AT_ONCE = 500
# Each cell keeps a member of the crew busy, and while the last ones are written others have nothing to do.
_CELLS_OF_A_MEMBER = 4
# So often what is written is handed on and the lease renewed, between two cells: each may cost several calls
# of a model that thinks.
_RECORD_SECONDS = 2.0
_TASK_SECONDS = 30.0
# Those whose time has not come are looked through once; whoever is put off later on is few.
_LOOK_AHEAD_SECONDS = 60.0


class Wordsmith:
    """Takes sends that are `picked` and leaves them `written`. One object belongs to one process.

    `crew` is how many cells are written at the same time.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        tailor: Tailor,
        claims: Claims,
        outlet: Outlet,
        fallback: FallbackStop,
        lease: timedelta,
        crew: int = 1,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._tailor = tailor
        self._claims = claims
        self._outlet = outlet
        self._fallback = fallback
        self._lease = lease
        self._most_cells = crew * _CELLS_OF_A_MEMBER
        self._stopping = stopping
        self._plans = Plans(db)
        self._paused = False
        self._look_again: dict[int, float] = {}

    def work(self, seconds: float = _TASK_SECONDS) -> int:
        """Write for whoever waits, until nobody does or the time is over; returns for how many sends."""
        until = monotonic() + seconds
        written = 0
        while not self._stopping():
            try:
                some = self._step()
            except BaseException:
                self._outlet.abandon()  # what is held is left to the sweeper
                raise
            if some is None:
                return written
            written += some
            if monotonic() > until:
                self._jobs.write_words()
                return written
        return written

    def _step(self) -> int | None:
        """Go on with the first campaign in line that has something to do; None if none has."""
        with self._db.transaction() as session:
            turns = running(session)
        for turn in turns:
            # Read before anything is claimed: one that cannot be read must not stand in the way of others.
            plan = self._plans.readable(turn.campaign_id)
            if plan is None:
                continue
            if picked := self._pick(plan):
                return picked
            some = self._write_cells(plan)
            if some is None:
                some = self._write_others(plan)
            if some is not None:
                return some
        return None

    def _pick(self, plan: CampaignPlan) -> int:
        """See to it that all sends that may go have their picks; for how many the words were there already.

        Senders do the same meanwhile. Until nobody is left no words are asked for: the cells of most sends are to
        come first, and the words of one may serve many.
        """
        written = 0
        while not self._stopping():
            with self._db.transaction() as session:
                claimed = self._claims.take_fresh(session, plan.id, _AT_ONCE, self._outlet.worker)
            if not claimed:
                break
            fit, unfit = self._tailor.check(plan, claimed)
            ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
            done = [one.parked() for one in ready]
            written += self._record(plan.id, unfit, done, unworded, last=True, stood=SendStatus.CLAIMED)
        self._look_ahead(plan)
        return written

    def _look_ahead(self, plan: CampaignPlan) -> None:
        """Count those in their cells whose time has not come yet, where customers get their mail by local time."""
        if plan.terms.local_time is None or monotonic() < self._look_again.get(plan.id, 0.0):
            return
        after = 0
        while not self._stopping():
            with self._db.transaction() as session:
                claimed = self._claims.take_put_off(
                    session, plan.id, after, _AT_ONCE, self._outlet.worker, self._clock.now()
                )
            if not claimed:
                self._look_again[plan.id] = monotonic() + _LOOK_AHEAD_SECONDS
                return
            after = claimed[-1].id
            fit, unfit = self._tailor.check(plan, claimed)
            ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
            with self._db.transaction() as session:
                note_ahead(session, plan.id, ready, unworded)
            self._record(plan.id, unfit, [], last=True, stood=SendStatus.CLAIMED)

    def _write_cells(self, plan: CampaignPlan) -> int | None:
        """Take cells and write for all their sends; None where no cell is free."""
        worker = self._outlet.worker
        with self._db.transaction() as session:
            cells = claim_cells(session, plan.id, worker, self._most_cells)
            if cells:
                extend_lease(session, worker, self._lease)
        if not cells:
            return None
        written, finished = 0, False
        numbers = [cell.number for cell in cells]
        while not (self._stopping() or self._paused):
            with self._db.transaction() as session:
                claimed = self._claims.take_of_cells(session, plan.id, numbers, _AT_ONCE, worker)
            if not claimed:
                self._write_ahead(plan, numbers)
                finished = not self._stopping()
                break
            written += self._write(plan, claimed)
        with self._db.transaction() as session:
            let_go(session, plan.id, worker, emptied=finished)
        self._paused = False
        return written

    def _write_ahead(self, plan: CampaignPlan, numbers: Sequence[int]) -> None:
        """Write for those of these cells whose sends may not go yet; what is written is kept for them."""
        if plan.terms.local_time is None:
            return
        with self._db.transaction() as session:
            claimed = self._claims.take_put_off_of_cells(
                session, plan.id, numbers, _AT_ONCE, self._outlet.worker, self._clock.now()
            )
        if claimed:
            self._write(plan, claimed, ahead=True)

    def _write_others(self, plan: CampaignPlan) -> int | None:
        """Write for sends whose cell has ended without them, as those that miss a line; None where none waits."""
        worker = self._outlet.worker
        with self._db.transaction() as session:
            # The others wait for cells that other workers have.
            if counts(session, plan.id).get(SendStatus.PICKED, 0) <= sends_waiting(session, plan.id):
                return None
            claimed = self._claims.take_waiting(session, plan.id, SendStatus.PICKED, _AT_ONCE, worker)
        if not claimed:
            return None
        written = self._write(plan, claimed)
        self._paused = False
        return written

    def _write(self, plan: CampaignPlan, claimed: list[ClaimedSend], ahead: bool = False) -> int:
        """Words for these sends; what is not done when this process is to end is given back.

        With `ahead` all are given back: their words are there when their time comes.
        """
        stood = SendStatus.CLAIMED if ahead else SendStatus.PICKED
        fit, unfit = self._tailor.check(plan, claimed)
        ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
        done = [] if ahead else [one.parked() for one in ready]
        cells = self._tailor.words_for(plan, unworded)
        written, recorded = 0, monotonic()
        try:
            while not self._stopping() and (cell := next(cells, None)) is not None:
                done += [] if ahead else cell
                if monotonic() - recorded > _RECORD_SECONDS:
                    written += self._record(plan.id, unfit, done, stood=stood)
                    unfit, done, recorded = [], [], monotonic()
                    if self._fallback.check(plan):
                        self._paused = True
                        break
        finally:
            cells.close()  # no thread of the crew goes on for nobody
        written += self._record(plan.id, unfit, done, last=True, stood=stood)
        self._paused = self._paused or self._fallback.check(plan)
        return written

    def _record(
        self,
        campaign_id: int,
        unfit: Sequence[Move],
        done: Sequence[Parked],
        waiting: Sequence[Unworded] = (),
        last: bool = False,
        stood: SendStatus = SendStatus.PICKED,
    ) -> int:
        """Hand on what is done and what waits; with `last`, give back the rest. Returns how many are `written` now.

        All of them stood where `stood` says.
        """
        worker = self._outlet.worker
        with self._db.transaction() as session:
            if not last:
                extend_lease(session, worker, self._lease)
            held_back = move(session, campaign_id, worker, (stood,), unfit)
            parked = park(session, campaign_id, worker, SendStatus.WRITTEN, done)
            picked = park_waiting(session, campaign_id, worker, waiting)
            deltas = Counter({SendStatus.HELD_BACK: len(held_back), SendStatus.WRITTEN: len(parked)})
            deltas[SendStatus.PICKED] += len(picked)
            deltas[stood] -= len(held_back) + len(parked) + len(picked)
            if last:
                returned = give_back(session, campaign_id, worker)
                deltas.subtract(returned)
                deltas[SendStatus.PLANNED] += returned.total()
            add_counts(session, campaign_id, deltas, worker)
            if parked:
                session.after_commit(lambda: self._jobs.send(1))
        return len(parked)

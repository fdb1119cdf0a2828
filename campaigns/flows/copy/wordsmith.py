"""Words for sends that wait for them: written apart from sending, because a model takes its time.

First all sends of a campaign get their picks, so that its cells and their sizes are known; then cells are taken,
those of most sends first, each by one worker, and many are written at once. What is written goes out at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.delivery.outlet import Outlet
from campaigns.flows.copy.cell_members import note_ahead, note_worded, park_waiting
from campaigns.flows.copy.copy_batch_budget import is_settling
from campaigns.flows.copy.copy_cells import claim_cells, let_go, sends_waiting
from campaigns.flows.copy.copy_fallback import FallbackStop
from campaigns.flows.describing.plans import CampaignPlan, Plans, is_sending
from campaigns.flows.sending.claims import ClaimedSend, Claims, extend_lease, give_back
from campaigns.flows.sending.counters import add_counts, counts
from campaigns.flows.sending.send_moves import Move, Parked, move, park
from campaigns.flows.sending.tailoring import Ready, Tailor, Unworded
from campaigns.flows.sending.turns import running
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
        self._until = 0.0
        self._renew_at = 0.0
        self._halted = False  # the campaign that it is at is not being sent any more
        self._look_again: dict[int, float] = {}
        self._looked_at: dict[int, int] = {}  # the last send, by campaign, of a look ahead that was cut short
        self._ended: dict[
            int, list[int]
        ] = {}  # cells whose words are there and not all of whose sends have them

    def work(self, seconds: float = _TASK_SECONDS) -> int:
        """Write for whoever waits, until nobody does or the time is over; returns for how many sends."""
        self._until = monotonic() + seconds
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
            if self._time_is_up():
                self._jobs.write_words()
                return written
        return written

    def _time_is_up(self) -> bool:
        """Whether it is another campaign's turn, which may be more urgent."""
        return monotonic() > self._until

    def _must_leave(self) -> bool:
        """Whether to leave this campaign: the process is to end, or the campaign was paused or cancelled."""
        return self._stopping() or self._halted

    def _step(self) -> int | None:
        """Go on with the first campaign in line that has something to do; None if none has."""
        with self._db.transaction() as session:
            turns = running(session)
        for turn in turns:
            # Read before anything is claimed: one that cannot be read must not stand in the way of others.
            plan = self._plans.readable(turn.campaign_id)
            if plan is None:
                continue
            self._halted = False
            picked = self._pick(plan)
            if picked or self._time_is_up():
                return picked
            if self._waits_for_a_batch(plan):
                continue  # the sweeper says when to come back
            some = None if self._halted else self._write_cells(plan)
            if some is None and not self._halted:
                some = self._write_others(plan)
            if some is not None:
                return some
        return None

    def _waits_for_a_batch(self, plan: CampaignPlan) -> bool:
        if plan.copy.mode != "batch":
            return False
        with self._db.transaction() as session:
            return is_settling(session, plan.id, self._clock.now())

    def _take(self, plan: CampaignPlan, take: Callable[[Session], list[ClaimedSend]]) -> list[ClaimedSend]:
        """What `take` claims; nothing where the campaign is not being sent any more."""
        with self._db.transaction() as session:
            if not is_sending(session, plan.id):
                self._halted = True
                return []
            return take(session)

    def _pick(self, plan: CampaignPlan) -> int:
        """See to it that all sends that may go have their picks; for how many the words were there already.

        Senders do the same meanwhile. Until nobody is left no words are asked for: the cells of most sends are to
        come first, and the words of one may serve many.
        """
        written, worker = 0, self._outlet.worker
        while not (self._must_leave() or self._time_is_up()):
            claimed = self._take(
                plan, lambda session: self._claims.take_fresh(session, plan.id, _AT_ONCE, worker)
            )
            if not claimed:
                break
            fit, unfit = self._tailor.check(plan, claimed)
            ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
            written += self._record(
                plan.id, unfit, [], ready=ready, waiting=unworded, rest=claimed, stood=SendStatus.CLAIMED
            )
        self._look_ahead(plan)
        return written

    def _look_ahead(self, plan: CampaignPlan) -> None:
        """Count those in their cells whose time has not come yet, where customers get their mail by local time."""
        if not plan.terms.by_own_clocks or monotonic() < self._look_again.get(plan.id, 0.0):
            return
        worker, now = self._outlet.worker, self._clock.now()
        while not (self._must_leave() or self._time_is_up()):
            after = self._looked_at.pop(plan.id, 0)
            claimed = self._take(
                plan,
                lambda session, after=after: self._claims.take_put_off(  # type: ignore[misc]
                    session, plan.id, after, _AT_ONCE, worker, now
                ),
            )
            if not claimed:
                if not self._halted:
                    self._look_again[plan.id] = monotonic() + _LOOK_AHEAD_SECONDS
                return
            self._looked_at[plan.id] = claimed[-1].id
            fit, unfit = self._tailor.check(plan, claimed)
            ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
            with self._db.transaction() as session:
                note_ahead(session, plan.id, ready, unworded)
            self._record(plan.id, unfit, [], rest=claimed, stood=SendStatus.CLAIMED)

    def _write_cells(self, plan: CampaignPlan) -> int | None:
        """Take cells and write for all their sends; None where no cell is free.

        When the time is up before, the cells are let go: those that have no words yet to anybody, and who waits in
        the others is seen to first when this campaign has its turn again.
        """
        worker = self._outlet.worker
        with self._db.transaction() as session:
            cells = [cell.number for cell in claim_cells(session, plan.id, worker, self._most_cells)]
            if cells:
                extend_lease(session, worker, self._lease)
        ended = self._ended.pop(plan.id, [])
        if not (cells or ended):
            return None
        written, finished, numbers = 0, False, ended + cells
        while not (self._must_leave() or self._time_is_up()):
            claimed = self._take(
                plan, lambda session: self._claims.take_of_cells(session, plan.id, numbers, _AT_ONCE, worker)
            )
            if not claimed:
                finished = not self._halted and self._write_ahead(plan, cells)
                break
            written += self._write(plan, claimed)
        with self._db.transaction() as session:
            done = let_go(session, plan.id, worker, emptied=finished)
        if not finished:
            self._ended[plan.id] = sorted({*ended, *done})
        return written

    def _write_ahead(self, plan: CampaignPlan, cells: Sequence[int]) -> bool:
        """Write for those of these cells whose sends may not go yet; what is written is kept for them.

        One send of each comes first, so that each cell has its words; then all, for the lines of all their
        products, as far as the time suffices: the rest of these are written when they may go. Returns whether all
        were seen to.
        """
        if not plan.terms.by_own_clocks or not cells:
            return True
        worker, now, after = self._outlet.worker, self._clock.now(), 0
        claimed = self._take(
            plan, lambda session: self._claims.take_put_off_of_each(session, plan.id, cells, worker, now)
        )
        while claimed:
            self._write(plan, claimed, ahead=True)
            if self._must_leave() or self._time_is_up():
                return False
            claimed = self._take(
                plan,
                lambda session, after=after: self._claims.take_put_off_of_cells(  # type: ignore[misc]
                    session, plan.id, cells, after, _AT_ONCE, worker, now
                ),
            )
            after = claimed[-1].id if claimed else after
        return not self._halted

    def _write_others(self, plan: CampaignPlan) -> int | None:
        """Write for sends whose cell has ended without them, as those that miss a line; None where none waits."""
        worker = self._outlet.worker
        with self._db.transaction() as session:
            # The others wait for cells that other workers have.
            if counts(session, plan.id).get(SendStatus.PICKED, 0) <= sends_waiting(session, plan.id):
                return None
            claimed = self._claims.take_waiting(session, plan.id, SendStatus.PICKED, _AT_ONCE, worker)
        return self._write(plan, claimed) if claimed else None

    def _write(self, plan: CampaignPlan, claimed: list[ClaimedSend], ahead: bool = False) -> int:
        """Words for these sends; what is not done when the campaign is to be left is given back.

        With `ahead` all are given back: their words are there when their time comes.
        """
        stood = SendStatus.CLAIMED if ahead else SendStatus.PICKED
        fit, unfit = self._tailor.check(plan, claimed)
        ready, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
        if ahead:
            ready = []
        done: list[Parked] = []
        cells = self._tailor.words_for(plan, unworded, self._beat)
        written, recorded = 0, monotonic()
        try:
            while not self._must_leave() and (cell := next(cells, None)) is not None:
                done += [] if ahead else cell
                if monotonic() - recorded > _RECORD_SECONDS:
                    self._judge(plan)
                    written += self._record(plan.id, unfit, done, ready=ready, stood=stood)
                    unfit, done, ready, recorded = [], [], [], monotonic()
        finally:
            cells.close()  # no thread of the crew goes on for nobody
        self._judge(plan)
        return written + self._record(plan.id, unfit, done, ready=ready, rest=claimed, stood=stood)

    def _judge(self, plan: CampaignPlan) -> None:
        """Before words are handed on: a campaign whose model fails stops, and they stay until a person has decided."""
        self._halted = self._fallback.check(plan) or self._halted

    def _beat(self) -> None:
        """Keep what this worker holds while it waits for a model, which may take longer than a lease."""
        if monotonic() > self._renew_at:
            with self._db.transaction() as session:
                self._renew(session)

    def _renew(self, session: Session) -> None:
        extend_lease(session, self._outlet.worker, self._lease)
        self._renew_at = monotonic() + self._lease.total_seconds() / 4

    def _record(
        self,
        campaign_id: int,
        unfit: Sequence[Move],
        done: Sequence[Parked],
        ready: Sequence[Ready] = (),
        waiting: Sequence[Unworded] = (),
        rest: Sequence[ClaimedSend] = (),
        stood: SendStatus = SendStatus.PICKED,
    ) -> int:
        """Hand on what is done and what waits, and give back what is held of `rest`. Returns how many are `written` now.

        `ready` are done too: their words were there already. All of them stood where `stood` says.
        """
        worker = self._outlet.worker
        with self._db.transaction() as session:
            if not rest:
                self._renew(session)
                self._halted = self._halted or not is_sending(session, campaign_id)
            held_back = move(session, campaign_id, worker, (stood,), unfit)
            picked = park_waiting(session, campaign_id, worker, waiting)
            cells = note_worded(session, campaign_id, ready)
            found = [replace(one.parked(), cell_number=cells.get(one.cell)) for one in ready]
            parked = park(session, campaign_id, worker, SendStatus.WRITTEN, [*found, *done])
            deltas = Counter({SendStatus.HELD_BACK: len(held_back), SendStatus.WRITTEN: len(parked)})
            deltas[SendStatus.PICKED] += len(picked)
            deltas[stood] -= len(held_back) + len(parked) + len(picked)
            if rest:
                returned = give_back(session, campaign_id, worker, [send.id for send in rest])
                deltas.subtract(returned)
                deltas[SendStatus.PLANNED] += returned.total()
            add_counts(session, campaign_id, deltas, worker)
            if parked:
                session.after_commit(lambda: self._jobs.send(1))
        return len(parked)

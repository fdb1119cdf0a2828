"""The line that a batch of sends runs along.

claimed -> consent again, picks and copy (no connection held) -> written out -> consent a third time and the
intent (sending) -> SMTP -> outcome. Whatever stops in between is found again by `recovery.Recovery`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from time import monotonic
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.meters import Meters
from campaigns.delivery.outlet import Outlet
from campaigns.delivery.transport import Kind, Outcome
from campaigns.flows.copy.cell_members import note_worded, park_waiting
from campaigns.flows.describing.plans import CampaignPlan, is_sending
from campaigns.flows.feedback.bounces import Addressed, Policy, bounces_among, take_relay_bounces
from campaigns.flows.sending.admission import Admission
from campaigns.flows.sending.claims import ClaimedSend, extend_lease, give_back
from campaigns.flows.sending.counters import add_counts
from campaigns.flows.sending.letters import Letters
from campaigns.flows.sending.outcomes import moves_after
from campaigns.flows.sending.reopening import reopen_for_planned
from campaigns.flows.sending.send_moves import JUST_HELD, Intent, Move, begin, move, undo
from campaigns.flows.sending.tailoring import Ready, Tailor, Unworded
from campaigns.flows.sending.turns import urgent_waits
from campaigns.flows.sending.writing_out import WritingOut
from campaigns.models import SendStatus

# Mails whose intent one commit records: few, because they bound what is unknown after the machine itself
# died (a killed process leaves a journal); enough that commits do not cost.
GROUP = 100
# With a slow relay a group is made smaller, so that it ends about as soon as somebody may want to stop it.
_GROUP_SECONDS = 1.0
_FIRST_GROUP = 20
_LOOK_SECONDS = 0.5
_URGENT_SECONDS = 1.0
_CONSENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one batch; `claimed` 0 means that there was nothing to do."""

    claimed: int
    sent: int = 0
    failed: int = 0
    held_back: int = 0
    later: int = 0
    uncertain: int = 0
    stopped: bool = False


@dataclass
class _Run:
    """One batch on its way: what is to be recorded with the next commit, and what was recorded."""

    plan: CampaignPlan
    worker: str
    stood: dict[int, SendStatus]  # of each send, before it was begun
    passed_over: Collection[int]  # campaigns that nobody can send, however urgent
    reserved: list[Move] = field(default_factory=list)  # of sends not begun: held back, failed, put off
    ended: list[Move] = field(default_factory=list)  # of sends handed over
    answered: int = 0  # mails that ended since the last commit but one
    unsent: list[int] = field(default_factory=list)  # begun, and not handed over after all
    tally: Counter[SendStatus] = field(default_factory=Counter)
    looked: float = field(default_factory=monotonic)
    begun: float = field(default_factory=monotonic)
    let_pass: float | None = None  # when it was last seen whether an urgent campaign waits
    stopped: bool = False


class BatchLine:
    """Runs batches; one object belongs to one process, because its transport does.

    `answered` is told of how many mails of a campaign it is known how they ended, group by group.
    `remember_picks` is told which products (ids by send) the pictures of mails will ask for that are about to go.
    `stopping` says whether this process is asked to end: the mail in flight is finished, the rest given back.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        bounce_policy: Policy,
        tailor: Tailor,
        letters: Letters,
        outlet: Outlet,
        admission: Admission,
        meters: Meters,
        lease: timedelta,
        remember_picks: Callable[[Mapping[int, Sequence[Any]]], None],
        answered: Callable[[int, int], None] = lambda campaign_id, mails: None,
        words_elsewhere: bool = False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._bounce_policy = bounce_policy
        self._tailor = tailor
        self._writing = WritingOut(letters, meters)
        self._outlet = outlet
        self._admission = admission
        self._meters = meters
        self._lease = lease
        self._remember_picks = remember_picks
        self._answered = answered
        self._words_elsewhere = words_elsewhere
        self._stopping = stopping
        self._random = Random()
        self._group = _FIRST_GROUP
        self._counted = 0

    def run(
        self, plan: CampaignPlan, claimed: Sequence[ClaimedSend], passed_over: Collection[int] = ()
    ) -> BatchResult:
        """Bring these sends to an end, or back to planned.

        A batch that is not urgent ends early where an urgent campaign has mails to send, except one of
        `passed_over`: those cannot be sent.
        """
        run = _Run(plan, self._outlet.worker, {send.id: send.status for send in claimed}, passed_over)
        with self._meters.timed("consent"):
            fit, unfit = self._tailor.check(plan, claimed)
        run.reserved += unfit
        tailored: dict[int, Ready] = {}
        unworded: list[Unworded] = []
        if self._words_elsewhere:
            # Words first: who has none yet would use up the turns of others, and once more when it has.
            early, unworded = self._tailor.tailor(plan, fit, wait_for_words=False)
            tailored = {one.send.id: one for one in early}
            fit = [one for one in fit if one.send.id in tailored]
        for admitted in self._admission.admitted(plan, fit, lambda: self._must_stop(run)):
            going = [one for one, _ in admitted]
            if self._words_elsewhere:
                ready = [tailored[one.send.id] for one in going]
            else:
                ready, _ = self._tailor.tailor(plan, going, wait_for_words=True)
            relays = {one.send.id: relay for one, relay in admitted}
            self._send(run, ready, relays)
            if run.stopped:
                break
        if not run.stopped:
            run.reserved += self._admission.put_off()
        self._close(run, [*tailored.values()], unworded)
        return BatchResult(
            claimed=len(claimed),
            sent=run.tally[SendStatus.SENT],
            failed=run.tally[SendStatus.FAILED],
            held_back=run.tally[SendStatus.HELD_BACK],
            later=run.tally[SendStatus.PLANNED],
            uncertain=run.tally[SendStatus.UNCERTAIN],
            stopped=run.stopped,
        )

    def _send(self, run: _Run, ready: Sequence[Ready], relays: Mapping[int, str]) -> None:
        start = 0
        while start < len(ready) and not self._must_stop(run):
            group = ready[start : start + self._group]
            start += len(group)
            going = self._begin(run, group)
            began = monotonic()
            self._hand_over(run, [one for one in group if one.send.id in going], relays)
            took = (monotonic() - began) / max(1, len(group))
            self._group = max(1, min(GROUP, int(_GROUP_SECONDS / took) if took else GROUP))

    def _begin(self, run: _Run, group: Sequence[Ready]) -> set[int]:
        """One commit: what ended before, the third check of consent, and the intent to send these.

        Who withdraws after it was too late. Returns the ids that may be handed over.
        """
        plan = run.plan
        with self._meters.timed("record"), self._db.transaction() as session:
            self._tailor.hold(session, plan, group)
            deltas = self._record(session, run)
            extend_lease(session, run.worker, self._lease)
            going: set[int] = set()
            if is_sending(session, plan.id) and not self._is_overtaken(session, run):
                refused = self._tailor.refused(session, plan, [one.send for one in group])
                stopped = [Move(send_id, SendStatus.HELD_BACK, why) for send_id, why in refused.items()]
                # A slow relay may have taken until the evening for those before.
                awake = {r.send.id: r.facts.addressee.timezone for r in group if r.send.id not in refused}
                stopped += self._admission.asleep(plan, awake)
                moved = move(session, plan.id, run.worker, JUST_HELD, stopped)
                stay = {one.send_id for one in stopped}
                intents = [Intent(r.send.id, r.picks, r.copy_id) for r in group if r.send.id not in stay]
                going = begin(session, plan.id, run.worker, intents)
                if any(slot.asks_picks for slot in plan.all_slots):
                    picked = {
                        one.send_id: [pick[0] for pick in one.picks]
                        for one in intents
                        if one.send_id in going
                    }
                    session.after_commit(lambda: self._remember_picks(picked))
                _tally(run, deltas, moved, stopped, run.stood)
                _shift(deltas, going, run.stood, SendStatus.SENDING)
            else:
                run.stopped = True
            add_counts(session, plan.id, deltas, run.worker)
        # Now the database knows; until here a kill would have been answered from the journal.
        self._outlet.transport.journal.settled()
        self._answered(plan.id, run.answered)
        run.looked = run.begun = monotonic()
        if run.let_pass is None:
            run.let_pass = run.begun
        return going

    def _hand_over(self, run: _Run, group: Sequence[Ready], relays: Mapping[int, str]) -> None:
        declined: set[int] = set()

        def may_go(send_id: int) -> None:
            # Mails that were taken ahead and are not in flight: with a slow relay they would take long.
            # And consent was asked when the group was begun: what comes too late is asked about once more.
            if self._must_stop(run) or monotonic() - run.begun > _CONSENT_SECONDS:
                declined.add(send_id)
                raise ServiceUnavailable("SMTP", "the sender has stopped")

        with self._meters.timed("smtp"):
            mails = self._writing.mails(
                run.plan, group, relays, lambda: self._must_stop(run), run.ended.append
            )
            found = self._outlet.transport.send_group(mails, may_go)
            outcomes = [outcome for outcome in found if outcome.send_id not in declined]
        tried = {ready.send.id: (ready.send.attempts, ready.send.unreached) for ready in group}
        run.ended += moves_after(outcomes, tried, self._clock.now(), self._random)
        ended = {move.send_id for move in run.ended}
        run.unsent += [ready.send.id for ready in group if ready.send.id not in ended]
        self._take_bounces(run, outcomes, group)
        self._count(outcomes, relays)

    def _must_stop(self, run: _Run) -> bool:
        """Whether this process is to end, the campaign stands still, or an urgent one waits.

        Asks the database now and then.
        Asking also renews the lease, which with a slow relay might not last to the end of the group.
        """
        if not run.stopped and self._stopping():
            run.stopped = True
        if not run.stopped and monotonic() - run.looked > _LOOK_SECONDS:
            try:
                with self._db.transaction() as session:
                    extend_lease(session, run.worker, self._lease)
                    run.stopped = not is_sending(session, run.plan.id) or self._is_overtaken(session, run)
            except (ServiceUnavailable, SQLAlchemyError):
                # Raised from here it would tear down connections with mails in flight. So those get their
                # answers, which the journal keeps, and it is the next commit that fails.
                run.stopped = True
            run.looked = monotonic()
        return run.stopped

    def _is_overtaken(self, session: Session, run: _Run) -> bool:
        """Whether the rest is to wait because an urgent campaign has mails to send; asked once a second.

        Never before the first group went out: however often somebody overtakes, each batch comes further.
        """
        if run.plan.terms.urgent or run.let_pass is None or monotonic() - run.let_pass < _URGENT_SECONDS:
            return False
        run.let_pass = monotonic()
        return urgent_waits(session, self._clock.now(), run.passed_over)

    def _record(self, session: Session, run: _Run) -> Counter[SendStatus]:
        """Write down what is known since the last commit; returns the changes to the counters."""
        deltas: Counter[SendStatus] = Counter()
        campaign, worker = run.plan.id, run.worker
        moved = move(session, campaign, worker, JUST_HELD, run.reserved)
        _tally(run, deltas, moved, run.reserved, run.stood)
        moved = move(session, campaign, worker, (SendStatus.SENDING,), run.ended)
        _tally(run, deltas, moved, run.ended, SendStatus.SENDING)
        # A relay slower than the lease: the sweeper called these uncertain, and now the answer is here.
        late = [m for m in run.ended if m.send_id not in moved]
        moved = move(session, campaign, worker, (SendStatus.UNCERTAIN,), late)
        _tally(run, deltas, moved, late, SendStatus.UNCERTAIN)
        undone = undo(session, campaign, worker, run.unsent)
        deltas.subtract(undone)
        deltas[SendStatus.PLANNED] += undone.total()
        put_off_late = any(m.status is SendStatus.PLANNED and m.send_id in moved for m in late)
        if undone[SendStatus.UNCERTAIN] or put_off_late:
            reopen_for_planned(session, campaign, self._clock.now(), "worker")
        run.answered = sum(m.status is not SendStatus.PLANNED for m in run.ended)
        run.reserved, run.ended, run.unsent = [], [], []
        return deltas

    def _close(self, run: _Run, worded: Sequence[Ready], unworded: Sequence[Unworded]) -> None:
        """The last commit of a batch: everything that is left ends, waits for words, or is given back."""
        plan = run.plan
        with self._meters.timed("record"), self._db.transaction() as session:
            deltas = self._record(session, run)
            parked = park_waiting(session, plan.id, run.worker, unworded)
            note_worded(session, plan.id, worded)
            _shift(deltas, parked, run.stood, SendStatus.PICKED)
            returned = give_back(session, plan.id, run.worker, run.stood)
            deltas.subtract(returned)
            deltas[SendStatus.PLANNED] += returned.total()
            add_counts(session, plan.id, deltas, run.worker)
        self._outlet.transport.journal.settled()
        self._answered(plan.id, run.answered)
        run.tally[SendStatus.PLANNED] += returned.total()
        self._meters.add("statements", self._db.statements - self._counted)
        self._counted = self._db.statements
        self._meters.set("last_batch_timestamp_seconds", self._clock.now().timestamp())
        self._meters.flush_every(1.0)

    def _take_bounces(self, run: _Run, outcomes: Sequence[Outcome], group: Sequence[Ready]) -> None:
        people = {r.send.id: Addressed(r.send.customer_id, r.facts.addressee.email) for r in group}
        found = bounces_among(outcomes, run.ended, people)
        if found:
            with self._db.transaction() as session:
                take_relay_bounces(session, self._bounce_policy, run.plan.id, found, self._clock.now())

    def _count(self, outcomes: Sequence[Outcome], relays: Mapping[int, str]) -> None:
        counted = Counter(
            (o.kind, o.fault, f"{o.code // 100}xx" if o.code else "none", o.relay or relays[o.send_id])
            for o in outcomes
        )
        for (kind, fault, reply, relay), n in counted.items():
            self._meters.add("mails", n, kind=kind.value, relay=relay)
            self._meters.add("smtp_replies", n, reply=reply, relay=relay)
            if kind is Kind.REJECTED and fault:
                self._meters.add("bounces", n, fault=fault.value, relay=relay)


def _shift(
    deltas: Counter[SendStatus], moved: Iterable[int], stood: Mapping[int, SendStatus], status: SendStatus
) -> None:
    """Count sends that moved to `status` from where each stood."""
    for send_id in moved:
        deltas[stood[send_id]] -= 1
        deltas[status] += 1


def _tally(
    run: _Run,
    deltas: Counter[SendStatus],
    moved: set[int],
    moves: Sequence[Move],
    stood: SendStatus | Mapping[int, SendStatus],
) -> None:
    """Count those of the moves that took place."""
    for one in moves:
        if one.send_id in moved:
            deltas[stood if isinstance(stood, SendStatus) else stood[one.send_id]] -= 1
            deltas[one.status] += 1
            run.tally[one.status] += 1

"""What workers left behind that ended, hang or fell silent: where each of their sends goes now.

The journal decides as far as it can be read. What it tells is treated like an answer that was heard live
(flows/outcomes.py), and what is planned anew is certainly nowhere on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.locks import SWEEP_LOCK
from campaigns.core.log import get_logger
from campaigns.delivery.journal import Replay
from campaigns.delivery.journal_claim import DeadJournal, claimable, claimed, revoke
from campaigns.delivery.transport import Outcome
from campaigns.flows.feedback.bounces import Addressed, Policy, bounces_among, take_relay_bounces
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.counters import add_counts
from campaigns.flows.sending.outcomes import moves_after
from campaigns.flows.sending.reopening import reopen_for_planned
from campaigns.flows.sending.send_moves import Move, move, release, undo
from campaigns.models import SendStatus

log = get_logger(__name__)

# A worker that lives renews its lease with each group, and all that it waits for has limits: 90 s for a relay's
# last answer, less for all else. One that is silent for so much longer than its lease hangs (it was stopped, or
# is stuck in the kernel), and its journal is taken from it.
HANGS_AFTER = timedelta(minutes=15)

_MOST_AT_ONCE = 5000
_EXPIRED_WORKERS = text("select worker from worker_leases where lease_until < clock_timestamp()")
_HUNG_WORKERS = text(
    "select worker from worker_leases l where lease_until < clock_timestamp() - cast(:patience as interval) "
    "and starts_with(worker, :here) and exists "
    "(select 1 from sends s where s.claimed_by = l.worker and s.status = 'sending')"
)
# A claim renews the lease in its own transaction, so a row that is still expired here covers nothing.
_FORGET_LEASES = text(
    "delete from worker_leases l where lease_until < clock_timestamp() and not exists (select 1 from sends s "
    "where s.claimed_by = l.worker and s.status in ('claimed','picked','written','sending'))"
)
_HELD = (
    "select id, campaign_id, customer_id, status, claimed_by, attempts, unreached, reason from sends where "
)
_EXPIRED = text(
    f"{_HELD} status in ('claimed','picked','written','sending') and claimed_by = any(:workers) "
    "order by id limit :most for update skip locked"
)
_OF_WORKER = f"{_HELD} claimed_by = :worker and status in ('claimed','picked','written','sending','uncertain') for update"
_OF_THE_DEAD = text(_OF_WORKER)
# One that hangs may do so in the midst of a transaction, and nobody must wait for it.
_OF_THE_HUNG = text(f"{_OF_WORKER} skip locked")

_ENDED_IN_FLIGHT = "the worker ended while this mail was being handed over"
_HUNG_IN_FLIGHT = "the worker hung while this mail was being handed over"
# Said by whoever does not have the worker's journal; the worker, or a sweeper of its host, may know better.
_FELL_SILENT = "the worker fell silent while this mail was being handed over"


@dataclass(frozen=True, slots=True)
class _Held:
    id: int
    campaign_id: int
    customer_id: int
    status: SendStatus
    claimed_by: str
    attempts: int
    unreached: int
    reason: str

    @property
    def begun(self) -> bool:
        """Whether its intent is recorded: only then a journal says anything of it."""
        return self.status in (SendStatus.SENDING, SendStatus.UNCERTAIN)


class LeftBehind:
    """Settles what other workers hold. `host` names this data folder, `journals` is its folder of journals."""

    def __init__(self, db: Database, clock: Clock, bounce_policy: Policy, journals: Path, host: str) -> None:
        self._db = db
        self._clock = clock
        self._bounce_policy = bounce_policy
        self._journals = journals
        self._host = host
        self._random = Random()

    def of_the_dead(self) -> Counter[SendStatus]:
        """Workers of this host that ended without settling; how many sends went where."""
        tally: Counter[SendStatus] = Counter()
        for journal in claimable(self._journals):
            try:
                tally += self._of_one_dead(journal)
            except ServiceUnavailable:
                raise
            except Exception:
                # One that cannot be settled must not keep all others from it, nor this host from sending.
                log.exception("journal_not_settled", writer=journal.writer)
        return tally

    def _of_one_dead(self, journal: DeadJournal) -> Counter[SendStatus]:
        said = journal.replay()
        with self._db.transaction() as session:
            held = _held(session, _OF_THE_DEAD, worker=f"{self._host}:{journal.writer}")
            tally = self._settle(session, held, said, _ENDED_IN_FLIGHT)
        # Only after the commit: a kill in between replays the journal once more, and nothing changes.
        journal.remove()
        return tally

    def of_the_hung(self) -> Counter[SendStatus]:
        """Workers of this host that live and have not stirred since long after their lease ended.

        Their journal is revoked first. Should such a worker go on after all, it cannot hand over anything that
        the journal does not know by then, and what it still hears of mails in flight counts.
        """
        tally: Counter[SendStatus] = Counter()
        with self._db.transaction() as session:
            found = session.scalars(_HUNG_WORKERS, {"patience": HANGS_AFTER, "here": f"{self._host}:"}).all()
        for worker in found:
            with self._db.transaction() as session:
                # Locked before its journal is read, lest it commits and tidies up meanwhile.
                held = _held(session, _OF_THE_HUNG, worker=worker)
                said = revoke(self._journals, worker.removeprefix(f"{self._host}:"))
                if said is not None:
                    log.warning("worker_hangs", worker=worker, sends=len(held))
                    tally += self._settle(session, held, said, _HUNG_IN_FLIGHT)
        return tally

    def of_expired_leases(self) -> Counter[SendStatus]:
        """Leases that ran out, whoever held them; nothing where another sweep is at it."""
        with self._db.transaction() as session:
            if not session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": SWEEP_LOCK}):
                return Counter()
            books = _Books(session, self._clock.now())
            workers = list(session.scalars(_EXPIRED_WORKERS))
            for sends in _by_campaign(_held(session, _EXPIRED, workers=workers, most=_MOST_AT_ONCE)):
                books.release([send for send in sends if not send.begun])
                silent = [send for send in sends if send.begun and not self._lives_here(send.claimed_by)]
                books.move(silent, [Move(send.id, SendStatus.UNCERTAIN, _FELL_SILENT) for send in silent])
            session.execute(_FORGET_LEASES)
            return books.close()

    def _lives_here(self, claimed_by: str) -> bool:
        """A slow worker of this host keeps what it is sending: its own time limits end it, or `of_the_hung`."""
        host, _, writer = claimed_by.rpartition(":")
        if host != self._host or not (self._journals / f"{writer}.lock").exists():
            return False
        with claimed(self._journals, writer) as journal:
            return journal is None

    def _settle(
        self, session: UnitOfWork, held: Sequence[_Held], said: Replay, in_flight: str
    ) -> Counter[SendStatus]:
        """Sends of one worker: before their intent they are planned anew, after it the journal decides."""
        now = self._clock.now()
        books = _Books(session, now)
        for sends in _by_campaign(held):
            books.release([send for send in sends if not send.begun])
            begun = [send for send in sends if send.begun]
            outcomes = [outcome for send in begun if (outcome := _heard(send, said)) is not None]
            # `attempts` counts the one that the journal tells of.
            tried = {send.id: (max(0, send.attempts - 1), send.unreached) for send in begun}
            moves = moves_after(outcomes, tried, now, self._random)
            moves += [
                Move(send.id, SendStatus.UNCERTAIN, in_flight) for send in begun if _unknown(send, said)
            ]
            books.move(begun, moves)
            books.undo([send for send in begun if _never_handed_over(send, said)])
            self._take_bounces(session, begun, outcomes, moves)
        return books.close()

    def _take_bounces(
        self, session: UnitOfWork, begun: Sequence[_Held], outcomes: Sequence[Outcome], moves: Sequence[Move]
    ) -> None:
        """What was refused, as if it had been heard live; all of one campaign."""
        found = bounces_among(outcomes, moves, {one.id: Addressed(one.customer_id, "") for one in begun})
        if not found:
            return
        ids = [bounce.who.customer_id for bounce in found]
        people = load_addressees(session, self._bounce_policy.keyring, ids).values()
        known = {person.customer_id: Addressed(person.customer_id, person.email) for person in people}
        found = [replace(one, who=known.get(one.who.customer_id, one.who)) for one in found]
        take_relay_bounces(session, self._bounce_policy, begun[0].campaign_id, found, self._clock.now())


class _Books:
    """Moves sends in one transaction; `close` moves the counters, and opens campaigns again that had ended."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now
        self._deltas: dict[int, Counter[SendStatus]] = {}
        self._tally: Counter[SendStatus] = Counter()

    def release(self, sends: Sequence[_Held]) -> None:
        """Plan anew what was not begun; all of one campaign."""
        if sends:
            release(self._session, sends[0].campaign_id, [send.id for send in sends])
            for send in sends:
                self._note(send.campaign_id, send.status, SendStatus.PLANNED)

    def move(self, sends: Sequence[_Held], moves: Sequence[Move]) -> None:
        """Make these moves of sends that are begun; all of one campaign."""
        wanted = {one.send_id: one for one in moves}
        for worker, status, part in _alike(sends):
            campaign_id = part[0].campaign_id
            mine = [wanted[send.id] for send in part if send.id in wanted]
            moved = move(self._session, campaign_id, worker, (status,), mine)
            for one in mine:
                if one.send_id in moved:
                    self._note(campaign_id, status, one.status)

    def undo(self, sends: Sequence[_Held]) -> None:
        """Plan anew what was begun and never handed over, as if it had not been begun; all of one campaign."""
        for worker, _, part in _alike(sends):
            campaign_id = part[0].campaign_id
            undone = undo(self._session, campaign_id, worker, [send.id for send in part])
            for before, n in undone.items():
                self._note(campaign_id, before, SendStatus.PLANNED, n)

    def close(self) -> Counter[SendStatus]:
        """Returns how many sends went where."""
        for campaign_id, change in sorted(self._deltas.items()):
            # The campaign's row before its counters, as everywhere else: in another order two could wait for ever.
            if change[SendStatus.UNCERTAIN] < 0 and change[SendStatus.PLANNED] > 0:
                reopen_for_planned(self._session, campaign_id, self._now, "scheduler")
            add_counts(self._session, campaign_id, change)
        return self._tally

    def _note(self, campaign_id: int, before: SendStatus, after: SendStatus, n: int = 1) -> None:
        if before is not after:
            change = self._deltas.setdefault(campaign_id, Counter())
            change[before] -= n
            change[after] += n
            self._tally[after] += n


def _held(session: Session, query: object, **asked: object) -> list[_Held]:
    found = session.execute(query, asked)  # type: ignore[call-overload]
    return [_Held(**{**row._mapping, "status": SendStatus(row.status)}) for row in found]


def _by_campaign(sends: Iterable[_Held]) -> Iterator[list[_Held]]:
    for _, part in groupby(sorted(sends, key=lambda s: (s.campaign_id, s.id)), lambda s: s.campaign_id):
        yield list(part)


def _alike(sends: Iterable[_Held]) -> Iterator[tuple[str, SendStatus, list[_Held]]]:
    """The sends by worker and status, as `send_moves.move` wants them."""
    for (worker, status), part in groupby(
        sorted(sends, key=lambda s: (s.claimed_by, s.status, s.id)), lambda s: (s.claimed_by, s.status)
    ):
        yield worker, status, list(part)


def _heard(send: _Held, said: Replay) -> Outcome | None:
    state = said.get(send.id)
    return None if state is None else state.outcome


def _unknown(send: _Held, said: Replay) -> bool:
    """Whether nobody can know, except the relay, whether this mail went out."""
    state = said.get(send.id)
    if state is None:
        return not said.complete and not _settled_before(send)
    return state.in_flight


def _never_handed_over(send: _Held, said: Replay) -> bool:
    return send.id not in said and said.complete and not _settled_before(send)


def _settled_before(send: _Held) -> bool:
    # Its records are gone: the answer that never came is in the database, and stays.
    return send.status is SendStatus.UNCERTAIN and send.reason != _FELL_SILENT

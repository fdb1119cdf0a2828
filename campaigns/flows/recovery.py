"""What the scheduler does every few seconds: find all that was lost on the way, and go on with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database, rows
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.delivery.journal import JournalState, Replay
from campaigns.delivery.journal_claim import DeadJournal, claimable, claimed
from campaigns.delivery.transport import Kind
from campaigns.flows.campaigns import Campaigns
from campaigns.flows.counters import add_counts
from campaigns.flows.reconciling import Reconciling
from campaigns.flows.reopening import reopen_for_planned
from campaigns.flows.sending import Sending
from campaigns.models import CampaignStatus, SendStatus

log = get_logger(__name__)

_SWEEP_LOCK = 7_221_408
_MOST_AT_ONCE = 5000
_EXPIRED_WORKERS = text("select worker from worker_leases where lease_until < clock_timestamp()")
# A claim renews the lease in its own transaction, so a row that is still expired here covers nothing.
_FORGET_LEASES = text(
    "delete from worker_leases l where lease_until < clock_timestamp() and not exists (select 1 from sends s "
    "where s.claimed_by = l.worker and s.status in ('claimed','picked','written','sending'))"
)
_HINTS_A_SWEEP = 4
# `due` needs no count: whether there is anything decides, and the counters say how much at most. In the order
# of an index, so that no plan can be tempted to look for the first one from the beginning of the table.
_OPEN_WORK = """
    select c.id, c.status,
           case when (select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
                      and s.not_before is null order by s.campaign_id, s.id limit 1) is not null
                  or (select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
                      and s.not_before <= %(now)s order by s.campaign_id, s.not_before, s.id limit 1) is not null
                then coalesce(n.planned, 0) else 0 end + coalesce(n.written, 0),
           coalesce(n.picked, 0), coalesce(n.open, 0)
    from campaigns c left join lateral (
        select sum(n) filter (where status = 'planned')::bigint as planned,
               sum(n) filter (where status = 'picked')::bigint as picked,
               sum(n) filter (where status = 'written')::bigint as written,
               sum(n) filter (where status not in ('sent', 'failed', 'held_back', 'uncertain'))::bigint as open
        from campaign_counts where campaign_id = c.id) n on true
    where c.status in ('planning', 'sending')
"""
_ENDED_IN_FLIGHT = "the worker ended while this mail was being handed over"
# Said by whoever does not have the worker's journal; the worker, or a sweeper of its host, may know better.
_FELL_SILENT = "the worker fell silent while this mail was being handed over"


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep found: campaigns started, and sends by what became of them."""

    started: int
    sends: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Open:
    """A running campaign: sends that may be due, sends that wait for words, sends that have not ended."""

    campaign_id: int
    status: str
    due: int
    picked: int
    open: int


@dataclass(frozen=True, slots=True)
class _Held:
    id: int
    campaign_id: int
    status: SendStatus
    claimed_by: str
    reason: str = ""


class Recovery:
    """Finds dead workers, expired leases, campaigns that are due, and work that nobody was told of.

    `host` names this data folder; workers claim as `host:writer`, where `writer` is their journal.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        campaigns: Campaigns,
        sending: Sending,
        journals: Path,
        host: str,
        batch_size: int,
        meters: Meters,
        reconciling: Reconciling,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._campaigns = campaigns
        self._sending = sending
        self._journals = journals
        self._host = host
        self._batch_size = batch_size
        self._meters = meters
        self._reconciling = reconciling

    def sweep(self) -> SweepResult:
        """One round; harmless when several schedulers do it at once."""
        started = self._campaigns.start_due()
        tally = self._settle_dead_workers() + self._release_expired()
        if tally[SendStatus.UNCERTAIN]:
            # A provider may have told of the mail before anybody knew that it was uncertain.
            self._reconciling.settle_by_events()
        self._tell(tally)
        self._hint_at_open_work()
        return SweepResult(len(started), {status.value: n for status, n in tally.items()})

    def settle_here(self) -> None:
        """Only what dead workers of this host left: a sweep may be anybody's, their journals lie here."""
        self._tell(self._settle_dead_workers())

    def _tell(self, tally: Counter[SendStatus]) -> None:
        if not tally:
            return
        log.warning("sends_recovered", **{status.value: n for status, n in tally.items()})
        for status, n in tally.items():
            self._meters.add("recoveries", n, status=status.value)
        self._meters.flush()

    def _settle_dead_workers(self) -> Counter[SendStatus]:
        """Workers of this host that ended without settling: their journals say what they did."""
        tally: Counter[SendStatus] = Counter()
        for journal in claimable(self._journals):
            try:
                tally += self._settle(journal)
            except ServiceUnavailable:
                raise
            except Exception:
                # One that cannot be settled must not keep all others from it, nor this host from sending.
                log.exception("journal_not_settled", writer=journal.writer)
        return tally

    def _settle(self, journal: DeadJournal) -> Counter[SendStatus]:
        said = journal.replay()
        with self._db.transaction() as session:
            held = _held_by(session, f"{self._host}:{journal.writer}")
            tally = self._move(session, {send: _by_journal(send, said) for send in held})
        # Only after the commit: a kill in between replays the journal once more, and nothing changes.
        journal.remove()
        return tally

    def _release_expired(self) -> Counter[SendStatus]:
        """Leases that ran out, whoever held them."""
        with self._db.transaction() as session:
            if not session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": _SWEEP_LOCK}):
                return Counter()
            targets = {}
            for send in self._expired(session):
                if send.status is not SendStatus.SENDING:
                    targets[send] = (SendStatus.PLANNED, "")
                elif not self._lives_here(send.claimed_by):
                    targets[send] = (SendStatus.UNCERTAIN, _FELL_SILENT)
            tally = self._move(session, targets)
            session.execute(_FORGET_LEASES)
            return tally

    def _lives_here(self, claimed_by: str) -> bool:
        """A slow worker of this host keeps what it is sending: its own time limits end it."""
        host, _, writer = claimed_by.rpartition(":")
        if host != self._host or not (self._journals / f"{writer}.lock").exists():
            return False
        with claimed(self._journals, writer) as journal:
            return journal is None

    def _expired(self, session: Session) -> list[_Held]:
        found = session.execute(
            text(
                "select id, campaign_id, status, claimed_by from sends "
                "where status in ('claimed','picked','written','sending') and claimed_by = any(:workers) "
                "order by id limit :most for update skip locked"
            ),
            {"workers": list(session.scalars(_EXPIRED_WORKERS)), "most": _MOST_AT_ONCE},
        )
        return [_Held(row.id, row.campaign_id, SendStatus(row.status), row.claimed_by) for row in found]

    def _move(self, session: Session, targets: dict[_Held, tuple[SendStatus, str]]) -> Counter[SendStatus]:
        deltas: dict[int, Counter[SendStatus]] = {}
        tally: Counter[SendStatus] = Counter()
        for send, (status, reason) in targets.items():
            if (status, reason) == (send.status, send.reason):
                continue
            _set(session, send, status, reason, self._clock)
            if status is send.status:
                continue
            tally[status] += 1
            change = deltas.setdefault(send.campaign_id, Counter())
            change[send.status] -= 1
            change[status] += 1
        for campaign_id, change in sorted(deltas.items()):
            add_counts(session, campaign_id, change)
            if change[SendStatus.UNCERTAIN] < 0 and change[SendStatus.PLANNED] > 0:
                reopen_for_planned(session, campaign_id, self._clock.now(), "scheduler")
        return tally

    def _hint_at_open_work(self) -> None:
        with self._db.transaction() as session:
            found = [_Open(*row) for row in rows(session, _OPEN_WORK, {"now": self._clock.now()})]
        for one in found:
            if one.status == CampaignStatus.PLANNING:
                self._jobs.plan(one.campaign_id)
            elif not one.open:
                self._sending.finish_if_done(one.campaign_id)
        # A worker that is at it goes on by itself: this is for those that were away, or have died.
        due = sum(-(-one.due // self._batch_size) for one in found)
        if due:
            self._jobs.send(min(_HINTS_A_SWEEP, due))
        if any(one.picked for one in found):
            self._jobs.write_words()


def _held_by(session: Session, worker: str) -> list[_Held]:
    rows = session.execute(
        text(
            "select id, campaign_id, status, claimed_by, reason from sends where claimed_by = :worker "
            "and status in ('claimed','picked','written','sending','uncertain') for update"
        ),
        {"worker": worker},
    )
    return [
        _Held(row.id, row.campaign_id, SendStatus(row.status), row.claimed_by, row.reason) for row in rows
    ]


def _by_journal(send: _Held, said: Replay) -> tuple[SendStatus, str]:
    """Where a dead worker's send goes: before its intent it is planned anew; after it the journal decides."""
    state = said.get(send.id)
    if send.status not in (SendStatus.SENDING, SendStatus.UNCERTAIN):
        return SendStatus.PLANNED, ""
    if state is None and send.status is SendStatus.UNCERTAIN and send.reason != _FELL_SILENT:
        # Its records were settled: the answer that never came is in the database, and stays.
        return SendStatus.UNCERTAIN, send.reason
    if state is None:
        return (SendStatus.PLANNED, "") if said.complete else (SendStatus.UNCERTAIN, _ENDED_IN_FLIGHT)
    return _by_outcome(state)


def _by_outcome(state: JournalState) -> tuple[SendStatus, str]:
    if state.outcome is None or state.outcome.kind is Kind.UNCERTAIN:
        return SendStatus.UNCERTAIN, _ENDED_IN_FLIGHT
    if state.outcome.kind is Kind.SENT:
        return SendStatus.SENT, ""
    if state.outcome.kind is Kind.REJECTED:
        return SendStatus.FAILED, f"rejected: {state.outcome.reply}"
    return SendStatus.PLANNED, state.outcome.kind.value


def _set(session: Session, send: _Held, status: SendStatus, reason: str, clock: Clock) -> None:
    session.execute(
        text(
            "update sends set status = :status, reason = :reason, "
            "claimed_by = case when :status = 'planned' then '' else claimed_by end, "
            "sent_at = case when :status = 'sent' then :now else sent_at end "
            "where campaign_id = :campaign_id and id = :id"
        ),
        {
            "status": status.value,
            "reason": reason,
            "now": clock.now(),
            "campaign_id": send.campaign_id,
            "id": send.id,
        },
    )

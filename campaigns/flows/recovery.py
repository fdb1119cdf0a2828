"""What the scheduler does every few seconds: find all that was lost on the way, and go on with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.delivery.journal import JournalState, Replay
from campaigns.delivery.journal_claim import claimable, claimed
from campaigns.delivery.transport import Kind
from campaigns.flows.campaigns import Campaigns
from campaigns.flows.send_moves import add_counts
from campaigns.flows.sending import Sending
from campaigns.models import Campaign, CampaignCount, CampaignStatus, SendStatus

log = get_logger(__name__)

_SWEEP_LOCK = 7_221_408
_MOST_AT_ONCE = 5000
_ENDED_IN_FLIGHT = "the worker ended while this mail was being handed over"


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep found: campaigns started, and sends by what became of them."""

    started: int
    sends: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Held:
    id: int
    campaign_id: int
    status: SendStatus
    claimed_by: str


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
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._campaigns = campaigns
        self._sending = sending
        self._journals = journals
        self._host = host
        self._batch_size = batch_size

    def sweep(self) -> SweepResult:
        """One round; harmless when several schedulers do it at once."""
        started = self._campaigns.start_due()
        tally = self._settle_dead_workers() + self._release_expired()
        if tally:
            log.warning("sends_recovered", **{status.value: n for status, n in tally.items()})
        self._hint_at_open_work()
        return SweepResult(len(started), {status.value: n for status, n in tally.items()})

    def _settle_dead_workers(self) -> Counter[SendStatus]:
        """Workers of this host that ended without settling: their journals say what they did."""
        tally: Counter[SendStatus] = Counter()
        for journal in claimable(self._journals):
            said = journal.replay()
            with self._db.transaction() as session:
                held = _held_by(session, f"{self._host}:{journal.writer}")
                targets = {send: _by_journal(send, said) for send in held}
                tally += self._move(session, targets)
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
                    targets[send] = (SendStatus.UNCERTAIN, _ENDED_IN_FLIGHT)
            return self._move(session, targets)

    def _lives_here(self, claimed_by: str) -> bool:
        """A slow worker of this host keeps what it is sending: its own time limits end it."""
        host, _, writer = claimed_by.rpartition(":")
        if host != self._host or not (self._journals / f"{writer}.lock").exists():
            return False
        with claimed(self._journals, writer) as journal:
            return journal is None

    def _expired(self, session: Session) -> list[_Held]:
        rows = session.execute(
            text(
                "select id, campaign_id, status, claimed_by from sends "
                "where status in ('claimed','picked','written','sending') and lease_until < :now "
                "order by id limit :most for update skip locked"
            ),
            {"now": self._clock.now(), "most": _MOST_AT_ONCE},
        )
        return [_Held(row.id, row.campaign_id, SendStatus(row.status), row.claimed_by) for row in rows]

    def _move(self, session: Session, targets: dict[_Held, tuple[SendStatus, str]]) -> Counter[SendStatus]:
        deltas: dict[int, Counter[SendStatus]] = {}
        tally: Counter[SendStatus] = Counter()
        for send, (status, reason) in targets.items():
            if status is send.status:
                continue
            _set(session, send.id, status, reason, self._clock)
            tally[status] += 1
            change = deltas.setdefault(send.campaign_id, Counter())
            change[send.status] -= 1
            change[status] += 1
        for campaign_id, change in sorted(deltas.items()):
            add_counts(session, campaign_id, change)
        return tally

    def _hint_at_open_work(self) -> None:
        now = self._clock.now()
        with self._db.transaction() as session:
            rows = session.execute(
                select(Campaign.id, Campaign.status, CampaignCount.n)
                .outerjoin(
                    CampaignCount,
                    (CampaignCount.campaign_id == Campaign.id)
                    & (CampaignCount.status == SendStatus.PLANNED.value),
                )
                .where(Campaign.status.in_([CampaignStatus.PLANNING.value, CampaignStatus.SENDING.value]))
            ).all()
            due = {row.id for row in rows if row.n and _anything_due(session, row.id, now)}
        for campaign_id, status, planned in rows:
            if status == CampaignStatus.PLANNING:
                self._jobs.plan(campaign_id)
            elif campaign_id in due:
                self._jobs.send_batches(campaign_id, min(2, -(-planned // self._batch_size)))
            else:
                self._sending.finish_if_done(campaign_id)


def _held_by(session: Session, worker: str) -> list[_Held]:
    rows = session.execute(
        text(
            "select id, campaign_id, status, claimed_by from sends where claimed_by = :worker "
            "and status in ('claimed','picked','written','sending','uncertain') for update"
        ),
        {"worker": worker},
    )
    return [_Held(row.id, row.campaign_id, SendStatus(row.status), row.claimed_by) for row in rows]


def _by_journal(send: _Held, said: Replay) -> tuple[SendStatus, str]:
    """Where a dead worker's send goes: before its intent it is planned anew; after it the journal decides."""
    state = said.get(send.id)
    if send.status not in (SendStatus.SENDING, SendStatus.UNCERTAIN):
        return SendStatus.PLANNED, ""
    if state is None and send.status is SendStatus.UNCERTAIN:
        # Its records were settled: the answer that never came is in the database, and stays.
        return SendStatus.UNCERTAIN, ""
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


def _set(session: Session, send_id: int, status: SendStatus, reason: str, clock: Clock) -> None:
    session.execute(
        text(
            "update sends set status = :status, reason = :reason, lease_until = null, "
            "sent_at = case when :status = 'sent' then :now else sent_at end where id = :id"
        ),
        {"status": status.value, "reason": reason, "now": clock.now(), "id": send_id},
    )


def _anything_due(session: Session, campaign_id: int, now: object) -> bool:
    return bool(
        session.scalar(
            text(
                "select exists(select 1 from sends where campaign_id = :campaign_id and status = 'planned' "
                "and (not_before is null or not_before <= :now))"
            ),
            {"campaign_id": campaign_id, "now": now},
        )
    )

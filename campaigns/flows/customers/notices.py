"""Notices: single mails about the customer's own business, sent promptly and without any tracker.

A notice is written down in the transaction that makes it necessary and sent by a worker. It is claimed for some
minutes; a worker that is killed between claiming and the relay's answer leaves it to be sent again when the
claim ends. So a kill at the worst moment sends the same notice twice, with the same Message-ID, and never
loses it: somebody is waiting for this mail, and a second copy does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from random import Random
from time import monotonic
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.notice_message import build_notice, notice_message_id
from campaigns.compose.notices import render_notice
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadInput, TailormailError, TryLater
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.delivery.gate import Ask, Gate
from campaigns.delivery.retry import RetryPlan, next_attempt
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, Transport
from campaigns.flows.sending.hand_over_rounds import rounds
from campaigns.models import Notice

log = get_logger(__name__)

ADDRESS_CONTEXT = "notices.email"
TASK_SECONDS = 5.0
# A relay may take 90 seconds for its last answer; nothing is handed over in the second half of a claim.
_CLAIMED = timedelta(minutes=6)
_AT_ONCE = 10
_KEPT = timedelta(days=30)
_RETRY = RetryPlan(
    attempts=200,  # not_after ends it
    least=timedelta(seconds=20),
    first=timedelta(seconds=40),
    longest=timedelta(hours=1),
)


def queue_notice(
    session: UnitOfWork,
    keyring: KeyRing,
    *,
    kind: str,
    email: str,
    language: str,
    sender: str,
    values: Mapping[str, str],
    now: datetime,
    lives: timedelta,
    customer_id: int | None = None,
    jobs: Jobs | None = None,
    withheld: str = "",
) -> int:
    """Write down a notice that is to be sent; returns its number.

    Args:
        kind: which notice, see `compose.notices`; `values` are what it needs, and hold nothing personal.
        sender: `Name <address>`, as in a campaign file.
        lives: after so long it is not worth sending any more.
        customer_id: whose it is, so that an erasure finds it.
        jobs: is hinted at after the commit; without it the scheduler finds the notice within seconds.
        withheld: why it must not go out after all. It is written down then, by the same statements and in the
            same time as any other, without address and values, and never sent.

    Raises:
        BadInput: no such kind, or a value or the sender does not fit.
    """
    name, address = parseaddr(sender)
    if "@" not in address:
        raise BadInput("must be a name and an address, such as Shop <hello@shop.example>", where="sender")
    render_notice(kind, language, name, values)  # what cannot be rendered is told to who asks, not to a log
    notice = Notice(
        kind=kind,
        email_cipher=None if withheld else keyring.encrypt(email, ADDRESS_CONTEXT),
        email_hmac=None if withheld else keyring.address_hmac(email),
        customer_id=customer_id,
        language=language,
        sender=sender,
        values={} if withheld else dict(values),
        outcome=withheld,
        created_at=now,
        not_after=now + lives,
        next_try_at=now,
    )
    session.add(notice)
    session.flush()
    if jobs is not None:
        session.after_commit(jobs.send_notices)
    return notice.id


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What one round did, in notices."""

    sent: int = 0
    later: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    kind: str
    email_cipher: bytes
    language: str
    sender: str
    values: Mapping[str, Any]
    attempts: int
    not_after: datetime


class Notices:
    """Sends what is waiting. One object belongs to one thread of one process, because its transport does.

    Args:
        make_transport: makes the transport, when there is something to send; it is closed after each round.
        stopping: whether this process is asked to end; what was not handed over then is given back.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        dkim: DkimSigner | None,
        gate: Gate,
        make_transport: Callable[[], Transport],
        meters: Meters,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._dkim = dkim
        self._gate = gate
        self._make_transport = make_transport
        self._meters = meters
        self._stopping = stopping
        self._random = Random()

    def work(self, seconds: float = TASK_SECONDS) -> NoticeResult:
        """Send what is due until nothing is, or the time is over; a notice that cannot be sent stops no other."""
        total = NoticeResult()
        for done in rounds(seconds, self._stopping, self._claim, self._make_transport, self._send):
            total = NoticeResult(
                total.sent + done.sent, total.later + done.later, total.given_up + done.given_up
            )
        return total

    def forget_old(self) -> int:
        """Delete notices that ended a month ago; returns how many."""
        with self._db.transaction() as session:
            old = delete(Notice).where(Notice.outcome != "", Notice.not_after < self._clock.now() - _KEPT)
            return int(session.execute(old).rowcount)  # type: ignore[attr-defined]

    def _claim(self) -> list[_Claimed]:
        now = self._clock.now()
        with self._db.transaction() as session:
            free = or_(Notice.claimed_until.is_(None), Notice.claimed_until < now)
            due = session.scalars(
                select(Notice)
                .where(Notice.outcome == "", Notice.next_try_at <= now, free)
                .order_by(Notice.next_try_at, Notice.id)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            ).all()
            for notice in due:
                notice.claimed_until = now + _CLAIMED
                notice.attempts = min(notice.attempts + 1, 10_000)
            return [
                _Claimed(
                    n.id,
                    n.kind,
                    n.email_cipher or b"",
                    n.language,
                    n.sender,
                    n.values,
                    n.attempts,
                    n.not_after,
                )
                for n in due
            ]

    def _send(self, transport: Transport, claimed: Sequence[_Claimed]) -> NoticeResult:
        ends: dict[int, str] = {}
        waits: dict[int, timedelta] = {}
        tried = {notice.id: notice for notice in claimed}
        for outcome in transport.send_group(self._mails(claimed, ends, waits)):
            self._judge(tried[outcome.send_id], outcome, ends, waits)
        now = self._clock.now()
        with self._db.transaction() as session:
            for notice in claimed:
                if notice.id in ends:
                    _end(session, notice.id, ends[notice.id], now)
                else:
                    # Not handed over at all: given back as if it had not been claimed.
                    wait, unused = waits.get(notice.id, timedelta()), notice.id not in waits
                    _put_back(session, notice, now + wait, unused)
        sent = sum(outcome == "sent" for outcome in ends.values())
        self._meters.flush_every(1.0)
        return NoticeResult(sent, len(claimed) - len(ends), len(ends) - sent)

    def _mails(
        self, claimed: Sequence[_Claimed], ends: dict[int, str], waits: dict[int, timedelta]
    ) -> Iterator[OutgoingMail]:
        """The mails to be handed over; what cannot be one is an end, what may not go yet a wait."""
        until = monotonic() + _CLAIMED.total_seconds() / 2
        for notice in claimed:
            if self._stopping() or monotonic() > until:
                return
            if notice.not_after <= self._clock.now():
                ends[notice.id] = "expired"
                continue
            try:
                mail = self._mail(notice)
            except TryLater as error:
                log.info("notice_waits", notice_id=notice.id, why=error.message)
                waits[notice.id] = _RETRY.least
                continue
            except Exception as error:
                # Of an error that nobody foresaw only the kind is told: its words may hold the address.
                why = error.message if isinstance(error, TailormailError) else type(error).__name__
                log.warning("notice_not_composed", notice_id=notice.id, kind=notice.kind, why=why)
                ends[notice.id] = "cannot be composed"
                continue
            if isinstance(mail, timedelta):
                waits[notice.id] = mail
            else:
                yield mail

    def _mail(self, notice: _Claimed) -> OutgoingMail | timedelta:
        """The mail, or how long the limits of sending let it wait."""
        recipient = self._keyring.decrypt(notice.email_cipher, ADDRESS_CONTEXT)
        sender = parseaddr(notice.sender)
        rendered = render_notice(notice.kind, notice.language, sender[0], notice.values)
        identity = notice_message_id(self._signer, notice.id, sender[1])
        message = build_notice(rendered, sender, recipient, identity, self._clock, self._dkim)
        sender_domain, domain = (address.rpartition("@")[2] for address in (sender[1], recipient))
        passed = self._gate.admit([Ask(notice.id, 0, None, sender_domain, domain)])[0]
        if passed.wait:
            return timedelta(seconds=passed.wait)
        return OutgoingMail(
            notice.id, sender[1], recipient, message, identity, clean=True, relay=passed.relay
        )

    def _judge(
        self, notice: _Claimed, outcome: Outcome, ends: dict[int, str], waits: dict[int, timedelta]
    ) -> None:
        self._meters.add("notices", kind=notice.kind, outcome=outcome.kind.value)
        if outcome.kind is Kind.SENT:
            ends[notice.id] = "sent"
        elif outcome.kind is Kind.REJECTED:
            ends[notice.id] = f"rejected {outcome.code or ''} {outcome.enhanced or ''}".strip()
        else:
            wait = next_attempt(notice.attempts, self._random, _RETRY)
            if wait is None:
                ends[notice.id] = f"gave up after {notice.attempts} attempts"
            else:
                waits[notice.id] = wait


def _end(session: Session, notice_id: int, outcome: str, now: datetime) -> None:
    """The address is not needed any more; nor are the values, in which a link grants a right."""
    session.execute(
        update(Notice)
        .where(Notice.id == notice_id)
        .values(
            outcome=outcome,
            sent_at=now if outcome == "sent" else None,
            email_cipher=None,
            email_hmac=None,
            values={},
            claimed_until=None,
        )
    )


def _put_back(session: Session, notice: _Claimed, at: datetime, unused: bool) -> None:
    session.execute(
        update(Notice)
        .where(Notice.id == notice.id, Notice.outcome == "")
        .values(
            next_try_at=min(at, notice.not_after),
            claimed_until=None,
            attempts=notice.attempts - unused,
        )
    )

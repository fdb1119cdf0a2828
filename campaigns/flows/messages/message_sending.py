"""Handing messages over: before everything else, and never the same one twice.

Each message goes through three steps, each of them a commit. It is claimed for some minutes; its intent is written
down right before the first byte of it could leave; its outcome is written down after the relay's answer. A worker
that dies before the intent gives the message back by letting its claim end; one that dies after it leaves what
nobody can know, and the message is *uncertain*: it is said so, and never sent again. The intent is in PostgreSQL and
not in a journal of this host, which costs a millisecond for each mail and lets any host settle it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from random import Random
from time import monotonic

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from campaigns.audience.suppression import LIFTED_BY_CONSENT, suppress, suppressed_by
from campaigns.compose.dkim import DkimSigner
from campaigns.compose.message_template import MessageContent, transactional_message_id
from campaigns.compose.notice_message import build_notice
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable, TailormailError, TryLater
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.delivery.gate import Ask, Gate
from campaigns.delivery.retry import RetryPlan, next_attempt
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, Transport
from campaigns.flows.messages.messages import ADDRESS_CONTEXT, CONTENT_CONTEXT
from campaigns.flows.sending.hand_over_rounds import rounds
from campaigns.models import Message, MessageStatus, WebhookFact

log = get_logger(__name__)

TASK_SECONDS = 5.0
# A relay may take 90 seconds for its last answer; nothing is begun in the second half of a claim.
_CLAIMED = timedelta(minutes=6)
_AT_ONCE = 10
_RETRY = RetryPlan(
    attempts=200,  # not_after ends it
    least=timedelta(seconds=10),
    first=timedelta(seconds=20),
    longest=timedelta(minutes=30),
)
_LOST = "the worker that was handing it over ended"
_S = MessageStatus
_OPEN = (_S.QUEUED.value, _S.SENDING.value)


@dataclass(frozen=True, slots=True)
class MessageResult:
    """What one round did, in messages."""

    sent: int = 0
    later: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    email_cipher: bytes
    content_cipher: bytes
    sender: str
    reply_to: str
    attempts: int
    not_after: datetime


class MessageSending:
    """Sends what is waiting. One object belongs to one thread of one process, because its transport does."""

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
        self._me = secrets.token_hex(8)

    def work(self, seconds: float = TASK_SECONDS) -> MessageResult:
        """Send what is due until nothing is, or the time is over; a message that cannot be sent stops no other."""
        self.settle()
        total = MessageResult()
        for done in rounds(seconds, self._stopping, self._claim, self._make_transport, self._send):
            total = MessageResult(total.sent + done.sent, total.later + done.later, total.ended + done.ended)
        return total

    def settle(self) -> int:
        """Call uncertain what a worker was handing over when it ended; returns how many."""
        lost = (
            update(Message)
            .where(Message.status == _S.SENDING.value, Message.claimed_until < func.clock_timestamp())
            .values(status=_S.UNCERTAIN.value, reason=_LOST, ended_at=self._clock.now())
            .returning(Message.id)
        )
        with self._db.transaction() as session:
            numbers = list(session.scalars(lost))
            for number in numbers:
                _tell(session, number, _S.UNCERTAIN, self._clock.now())
        if numbers:
            log.warning("messages_uncertain", messages=len(numbers))
        return len(numbers)

    def forget_old(self, days: int) -> int:
        """Delete messages that were asked for longer ago than this; returns how many."""
        old = Message.created_at < self._clock.now() - timedelta(days=days)
        with self._db.transaction() as session:
            gone = session.execute(delete(Message).where(old, Message.status.not_in(_OPEN)))
            return int(gone.rowcount)  # type: ignore[attr-defined]

    def _claim(self) -> list[_Claimed]:
        now = self._clock.now()
        with self._db.transaction() as session:
            free = or_(Message.claimed_until.is_(None), Message.claimed_until < func.clock_timestamp())
            due = session.scalars(
                select(Message)
                .where(Message.status == _S.QUEUED.value, Message.next_try_at <= now, free)
                .order_by(Message.next_try_at, Message.id)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            ).all()
            if not due:
                return []
            until = session.execute(select(func.clock_timestamp())).scalar_one() + _CLAIMED
            for message in due:
                message.claimed_by, message.claimed_until = self._me, until
                message.attempts = min(message.attempts + 1, 10_000)
            return [
                _Claimed(
                    one.id, one.email_cipher or b"", one.content_cipher or b"", one.sender, one.reply_to,
                    one.attempts, one.not_after,
                )
                for one in due
            ]  # fmt: skip

    def _send(self, transport: Transport, claimed: Sequence[_Claimed]) -> MessageResult:
        tried = {message.id: message for message in claimed}
        ended = sent = 0
        for outcome in transport.send_group(self._mails(claimed), self._intend):
            self._meters.add("messages", outcome=outcome.kind.value)
            status = self._judge(tried.pop(outcome.send_id), outcome)
            sent += status is _S.SENT
            ended += status is not None and status is not _S.SENT
        # What was not handed over at all was ended, or given back, or is given back now as if never claimed.
        with self._db.transaction() as session:
            left = update(Message).where(Message.id.in_(tried), Message.claimed_by == self._me)
            unused = left.where(Message.status == _S.QUEUED.value).values(
                claimed_until=None, claimed_by="", attempts=Message.attempts - 1
            )
            later = session.execute(unused).rowcount  # type: ignore[attr-defined]
        self._meters.flush_every(1.0)
        return MessageResult(sent, int(later), ended)

    def _mails(self, claimed: Sequence[_Claimed]) -> Iterator[OutgoingMail]:
        """The mails to be handed over; what cannot be one is ended, what may not go yet waits."""
        until = monotonic() + _CLAIMED.total_seconds() / 2
        for message in claimed:
            if self._stopping() or monotonic() > until:
                return
            if message.not_after <= self._clock.now():
                self._end(message.id, _S.FAILED, "its time was over before it could be sent")
                continue
            try:
                mail = self._mail(message)
            except TryLater as error:
                log.info("message_waits", message_id=message.id, why=error.message)
                self._wait(message, _RETRY.least)
                continue
            except Exception as error:
                # Of an error that nobody foresaw only the kind is told: its words may hold the address.
                why = error.message if isinstance(error, TailormailError) else type(error).__name__
                log.warning("message_not_composed", message_id=message.id, why=why)
                self._end(message.id, _S.FAILED, "it could not be composed")
                continue
            if isinstance(mail, timedelta):
                self._wait(message, mail)
            elif mail is not None:
                yield mail

    def _mail(self, message: _Claimed) -> OutgoingMail | timedelta | None:
        """The mail; how long the limits of sending let it wait; or None where it may not go and was ended."""
        recipient = self._keyring.decrypt(message.email_cipher, ADDRESS_CONTEXT)
        if self._held_back(message.id, recipient):
            return None
        content = MessageContent(*json.loads(self._keyring.decrypt(message.content_cipher, CONTENT_CONTEXT)))
        sender = parseaddr(message.sender)
        identity = transactional_message_id(self._signer, message.id, sender[1])
        mail = build_notice(content, sender, recipient, identity, self._clock, self._dkim, message.reply_to)
        sender_domain, domain = (address.rpartition("@")[2] for address in (sender[1], recipient))
        passed = self._gate.admit([Ask(message.id, 0, None, sender_domain, domain)])[0]
        if passed.wait:
            return timedelta(seconds=passed.wait)
        return OutgoingMail(
            message.id, sender[1], recipient, mail, f"<{identity}>", clean=True, relay=passed.relay
        )

    def _held_back(self, number: int, recipient: str) -> bool:
        """An unsubscription is about marketing, and so is a grave; a dead address, a complaint and a no are not."""
        with self._db.transaction() as session:
            found = suppressed_by(session, self._keyring, recipient)
        against = [one.reason for one in found if one.domain or one.reason not in LIFTED_BY_CONSENT]
        if against:
            self._end(number, _S.HELD_BACK, f"suppressed: {against[0]}")
        return bool(against)

    def _intend(self, number: int) -> None:
        """Write the intent down. A claim that has ended is no longer ours, and its mail must not go out.

        Raises:
            ServiceUnavailable: it could not be written, or the claim is not ours any more.
        """
        mine = (
            update(Message)
            .where(
                Message.id == number,
                Message.status.in_(_OPEN),
                Message.claimed_by == self._me,
                Message.claimed_until > func.clock_timestamp(),
            )
            .values(status=_S.SENDING.value, intent_at=self._clock.now())
        )
        with self._db.transaction() as session:
            if not session.execute(mine).rowcount:  # type: ignore[attr-defined]
                raise ServiceUnavailable("messages", "this message is not ours to send any more")

    def _judge(self, message: _Claimed, outcome: Outcome) -> MessageStatus | None:
        """Write down what came of it; None where it will be tried again."""
        if outcome.kind is Kind.SENT:
            return self._end(message.id, _S.SENT, "", outcome)
        if outcome.kind is Kind.UNCERTAIN:
            return self._end(message.id, _S.UNCERTAIN, "the relay did not say whether it took it", outcome)
        if outcome.kind is Kind.REJECTED:
            if outcome.address_is_dead:
                self._suppress(message)
            codes = f"{outcome.code or ''} {outcome.enhanced or ''}".strip()
            return self._end(message.id, _S.FAILED, f"rejected: {codes}".strip(": "), outcome)
        wait = next_attempt(message.attempts, self._random, _RETRY)
        if wait is None or self._clock.now() + wait >= message.not_after:
            return self._end(message.id, _S.FAILED, f"not taken in {message.attempts} attempts", outcome)
        self._wait(message, wait, outcome.reply)
        return None

    def _suppress(self, message: _Claimed) -> None:
        recipient = self._keyring.decrypt(message.email_cipher, ADDRESS_CONTEXT)
        with self._db.transaction() as session:
            suppress(session, self._keyring, recipient, "bounced", "message", self._clock.now())

    def _end(
        self, number: int, status: MessageStatus, reason: str, outcome: Outcome | None = None
    ) -> MessageStatus:
        now = self._clock.now()
        # A late outcome may still mend what another worker called uncertain meanwhile.
        open_ = (*_OPEN, _S.UNCERTAIN.value)
        with self._db.transaction() as session:
            ended = (
                update(Message)
                .where(Message.id == number, Message.claimed_by == self._me, Message.status.in_(open_))
                .values(
                    status=status.value,
                    reason=reason,
                    reply=outcome.reply if outcome else "",
                    ended_at=now,
                    claimed_until=None,
                )
            )
            if session.execute(ended).rowcount:  # type: ignore[attr-defined]
                _tell(session, number, status, now)
        return status

    def _wait(self, message: _Claimed, wait: timedelta, reply: str = "") -> None:
        with self._db.transaction() as session:
            session.execute(
                update(Message)
                .where(
                    Message.id == message.id,
                    Message.claimed_by == self._me,
                    Message.status.in_(_OPEN),
                )
                .values(
                    status=_S.QUEUED.value,
                    next_try_at=min(self._clock.now() + wait, message.not_after),
                    reply=reply,
                    claimed_by="",
                    claimed_until=None,
                )
            )


def _tell(session: Session, number: int, status: MessageStatus, now: datetime) -> None:
    """For whoever is told of messages by a webhook; nothing is written where nobody is."""
    listening = text(
        "select exists (select 1 from webhook_endpoints where off_at is null and removed_at is null"
        " and :name = any(events))"
    )
    name = f"message.{status.value}"
    if session.scalar(listening, {"name": name}):
        session.add(WebhookFact(name=name, at=now, about={"message": number}))

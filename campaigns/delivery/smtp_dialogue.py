"""The dialogue on one greeted connection, without ever waiting: what to write next, what a reply decides.

One mail at a time is *announced*: its content is being handed over, or was, and its reply is awaited. One
more may be *open*: its envelope is being negotiated, or it stands ready. Three manners, by what is offered:

    stepwise                every command waits for the reply to the one before
    PIPELINING (RFC 2920)   MAIL, RCPT and DATA together, also right behind the content of the mail before;
                            the content only after the reply to that mail and its own 354
    and CHUNKING (RFC 3030) MAIL, RCPT, BDAT and the content in one write; the three replies decide together
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from campaigns.delivery.classify import Phase, classify, enhanced_code
from campaigns.delivery.envelope import Offers, Transaction
from campaigns.delivery.nameless import without_people
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail
from campaigns.delivery.wire import Lost, Replies, Reply

_READ_BYTES = 16_384
# A connection that was silent for longer is asked for a sign of life before a whole mail is put into it: the
# kernel takes a chunk also for a relay that is gone, and then nobody knows.
_TRUSTED_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Handover:
    """One mail on its way through a connection. `again`: an earlier connection was lost under it."""

    mail: OutgoingMail
    transaction: Transaction
    again: bool = False
    refusal: tuple[Phase, Reply] | None = None
    recipient_stands: bool = False
    may_go: bool = False
    was_announced: bool = False


class Finished(NamedTuple):
    """What became of a handover. `stale`: the connection had served before, a new one may do better."""

    handover: Handover
    outcome: Outcome
    stale: bool


class Dialogue:
    """One connection. Methods that read or write raise `Lost` when it is of no use any more.

    Outcomes are put into `finished`. `timeout` and `final_timeout` are seconds, see SmtpTransport.
    """

    def __init__(
        self,
        connection: socket.socket,
        replies: Replies,
        offers: Offers,
        timeout: float,
        final_timeout: float,
    ) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.offers = offers
        self.finished: list[Finished] = []
        self.announced: Handover | None = None
        self.open: Handover | None = None
        self._tls = isinstance(connection, ssl.SSLSocket)
        self._chunks = offers.chunking and offers.pipelining
        self._replies = replies
        self._timeout = timeout
        self._final_timeout = final_timeout
        self._awaited: deque[tuple[Phase, Handover | None]] = deque()
        self._out: list[bytes | memoryview] = []
        self._queued = self._written = self._content_end = 0
        self._write_due = self._reply_due = 0.0
        self._heard_at = time.monotonic()
        self._served = 0
        self._leaving = False
        self._write_needs_read = False

    @property
    def idle(self) -> bool:
        """Whether both sides have nothing left to say about a mail."""
        return not (self.announced or self.open or self._awaited or self._out)

    @property
    def writing(self) -> bool:
        """Whether it wants to know when the kernel has room again."""
        return bool(self._out) and not self._write_needs_read

    @property
    def due(self) -> float | None:
        """The moment (time.monotonic) until which the relay has to do something, None if it need not."""
        if self._out:
            return self._write_due
        return self._reply_due if self._awaited else None

    def may_begin(self) -> bool:
        """Whether `begin` may be called."""
        if self.open is not None or self._leaving:
            return False
        if self.offers.pipelining and not self._chunks:
            return True
        return self.announced is None and not self._awaited

    def begin(self, handover: Handover) -> None:
        """Open a mail; its envelope is queued, `flush` writes it."""
        self.open = handover
        if self._chunks:
            if time.monotonic() - self._heard_at > _TRUSTED_SECONDS:
                self._reset()
            else:
                handover.may_go = True
        elif self.offers.pipelining:
            self._queue(handover.transaction.mail + handover.transaction.rcpt + b"DATA\r\n")
            self._await(handover, Phase.MAIL, Phase.RCPT, Phase.DATA)
        else:
            self._queue(handover.transaction.mail)
            self._await(handover, Phase.MAIL)

    def may_go(self) -> Handover | None:
        """The mail whose content may be handed over now: announce it, then call `hand_over`."""
        ready = self.open
        return ready if ready is not None and ready.may_go and self.announced is None else None

    def hand_over(self) -> None:
        """Queue the content of the mail that `may_go`; `flush` writes it."""
        handover = self.announced = self.open
        assert handover is not None
        handover.was_announced = True
        self.open = None
        if self._chunks:
            self._queue(*handover.transaction.chunk())
            self._await(handover, Phase.MAIL, Phase.RCPT, Phase.FINAL)
        else:
            self._queue(*handover.transaction.dotted())
            self._await(handover, Phase.FINAL)
        self._content_end = self._queued

    def decline(self) -> None:
        """The mail that `may_go` must not go after all. A chunk was not begun; after a 354 we can only hang up."""
        self.open = None
        if not self._chunks:
            raise Lost("hung up: the mail must not go")

    def withdraw(self) -> Handover | None:
        """Take the open mail back. The connection can only finish what is announced, then it is lost."""
        handover, self.open = self.open, None
        self._leaving = True
        return handover

    def flush(self) -> None:
        """Hand to the kernel as much of what is queued as it takes."""
        if not self._out:
            return
        self._write_needs_read = False
        try:
            while self._out:
                self._wrote(self._write())
        except (BlockingIOError, ssl.SSLWantWriteError):
            return
        except ssl.SSLWantReadError:
            self._write_needs_read = True  # TLS changes its keys.
            return
        except OSError as error:
            self._hear_out()  # A relay that hangs up may have said why.
            raise Lost(f"connection lost while writing: {error}") from None
        self._count_reply_from_now()

    def receive(self) -> None:
        """Read what is there, and act on every whole reply."""
        self._hear_out()
        self.flush()

    def _hear_out(self) -> None:
        more = True
        while more:
            try:
                data = self.socket.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                raise Lost(f"connection lost while reading: {error}") from None
            if not data:
                raise Lost("the relay closed the connection")
            # Decrypted bytes that wait inside TLS do not wake a poll.
            more = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0
            self._heard_at = time.monotonic()
            self._replies.feed(data)
            while (reply := self._replies.take()) is not None:
                self._act_on(reply)

    def expire(self, now: float) -> None:
        """Give up a relay that let its moment pass."""
        due = self.due
        if due is not None and now >= due:
            raise Lost("the relay did not read in time" if self._out else "the relay did not answer in time")

    def end(self, loss: Lost) -> Handover | None:
        """Close the socket; what this means for its mails goes into `finished`.

        Returns: a mail that was open behind another one and has nothing to do with the loss.
        """
        self.close()
        announced, opened = self.announced, self.open
        self.announced = self.open = None
        # Whoever stood behind a mail that was in flight, or that ended just now, is not to blame.
        behind = opened if announced or self.finished else None
        victim = announced or (None if behind else opened)
        if victim is None:
            return behind
        if victim.refusal is not None:
            self._conclude(victim, *victim.refusal)  # It was read before the connection went; it stands.
            return behind
        if announced and self._written >= self._content_end:
            kind, why = Kind.UNCERTAIN, f"the whole mail was handed over, then: {loss.why}"
        else:
            kind, why = Kind.UNREACHED, loss.why
        outcome = Outcome(victim.mail.send_id, kind, reply=why)
        self.finished.append(Finished(victim, outcome, self._served > 0))
        return behind

    def close(self) -> None:
        """Close the socket without a word."""
        with suppress(OSError):
            self.socket.close()

    def _queue(self, *pieces: bytes) -> None:
        if not self._out:
            self._write_due = time.monotonic() + self._timeout
        self._out += pieces
        self._queued += sum(map(len, pieces))

    def _write(self) -> int:
        if not self._tls:
            return self.socket.sendmsg(self._out)
        if len(self._out) > 1:
            self._out = [b"".join(self._out)]
        return self.socket.send(self._out[0])

    def _wrote(self, count: int) -> None:
        self._written += count
        if self._written == self._queued:
            self._out.clear()
            return
        while count >= len(self._out[0]):
            count -= len(self._out.pop(0))
        self._out[0] = memoryview(self._out[0])[count:]

    def _await(self, handover: Handover | None, *phases: Phase) -> None:
        self._awaited.extend((phase, handover) for phase in phases)

    def _count_reply_from_now(self) -> None:
        if self._awaited:
            # With a chunk the relay may hold the first replies back until it has an answer to the last.
            patient = self._chunks and self.announced is not None
            patient = patient or self._awaited[0][0] is Phase.FINAL
            self._reply_due = time.monotonic() + (self._final_timeout if patient else self._timeout)

    def _reset(self) -> None:
        self._queue(b"RSET\r\n")
        self._await(None, Phase.RESET)

    def _act_on(self, reply: Reply) -> None:
        if not self._awaited:
            raise Lost(f"the relay said {reply.code} unasked")
        phase, handover = self._awaited.popleft()
        if handover is None:
            self._after_chore(phase, reply)
        elif phase is Phase.FINAL:
            self._on_final(handover, reply)
        else:
            self._on_envelope(handover, phase, reply)
        self._count_reply_from_now()

    def _after_chore(self, phase: Phase, reply: Reply) -> None:
        if reply.code == 421:
            raise Lost("the relay closed the channel")
        if phase is Phase.RESET:
            if not 200 <= reply.code <= 299:
                raise Lost(f"the relay answered {reply.code} to RSET")
            if self._chunks and self.open is not None:
                self.open.may_go = True

    def _on_envelope(self, handover: Handover, phase: Phase, reply: Reply) -> None:
        goes_on = _goes_on(phase, reply)
        if not goes_on and handover.refusal is None:
            handover.refusal = phase, reply
        if reply.code == 421:
            assert handover.refusal is not None
            self._conclude(handover, *handover.refusal)
            raise Lost("the relay closed the channel")
        if phase is Phase.RCPT and goes_on:
            handover.recipient_stands = True
        if self._chunks:
            return  # The reply to the chunk is still to come.
        if not self.offers.pipelining:
            self._next_step(handover, phase)
        elif phase is Phase.DATA:
            self._envelope_done(handover, data_open=goes_on)

    def _next_step(self, handover: Handover, phase: Phase) -> None:
        if handover.refusal is not None:
            self._conclude(handover, *handover.refusal)
            self._reset()
        elif phase is Phase.MAIL:
            self._queue(handover.transaction.rcpt)
            self._await(handover, Phase.RCPT)
        elif phase is Phase.RCPT:
            self._queue(b"DATA\r\n")
            self._await(handover, Phase.DATA)
        else:
            handover.may_go = True

    def _envelope_done(self, handover: Handover, data_open: bool) -> None:
        if handover.refusal is None:
            handover.may_go = True
            return
        self._conclude(handover, *handover.refusal)
        if data_open:
            if handover.recipient_stands:
                raise Lost("hung up: a dot would have delivered an empty mail")
            # Refused, and data is taken all the same: the lone dot of RFC 2920, 3.1.
            self._queue(b".\r\n")
            self._await(None, Phase.LONE_DOT)
        self._reset()

    def _on_final(self, handover: Handover, reply: Reply) -> None:
        whole = self._written >= self._content_end
        if 300 <= reply.code <= 399:
            raise Lost(f"the relay answered {reply.code} to the end of the mail")
        if not whole and reply.code < 300 and handover.refusal is None:
            self._content_end = self._written  # It claims to have what we did not send: believe nothing.
            raise Lost(f"the relay answered {reply.code} before the end of the mail")
        self._conclude(handover, *(handover.refusal or (Phase.FINAL, reply)))
        if reply.code == 421 or self._leaving or not whole:
            raise Lost("the relay closed the channel" if reply.code == 421 else "hung up in mid-mail")
        if self._chunks and reply.code >= 400:
            # Some relays read a refused chunk as commands. The reply to a RSET of its own, before the next
            # mail, tells: then they are out of step, and the connection is given up.
            self._reset()

    def _conclude(self, handover: Handover, phase: Phase, reply: Reply) -> None:
        if handover is self.announced:
            self.announced = None
        elif handover is self.open:
            self.open = None
        self.finished.append(Finished(handover, outcome_of(handover.mail, phase, reply), self._served > 0))
        self._served += reply.code != 421


def outcome_of(mail: OutgoingMail, phase: Phase, reply: Reply) -> Outcome:
    """The outcome of a mail that was decided by this reply."""
    enhanced = enhanced_code(reply.text)
    verdict = classify(reply.code, enhanced, phase)
    text = f"{reply.code} {without_people(reply.text, mail.recipient)}"
    return Outcome(mail.send_id, verdict.kind, reply.code, enhanced, text, verdict.fault, verdict.soft)


def _goes_on(phase: Phase, reply: Reply) -> bool:
    """Whether the transaction continues after this reply.

    Raises:
        Lost: neither a go-ahead nor a refusal; this is not a dialogue we can follow.
    """
    if reply.code >= 400:
        return False
    if (reply.code == 354) if phase is Phase.DATA else (200 <= reply.code <= 299):
        return True
    raise Lost(f"the relay answered {reply.code} to {phase.name}")

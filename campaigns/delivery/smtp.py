"""SMTP (RFC 5321) over one persistent connection: the one file that talks to a relay.

`smtplib` greets, encrypts and logs in; from then on the commands go over its socket by a client of our
own, because two things matter that smtplib hides: PIPELINING (RFC 2920), and on which side of the final
dot a connection broke.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.settings import SmtpAddress
from campaigns.delivery.classify import Phase, classify, enhanced_code
from campaigns.delivery.envelope import Offers, Transaction, transaction, without_address
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, unreached
from campaigns.delivery.wire import Lost, Reply, Wire

_MOST_LOSSES_IN_A_ROW = 2
_LEAVE_SECONDS = 5.0


class _CannotConnect(Exception):
    """No relay to talk to; `reply` is what it said, or our own words with code None."""

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


class SmtpTransport:
    """A `Transport` to the relay at `address`, one connection, opened at the first mail.

    TLS by `address.tls`: "starttls" and "implicit" demand it with a verified certificate; "none" never
    encrypts; "auto" encrypts when offered, without verifying, unless there is a password: that is sent in
    "auto" only over verified TLS, or to this very machine. `ssl_context` replaces the system's trust store.

    `timeout` (seconds) bounds connecting, every write and every reply; `final_timeout` the reply to the
    final dot, for which relays scan the mail and RFC 5321 (4.5.3.2.6) asks for patience, since giving up
    there makes a mail uncertain. It is three times `timeout` if not given.
    """

    def __init__(
        self,
        address: SmtpAddress,
        helo_name: str,
        timeout: float = 30.0,
        *,
        final_timeout: float | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._helo_name = helo_name
        self._timeout = timeout
        self._final_timeout = 3 * timeout if final_timeout is None else final_timeout
        self._ssl_context = ssl_context
        self._connection: _Connection | None = None

    def send_group(self, mails: Iterable[OutgoingMail]) -> Iterator[Outcome]:
        """See `Transport.send_group`.

        A mail that finds its connection closed by the relay while it was idle, or with a 421, is tried once
        more on a new one. When connecting fails, or two mails in a row lose their connection, the rest of
        the group is `unreached`: a relay that is going down must not make one mail after another uncertain.
        """
        losses = 0
        away: _CannotConnect | None = None
        for mail in mails:
            if away is None:
                try:
                    outcome = self._send(mail)
                except _CannotConnect as failure:
                    away = failure
            if away is not None:
                yield unreached(mail.send_id, away.why, away.code, enhanced_code(away.why))
                continue
            losses = losses + 1 if outcome.kind in (Kind.UNREACHED, Kind.UNCERTAIN) else 0
            if losses >= _MOST_LOSSES_IN_A_ROW:
                away = _CannotConnect(f"left alone after losing its connection twice: {outcome.reply}")
            yield outcome

    def greet(self) -> str:
        """Connect and log in if that has not happened, and say what the relay offers.

        Raises:
            ServiceUnavailable: the relay is out of reach or refuses us.
        """
        if self._connection is None:
            try:
                self._connection = self._connect()
            except _CannotConnect as error:
                raise ServiceUnavailable("SMTP", error.why) from None
        offers = self._connection.offers
        named = {"pipelining": offers.pipelining, "8bitmime": offers.eight_bit, "smtputf8": offers.smtputf8}
        return ", ".join(name for name, there in named.items() if there) or "plain SMTP"

    def close(self) -> None:
        """Say QUIT if there is somebody to say it to."""
        if self._connection is not None:
            self._connection.quit()
            self._connection = None

    def _send(self, mail: OutgoingMail) -> Outcome:
        reused = self._connection is not None
        outcome = self._attempt(mail)
        if reused and outcome.kind is Kind.UNREACHED:
            # Relays end idle or long-lived connections; nothing was accepted, so a new one may try it.
            outcome = self._attempt(mail)
        return outcome

    def _attempt(self, mail: OutgoingMail) -> Outcome:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        ready = transaction(mail, connection.offers)
        if isinstance(ready, Outcome):
            return ready
        try:
            phase, reply = connection.carry_out(ready)
        except Lost as loss:
            self._drop()
            kind = Kind.UNCERTAIN if loss.after_dot else Kind.UNREACHED
            return Outcome(mail.send_id, kind, reply=loss.why)
        except BaseException:
            # Thrown in from outside (a time limit, a signal): the dialogue stands in the middle of nowhere.
            self._drop()
            raise
        if reply.code == 421 or connection.broken:
            self._drop()
        enhanced = enhanced_code(reply.text)
        verdict = classify(reply.code, enhanced, phase)
        text = without_address(f"{reply.code} {reply.text}", mail.recipient)
        return Outcome(mail.send_id, verdict.kind, reply.code, enhanced, text, verdict.fault, verdict.soft)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None

    def _connect(self) -> _Connection:
        where = f"the relay {self._address.host}:{self._address.port}"
        try:
            return _Connection(self._greeted(), self._timeout, self._final_timeout)
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise _CannotConnect(f"{where} refused us: {text}", error.smtp_code) from None
        except (OSError, ValueError) as error:
            # smtplib's own errors are OSErrors; ValueError covers names and passwords it cannot encode.
            raise _CannotConnect(f"{where} was not reached: {error}") from None

    def _greeted(self) -> _InTime:
        """A connection after EHLO, TLS and AUTH."""
        address = self._address
        if address.tls == "implicit":
            smtp: _InTime = _InTimeOverTls(
                address.host, address.port, self._helo_name, timeout=self._timeout, context=self._tls(True)
            )
        else:
            smtp = _InTime(address.host, address.port, self._helo_name, timeout=self._timeout)
        try:
            smtp.ehlo_or_helo_if_needed()
            careful = bool(address.password) and not _is_this_machine(address.host)
            if address.tls == "starttls" or (address.tls == "auto" and smtp.has_extn("starttls")):
                smtp.starttls(context=self._tls(verified=address.tls == "starttls" or careful))
                smtp.ehlo()
            elif address.tls == "auto" and careful:
                raise smtplib.SMTPNotSupportedError(
                    "it offers no STARTTLS; tls=none would send the password in the clear"
                )
            if address.username:
                smtp.login(address.username, address.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _tls(self, verified: bool) -> ssl.SSLContext:
        if self._ssl_context is not None:
            return self._ssl_context
        context = ssl.create_default_context()
        if not verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _InTime(smtplib.SMTP):
    """smtplib, except that a whole reply has to arrive within the timeout, not each byte of it."""

    _heard: Wire | None = None

    @property
    def wire(self) -> Wire:
        """What was read ahead belongs to one socket: text before STARTTLS must not count after it."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the relay closed the connection")
        if self._heard is None or self._heard.socket is not self.sock:
            self._heard = Wire(self.sock)
        return self._heard

    def getreply(self) -> tuple[int, bytes]:
        try:
            reply = self.wire.read_reply(self.timeout)
        except Lost as loss:
            self.close()
            raise smtplib.SMTPServerDisconnected(loss.why) from None
        return reply.code, reply.text.encode()


class _InTimeOverTls(_InTime, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


class _Connection:
    """The dialogue on an open, greeted connection. Every method may raise `Lost`."""

    def __init__(self, smtp: _InTime, timeout: float, final_timeout: float) -> None:
        self._smtp = smtp
        self._wire = smtp.wire
        # A mail's last, short packet must not wait for the acknowledgement of the ones before (Nagle).
        self._wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout = timeout
        self._final_timeout = final_timeout
        self._needs_reset = False
        self.broken = False
        size = smtp.esmtp_features.get("size")
        self.offers = Offers(
            pipelining=smtp.has_extn("pipelining"),
            eight_bit=smtp.has_extn("8bitmime"),
            smtputf8=smtp.has_extn("smtputf8"),
            size=None if size is None else int(size) if size.isdecimal() else 0,
        )

    def carry_out(self, ready: Transaction) -> tuple[Phase, Reply]:
        """Run one transaction; the reply that decided it, and what that replied to.

        Sets `broken` where the reply counts but the connection is of no further use.
        """
        refusal = self._open_together(ready) if self.offers.pipelining else self._open_stepwise(ready)
        if refusal is not None:
            self._needs_reset = True
            return refusal
        return Phase.FINAL, self._transfer(ready.body)

    def quit(self) -> None:
        """Leave politely, without waiting long for an answer."""
        with suppress(Lost):
            self._wire.write(b"QUIT\r\n", _LEAVE_SECONDS)
            self._wire.read_reply(_LEAVE_SECONDS)
        self.abandon()

    def abandon(self) -> None:
        """Close the socket without a word."""
        with suppress(OSError):
            self._smtp.close()

    def _open_stepwise(self, ready: Transaction) -> tuple[Phase, Reply] | None:
        if self._needs_reset:
            self._write(b"RSET\r\n")
            self._read_reset()
        for phase, command in ((Phase.MAIL, ready.mail), (Phase.RCPT, ready.rcpt), (Phase.DATA, b"DATA\r\n")):
            self._write(command)
            reply = self._read()
            if not _goes_on(phase, reply):
                return phase, reply
        return None

    def _open_together(self, ready: Transaction) -> tuple[Phase, Reply] | None:
        """MAIL, RCPT and DATA in one packet; their replies are read one by one (RFC 2920, 3.1)."""
        reset = self._needs_reset
        self._write((b"RSET\r\n" if reset else b"") + ready.mail + ready.rcpt + b"DATA\r\n")
        if reset:
            self._read_reset()
        refusal: tuple[Phase, Reply] | None = None
        recipient_stands = data_open = False
        for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA):
            try:
                reply = self._read()
                goes_on = _goes_on(phase, reply)
            except Lost:
                if refusal is None:
                    raise
                self.broken = True  # The refusal was read before the connection went; it stands.
                return refusal
            if refusal is None and not goes_on:
                refusal = phase, reply
            if reply.code == 421:
                self.broken = True
                return refusal
            recipient_stands = recipient_stands or (phase is Phase.RCPT and goes_on)
            data_open = phase is Phase.DATA and goes_on
        if refusal is not None and data_open:
            self._end_unwanted_data(recipient_stands)
        return refusal

    def _end_unwanted_data(self, recipient_stands: bool) -> None:
        """The relay refused the recipient and takes data all the same: it gets the lone dot of RFC 2920."""
        if recipient_stands:
            self.broken = True  # The dot would deliver an empty mail: hang up instead.
            return
        try:
            self._write(b".\r\n")
            self._read()
        except Lost:
            self.broken = True

    def _transfer(self, body: bytes) -> Reply:
        # A failed write is never uncertain: sendall fails only while bytes are left, and the dot is the last.
        self._write(body)
        try:
            reply = self._wire.read_reply(self._final_timeout)
        except Lost as loss:
            raise Lost(f"the whole mail was handed over, then: {loss.why}", after_dot=True) from None
        if 300 <= reply.code <= 399:
            raise Lost(f"the relay answered {reply.code} to the final dot", after_dot=True)
        return reply

    def _write(self, data: bytes) -> None:
        self._wire.write(data, self._timeout)

    def _read(self) -> Reply:
        return self._wire.read_reply(self._timeout)

    def _read_reset(self) -> None:
        reply = self._read()
        if not 200 <= reply.code <= 299:
            raise Lost(f"the relay answered {reply.code} to RSET")
        self._needs_reset = False


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


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

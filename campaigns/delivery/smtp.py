"""SMTP (RFC 5321) over a few persistent connections: the way to a relay, as far as its greeting.

`smtplib` greets, encrypts and logs in; from then on the commands go over its socket by a client of our
own (smtp_dialogue.py one connection, smtp_pool.py several, smtp_group.py the mails), because of what
smtplib hides: PIPELINING (RFC 2920), CHUNKING (RFC 3030), waiting for several relays' replies at once, and
on which side of the last byte a connection broke.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.abandoning import OutOfPatience, while_patient
from campaigns.delivery.envelope import Offers
from campaigns.delivery.patience import ENDLESS, OVER, Patience
from campaigns.delivery.smtp_dialogue import Dialogue
from campaigns.delivery.smtp_group import Group
from campaigns.delivery.smtp_pool import CannotConnect, Pool
from campaigns.delivery.transport import Outcome, OutgoingMail, unannounced
from campaigns.delivery.wire import Lost, Wire

# While connecting, and during the greeting of TLS, nobody looks whether the lease has to be renewed.
_STEP_SECONDS = 7.0


class SmtpTransport:
    """A `Transport` to the relay at `address`, over up to `connections` connections, opened when needed.

    TLS by `address.tls`: "starttls" and "implicit" demand it with a verified certificate; "none" never
    encrypts; "auto" encrypts when offered, without verifying, unless there is a password: that is sent in
    "auto" only over verified TLS, or to this very machine. `ssl_context` replaces the system's trust store.

    `timeout` (seconds) bounds connecting, every write and every reply; `final_timeout` the reply to the
    whole mail, for which relays scan it and RFC 5321 (4.5.3.2.6) asks for patience, since giving up
    there makes a mail uncertain. It is three times `timeout` if not given. `patience` ends all waiting early
    once the process is asked to end.
    """

    def __init__(
        self,
        address: SmtpAddress,
        helo_name: str,
        timeout: float = 30.0,
        *,
        final_timeout: float | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connections: int = 4,
        patience: Patience = ENDLESS,
    ) -> None:
        self._address = address
        self._helo_name = helo_name
        self._timeout = timeout
        self._final_timeout = 3 * timeout if final_timeout is None else final_timeout
        self._ssl_context = ssl_context
        self._patience = patience
        self._pool = Pool(self._connect, connections, timeout, patience)

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        """See `Transport.send_group`.

        A further connection is opened only when a mail is ready and the relay lets us wait on all others: a
        quick relay is served over one or two, a distant one over all.

        A mail that finds its connection closed by the relay while it was idle, or with a 421, is tried once
        more. When connecting fails, or two mails in a row lose their connection, the rest of the group is
        `unreached`: a relay that is going down must not make one mail after another uncertain.
        """
        yield from Group(self._pool, mails, before_data, self._patience).outcomes()

    def greet(self) -> str:
        """Connect and log in if that has not happened, and say what the relay offers.

        Raises:
            ServiceUnavailable: the relay is out of reach or refuses us.
        """
        try:
            dialogue = self._pool.dialogues[0] if self._pool.dialogues else self._pool.open()
        except CannotConnect as error:
            raise ServiceUnavailable("SMTP", error.why) from None
        offers = dialogue.offers
        named = {
            "pipelining": offers.pipelining,
            "chunking": offers.chunking,
            "8bitmime": offers.eight_bit,
            "smtputf8": offers.smtputf8,
        }
        return ", ".join(name for name, there in named.items() if there) or "plain SMTP"

    def close(self) -> None:
        """Say QUIT if there is somebody to say it to."""
        self._pool.leave()

    def _connect(self, seconds: float) -> Dialogue:
        try:
            return while_patient(partial(self._greet, seconds), self._patience, Dialogue.close)
        except OutOfPatience:
            raise CannotConnect(OVER) from None

    def _greet(self, seconds: float) -> Dialogue:
        where = f"the relay {self._address.host}:{self._address.port}"
        try:
            smtp = self._greeted(seconds)
            wire, offers = smtp.wire, _offers(smtp)
            # A mail's last, short packet must not wait for the acknowledgement of the ones before (Nagle).
            wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Dialogue(wire.socket, wire.replies, offers, self._timeout, self._final_timeout)
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise CannotConnect(f"{where} refused us: {text}", error.smtp_code) from None
        except (OSError, ValueError) as error:
            # smtplib's own errors are OSErrors; ValueError covers names and passwords it cannot encode.
            raise CannotConnect(f"{where} was not reached: {error}") from None

    def _greeted(self, seconds: float) -> _InTime:
        """A connection after EHLO, TLS and AUTH."""
        address = self._address
        where: dict[str, Any] = {
            "host": address.host, "port": address.port, "local_hostname": self._helo_name, "timeout": seconds,
        }  # fmt: skip
        if address.tls == "implicit":
            smtp: _InTime = _InTimeOverTls(self._patience, **where, context=self._tls(True))
        else:
            smtp = _InTime(self._patience, **where)
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

    def __init__(self, patience: Patience, **options: Any) -> None:
        self._patience = patience
        super().__init__(**options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, min(timeout, _STEP_SECONDS))  # type: ignore[misc]
        return made

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
            reply = self.wire.read_reply(self.timeout, self._patience)
            # For what comes next: the greeting of TLS, perhaps.
            self.wire.socket.settimeout(min(self.timeout, _STEP_SECONDS))
        except Lost as loss:
            self.close()
            raise smtplib.SMTPServerDisconnected(loss.why) from None
        return reply.code, reply.text.encode()


class _InTimeOverTls(_InTime, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


def _offers(smtp: smtplib.SMTP) -> Offers:
    size = smtp.esmtp_features.get("size")
    return Offers(
        pipelining=smtp.has_extn("pipelining"),
        chunking=smtp.has_extn("chunking"),
        eight_bit=smtp.has_extn("8bitmime"),
        smtputf8=smtp.has_extn("smtputf8"),
        size=None if size is None else int(size) if size.isdecimal() else 0,
    )


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

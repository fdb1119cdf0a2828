"""Real servers for the tests of delivery: aiosmtpd in a thread, and a relay that misbehaves by script."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.transport import OutgoingMail


def a_mail(number: int, recipient: str = "", body: bytes = b"Hello.\r\n", sender: str = "") -> OutgoingMail:
    message_id = f"<s{number}@mail.fjellandfern.example>"
    head = (
        f"From: Fjell & Fern <hello@fjellandfern.example>\r\nTo: somebody@customers.example\r\n"
        f"Subject: Mail {number}\r\nMessage-ID: {message_id}\r\n\r\n"
    )
    return OutgoingMail(
        send_id=number,
        sender=sender or "bounce@fjellandfern.example",
        recipient=recipient or f"customer{number}@customers.example",
        message=head.encode() + body,
        message_id=message_id,
    )


@dataclass
class Received:
    sender: str
    recipient: str
    content: bytes
    connection: int
    parameters: list[str]


class Relay:
    """aiosmtpd; answers by hook: `refuse(phase, address) -> reply or None`, phases mail, rcpt, data."""

    def __init__(
        self,
        refuse: Callable[[str, str], str | None] | None = None,
        pipelining: bool = True,
        tls_context: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        login: tuple[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.commands: list[str] = []
        self.encrypted: list[bool] = []
        self._refuse = refuse or (lambda phase, address: None)
        self._pipelining = pipelining
        self._login = login
        self._options = options
        if login:
            self._options |= {"auth_required": True, "authenticator": self._authenticate}
            self._options.setdefault("auth_require_tls", tls_context is not None and not implicit_tls)
        if tls_context and not implicit_tls:
            self._options["tls_context"] = tls_context
        self._implicit = tls_context if implicit_tls else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self.port = 0

    def __enter__(self) -> Relay:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def address(self, query: str = "tls=none", user: str = "", scheme: str = "smtp") -> SmtpAddress:
        return SmtpAddress(f"{scheme}://{user}localhost:{self.port}?{query}")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        make = lambda: SMTP(self, loop=self._loop, hostname="relay.test", **self._options)  # noqa: E731
        server = self._loop.run_until_complete(
            self._loop.create_server(make, "127.0.0.1", 0, ssl=self._implicit)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _authenticate(self, server: Any, session: Any, envelope: Any, _: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        welcome = (data.login.decode(), data.password.decode()) == self._login
        return AuthResult(success=welcome, handled=False)

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        if not hasattr(session, "number"):
            self.connections += 1
            session.number = self.connections
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self._pipelining else responses

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if reply := self._refuse("mail", address):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if reply := self._refuse("rcpt", address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        recipient = envelope.rcpt_tos[0]
        if reply := self._refuse("data", recipient):
            return reply
        self.encrypted.append(session.ssl is not None)
        content, options = envelope.original_content, envelope.mail_options
        self.received.append(Received(envelope.mail_from, recipient, content, session.number, options))
        return "250 2.0.0 queued"


# What the scripted relay may do instead of answering.
CLOSE = "<close>"
RESET = "<reset>"
HANG = "<hang>"
DRIP = "<drip>"


@dataclass
class ScriptedRelay:
    """A relay on bare sockets, a thread a connection. Connection n follows `scripts[n]`, the last one stays.

    A script maps a phase (banner, ehlo, rset, mail, rcpt, data, body, dot, bdat) to a reply, or to CLOSE,
    RESET, HANG, DRIP. `body` acts in the midst of the message, after 1,000 bytes; `bdat` after the whole
    chunk. "mail#3" is the third MAIL of the connection. `delay` (seconds) makes it distant: replies are held
    back until there is nothing left to read, and then for so long. `refuse(phase, address)` answers like that
    of `Relay`, where no script does.

    `accepted` has the mails answered with 250, `kept` also those after which it died or talked nonsense (it may
    well have delivered them), `whole` all that it had in full; `nonsense` is what was no command. `on_their_way` are
    the connections whose replies are held back at this moment, `most_on_their_way` how many were at once.
    """

    scripts: Sequence[dict[str, str]] = ({},)
    pipelining: bool = True
    chunking: bool = False
    delay: float = 0.0
    tls_context: ssl.SSLContext | None = None
    refuse: Callable[[str, str], str | None] = lambda phase, address: None
    accepted: list[bytes] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    whole: list[bytes] = field(default_factory=list)
    nonsense: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    dots_seen: int = 0
    lone_dots: int = 0
    connections: int = 0
    on_their_way: set[int] = field(default_factory=set)
    most_on_their_way: int = 0

    def __enter__(self) -> ScriptedRelay:
        self._stop = threading.Event()
        self._talks: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self.port = self._server.getsockname()[1]
        scheme, query = ("smtps", "") if self.tls_context else ("smtp", "?tls=none")
        self.address = SmtpAddress(f"{scheme}://127.0.0.1:{self.port}{query}")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._server.close()
        for talk in self._talks:
            talk.join(10)

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            self._talks.append(threading.Thread(target=self._talk, args=(connection, script), daemon=True))
            self._talks[-1].start()

    def _talk(self, connection: socket.socket, script: dict[str, str]) -> None:
        connection.settimeout(10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls_context:
                connection = self.tls_context.wrap_socket(connection, server_side=True)
            _Talk(self, connection, script, self._stop).run()
        except OSError:
            pass
        finally:
            connection.close()


class _Ended(OSError):
    pass


class _Talk:
    """One connection of a ScriptedRelay."""

    def __init__(
        self, relay: ScriptedRelay, connection: socket.socket, script: dict[str, str], stop: threading.Event
    ) -> None:
        self.relay, self.connection, self.script, self.stop = relay, connection, script, stop
        self.unread = bytearray()
        self.held_back = b""
        self.seen: dict[str, int] = {}
        self.sender_stands = self.recipient_stands = False
        self.recipient = ""

    def run(self) -> None:
        self.act("banner", "220 relay.test")
        while True:
            line = self.line()
            word = line.split()[0].lower().decode("latin-1") if line.split() else "?"
            self.relay.commands.append(word)
            if word in ("ehlo", "helo"):
                offered = ["PIPELINING"] * self.relay.pipelining + ["CHUNKING"] * self.relay.chunking
                names = ["relay.test", *offered]
                self.act("ehlo", "\r\n".join([*(f"250-{n}" for n in names[:-1]), f"250 {names[-1]}"]))
            elif word == "data":
                if self.act("data", "354 go on").startswith("354"):
                    self.take_message()
            elif word == "bdat":
                self.take_chunk(int(line.split()[1]), line.split()[2:])
            elif word in ("mail", "rcpt", "rset", "noop"):
                self.recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                answer = self.act(word, self.relay.refuse(word, self.recipient) or "250 2.0.0 OK")
                went_well = answer.startswith("250")
                self.sender_stands = went_well if word == "mail" else self.sender_stands and word == "rcpt"
                self.recipient_stands = word == "rcpt" and went_well and self.sender_stands
            elif word == "quit":
                self.say("221 bye")
                self.flush()
                return
            else:
                self.relay.nonsense.append(line)
                self.say("500 5.5.2 what?")

    def take_message(self) -> None:
        content = bytearray()
        while (line := self.line()) != b".\r\n":
            content += line
            if len(content) > 1000 and "body" in self.script:
                self.act("body", "")
        self.relay.dots_seen += 1
        self.relay.lone_dots += not content
        self.relay.whole.append(bytes(content))
        stands, self.recipient_stands = self.recipient_stands, False
        usual = self.verdict() if stands else "554 5.5.1 no valid recipients"
        self.decide("dot", usual, bytes(content), stands)

    def verdict(self) -> str:
        return self.relay.refuse("data", self.recipient) or "250 2.0.0 queued"

    def take_chunk(self, size: int, last: list[bytes]) -> None:
        content = bytearray()
        while len(content) < size:
            if not self.unread:
                self.read()
            taken = self.unread[: size - len(content)]
            del self.unread[: len(taken)]
            content += taken
            if len(content) > 1000 and "body" in self.script:
                self.act("body", "")
        stands, self.recipient_stands = self.recipient_stands, False
        if last != [b"LAST"]:
            self.relay.nonsense.append(b"BDAT without LAST")
        if stands:
            self.relay.whole.append(bytes(content))
        usual = self.verdict() if stands else "503 5.5.1 no valid recipients"
        self.decide("bdat", usual, bytes(content), stands)

    def decide(self, phase: str, usual: str, content: bytes, stands: bool) -> None:
        if stands and self.upcoming(phase, usual)[0] not in "45":
            self.relay.kept.append(content)
        if self.act(phase, usual).startswith("250") and stands:
            self.relay.accepted.append(content)

    def upcoming(self, phase: str, usual: str) -> str:
        key = f"{phase}#{self.seen.get(phase, 0) + 1}"
        return self.script.get(key, self.script.get(phase, usual))

    def act(self, phase: str, usual: str) -> str:
        answer = self.upcoming(phase, usual)
        self.seen[phase] = self.seen.get(phase, 0) + 1
        if answer in (CLOSE, RESET, HANG, DRIP):
            self.flush()
        if answer == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer in (CLOSE, RESET):
            raise _Ended
        if answer == HANG:
            self.stop.wait(10)
            raise _Ended
        if answer == DRIP:
            while not self.stop.wait(0.05):
                self.connection.sendall(b"2")
            raise _Ended
        if answer:
            self.say(answer)
        if answer.startswith("421"):
            self.flush()
            raise _Ended
        return answer

    def say(self, text: str) -> None:
        self.held_back += text.encode() + b"\r\n"

    def line(self) -> bytes:
        while (end := self.unread.find(b"\n")) < 0:
            self.read()
        line = bytes(self.unread[: end + 1])
        del self.unread[: end + 1]
        return line

    def read(self) -> None:
        self.flush()
        data = self.connection.recv(65536)
        if not data:
            raise _Ended
        self.unread += data

    def flush(self) -> None:
        if self.held_back:
            self.relay.on_their_way.add(id(self))
            self.relay.most_on_their_way = max(self.relay.most_on_their_way, len(self.relay.on_their_way))
            self.stop.wait(self.relay.delay)
            self.relay.on_their_way.discard(id(self))
            self.connection.sendall(self.held_back)
            self.held_back = b""

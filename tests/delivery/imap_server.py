"""A small IMAP server over sockets: as much of RFC 3501 as a mailbox is emptied with, and no more."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from dataclasses import dataclass, field

USER, PASSWORD = "bounces", "s3cret/with#signs"


@dataclass
class Message:
    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)


class ImapServer:
    """Folders of messages. `capabilities` are told at login; `misbehave` makes a command end in another way.

    `misbehave` maps a command (as "UID FETCH") to "close", "hang", "no" or "garbage". `commands` has all that came,
    without the password.
    """

    def __init__(
        self, capabilities: str = "IMAP4rev1 MOVE UIDPLUS", tls: ssl.SSLContext | None = None
    ) -> None:
        self.folders: dict[str, list[Message]] = {"INBOX": [], "Taken in": []}
        self.capabilities = capabilities
        self.misbehave: dict[str, str] = {}
        self.commands: list[str] = []
        self._tls = tls
        self._uid = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self.port = self._server.getsockname()[1]

    def deliver(self, raw: bytes, folder: str = "INBOX") -> None:
        self._uid += 1
        self.folders[folder].append(Message(self._uid, raw))

    def __enter__(self) -> ImapServer:
        self._threads.append(threading.Thread(target=self._serve, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._server.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            self._threads.append(threading.Thread(target=self._talk, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                _Session(self, connection, self._stop).run()
        except OSError:
            pass


class _Session:
    def __init__(self, server: ImapServer, connection: socket.socket, stop: threading.Event) -> None:
        self.server, self.connection, self.stop = server, connection, stop
        self.file = connection.makefile("rb")
        self.folder = ""

    def say(self, line: str | bytes) -> None:
        self.connection.sendall((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def run(self) -> None:
        self.say("* OK ready")
        while not self.stop.is_set():
            line = self.file.readline().decode().rstrip("\r\n")
            if not line:
                return
            tag, _, rest = line.partition(" ")
            name = " ".join(rest.split()[: 2 if rest.upper().startswith("UID") else 1]).upper()
            arguments = rest[len(name) :].strip()
            self.server.commands.append(f"{name} {'' if name == 'LOGIN' else arguments}".strip())
            how = self.server.misbehave.get(name)
            if how == "close":
                return
            if how == "hang":
                self.stop.wait(5)
                return
            if how in ("no", "garbage"):
                self.say(f"{tag} NO cannot, Anna" if how == "no" else b"\xff\x00 nonsense")
                continue
            self.say(f"{tag} {self.answer(name, arguments)}")
            if name == "LOGOUT":
                return

    def answer(self, name: str, arguments: str) -> str:
        if name == "CAPABILITY":
            self.say(f"* CAPABILITY {self.server.capabilities}")
        elif name == "LOGIN":
            given = [_unquoted(word) for word in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', arguments)]
            return "OK in" if given == [USER, PASSWORD] else f"NO [AUTHENTICATIONFAILED] who is {given[0]}"
        elif name == "SELECT":
            self.folder = _unquoted(arguments)
            if self.folder not in self.server.folders:
                return "NO no such folder"
            self.say(f"* {len(self.there)} EXISTS")
            return "OK [READ-WRITE] selected"
        elif name == "UID SEARCH":
            self.search(arguments)
        elif name == "UID FETCH":
            self.fetch(arguments)
        elif name == "UID STORE":
            uid, _, flags = arguments.split(" ", 2)
            for message in self.named(uid):
                message.flags |= set(flags.strip("()").split())
        elif name in ("UID COPY", "UID MOVE"):
            uid, _, folder = arguments.partition(" ")
            if _unquoted(folder) not in self.server.folders:
                return "NO [TRYCREATE] no such folder"
            for message in self.named(uid):
                self.server.deliver(message.raw, _unquoted(folder))
                if name == "UID MOVE":
                    self.there.remove(message)
        elif name == "UID EXPUNGE":
            for message in self.named(arguments):
                if r"\Deleted" in message.flags:
                    self.there.remove(message)
        elif name == "LOGOUT":
            self.say("* BYE")
        else:
            return "BAD what?"
        return "OK done"

    @property
    def there(self) -> list[Message]:
        return self.server.folders[self.folder]

    def named(self, uid: str) -> list[Message]:
        return [message for message in self.there if message.uid == int(uid)]

    def search(self, arguments: str) -> None:
        span, *keys = arguments.split()
        first, last = (int(number) for number in span.split(":"))
        not_wanted = {"UNSEEN": r"\Seen", "UNDELETED": r"\Deleted"}
        found = [
            str(message.uid)
            for message in self.there[first - 1 : last]
            if not any(not_wanted[key] in message.flags for key in keys)
        ]
        self.say(" ".join(["* SEARCH", *found]))

    def fetch(self, arguments: str) -> None:
        found = re.fullmatch(r"(\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", arguments)
        assert found
        for number, message in enumerate(self.there, 1):
            if message.uid == int(found[1]):
                piece = message.raw[: int(found[2])]
                self.say(f"* {number} FETCH (UID {message.uid} BODY[]<0> {{{len(piece)}}}".encode())
                self.connection.sendall(piece + b")\r\n")


def _unquoted(word: str) -> str:
    word = word.strip()
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word

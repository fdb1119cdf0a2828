"""An SMTP server in a process of its own that accepts every mail, keeps none and counts them.

It is the other half of every measurement of sending, so it does as little as Python allows: one thread, one
buffer, no look at what a chunk (RFC 3030) contains, and after DATA only a search for the final dot.

It relies on its clients, which are ours: they write no content before the reply to the one before, so at most
one final dot is unread at any time.
"""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_END = b"\r\n.\r\n"
_BUFFER_BYTES = 262_144
_ANSWERS = {
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
    b"RCPT": b"250 2.1.5 fine\r\n",
    b"MAIL": b"250 2.1.0 fine\r\n",
}
_TAKEN = b"250 2.0.0 taken\r\n"


class Sink:
    """The running server, seen from the process that sends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin and process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self.port = int(self._stdout.readline())

    def count(self) -> int:
        """How many mails it has taken so far."""
        return self._ask()[0]

    def bytes_taken(self) -> int:
        """How many bytes of mail it has taken so far, as they came over the wire."""
        return self._ask()[1]

    def cpu_seconds(self) -> float:
        """The processor time of its process so far, user and system."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> int:
        """End the server; how many mails it took."""
        self._stdin.close()
        return int(self._stdout.readline().split()[0])

    def _ask(self) -> tuple[int, int]:
        self._stdin.write("?\n")
        self._stdin.flush()
        mails, size = self._stdout.readline().split()
        return int(mails), int(size)


@contextmanager
def running_sink(chunking: bool = True) -> Iterator[Sink]:
    """A sink on a free port of this machine; without `chunking` mails come after DATA."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink", *([] if chunking else ["--no-chunking"])],
        cwd=Path(__file__).resolve().parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield Sink(process)


class _Counts:
    mails = 0
    size = 0


class _Dialogue:
    """One connection; commands may come in one packet (PIPELINING, RFC 2920)."""

    def __init__(self, connection: socket.socket, counts: _Counts, greeting: bytes) -> None:
        self.connection = connection
        self._counts = counts
        self._greeting = greeting
        self._unread = b""
        self._in_data = False
        self._chunk_left = 0
        connection.sendall(b"220 sink\r\n")

    def take(self, data: memoryview) -> bool:
        """Act on what was read; False when the client has taken leave."""
        replies: list[bytes] = []
        if self._chunk_left:
            data = self._eat(data, replies)
        rest = bytes(data)
        goes_on = True
        while rest or self._unread:
            if self._in_data:
                rest, ended = self._seek_end(rest, replies)
                if not ended:
                    break
            else:
                line, found, rest = (self._unread + rest).partition(b"\r\n")
                self._unread = b""
                if not found:
                    self._unread = line
                    break
                goes_on = self._command(line, replies)
                if self._chunk_left:
                    rest = bytes(self._eat(memoryview(rest), replies))
        if replies:
            self.connection.sendall(b"".join(replies))
        return goes_on

    def _eat(self, data: memoryview, replies: list[bytes]) -> memoryview:
        size = min(self._chunk_left, len(data))
        self._chunk_left -= size
        self._counts.size += size
        if not self._chunk_left:
            self._counts.mails += 1
            replies.append(_TAKEN)
        return data[size:]

    def _seek_end(self, rest: bytes, replies: list[bytes]) -> tuple[bytes, bool]:
        """Look for the final dot; only the last four bytes before `rest` are kept for that."""
        seen = self._unread + rest
        # What stands behind the dot is at most an envelope, so it is near the end.
        end = seen.rfind(_END)
        if end < 0:
            self._counts.size += len(rest)
            self._unread = seen[-4:]
            return b"", False
        self._counts.size += end + 2 - len(self._unread)
        self._unread = b""
        self._in_data = False
        self._counts.mails += 1
        replies.append(_TAKEN)
        return seen[end + len(_END) :], True

    def _command(self, line: bytes, replies: list[bytes]) -> bool:
        word = line[:4].upper()
        if word == b"BDAT":
            self._chunk_left = int(line.split()[1])
            return True
        self._in_data = word == b"DATA"
        replies.append(self._greeting if word == b"EHLO" else _ANSWERS.get(word, b"250 2.0.0 fine\r\n"))
        return word != b"QUIT"


def _serve(chunking: bool) -> None:
    offers = [b"PIPELINING", b"CHUNKING", b"8BITMIME"] if chunking else [b"PIPELINING", b"8BITMIME"]
    greeting = b"250-sink\r\n" + b"".join(b"250-%s\r\n" % name for name in offers[:-1])
    greeting += b"250 %s\r\n" % offers[-1]
    counts = _Counts()
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    _tell(str(server.getsockname()[1]))
    buffer = bytearray(_BUFFER_BYTES)
    view = memoryview(buffer)
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ, None)
        selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select():
                if isinstance(key.data, _Dialogue):
                    if not _hear(key.data, buffer, view):
                        selector.unregister(key.data.connection)
                        key.data.connection.close()
                elif key.fileobj is server:
                    connection, _ = server.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    dialogue = _Dialogue(connection, counts, greeting)
                    selector.register(connection, selectors.EVENT_READ, dialogue)
                else:
                    asked = sys.stdin.readline()
                    _tell(f"{counts.mails} {counts.size}")
                    if not asked:
                        return


def _hear(dialogue: _Dialogue, buffer: bytearray, view: memoryview) -> bool:
    try:
        size = dialogue.connection.recv_into(buffer)
        return size > 0 and dialogue.take(view[:size])
    except OSError:
        return False


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve("--no-chunking" not in sys.argv)

"""An SMTP server in a process of its own that accepts every mail, keeps none and counts them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_END = b"\r\n.\r\n"
_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink:
    """The running server, seen from the process that sends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin and process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self.port = int(self._stdout.readline())

    def stop(self) -> int:
        """End the server; how many mails it took."""
        self._stdin.close()
        return int(self._stdout.readline())


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink on a free port of this machine."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink"],
        cwd=Path(__file__).resolve().parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield Sink(process)


class _Dialogue(asyncio.Protocol):
    """One connection; commands may come in one packet (PIPELINING, RFC 2920)."""

    received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._unread = bytearray()
        self._in_data = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        searched = max(0, len(self._unread) - len(_END))
        self._unread += data
        while (end := self._unread.find(_END if self._in_data else b"\r\n", searched)) >= 0:
            if self._in_data:
                del self._unread[: end + len(_END)]
                self._in_data = False
                _Dialogue.received += 1
                self._transport.write(b"250 2.0.0 taken\r\n")
            else:
                command = bytes(self._unread[:4]).upper()
                del self._unread[: end + 2]
                self._in_data = command == b"DATA"
                self._transport.write(_ANSWERS.get(command, b"250 2.1.0 fine\r\n"))
                if command == b"QUIT":
                    self._transport.close()
            searched = 0


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Dialogue, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    sys.stdout.write(f"{_Dialogue.received}\n")


if __name__ == "__main__":
    asyncio.run(_serve())

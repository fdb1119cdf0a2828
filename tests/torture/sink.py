"""An SMTP server that writes down every mail it accepts before it says so; made to be killed.

`python -m tests.torture.sink PORT RECORD CONTROL [ADDRESS]`: one line of RECORD per accepted mail, `recipient
message-id seconds`, the last by a clock that never jumps.

CONTROL is a JSON file, looked at five times a second: `rate` (mails a second over all connections, 0 for as
many as come), `chunking` (whether new connections are offered it). On SIGUSR1 it kills itself as soon as it has
a part of a mail and not the whole, after it has written CONTROL.died: open connections, bytes it had, bytes of
the whole mail where they are known (else 0).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
from pathlib import Path

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_RECIPIENT = re.compile(rb"^RCPT TO:<([^>]*)>", re.IGNORECASE)
_DELAY_SECONDS = 0.005
# Small, so that a mail arrives in pieces, and there is a moment in the middle of each.
_READ_BYTES = 4096
_LOOK_SECONDS = 0.2


class Sink:
    """What all connections share."""

    def __init__(self, record: Path, control: Path) -> None:
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._control = control
        self._next = 0.0
        self.rate = 0.0
        self.chunking = True
        self.armed = False
        self.open: set[Session] = set()
        self.look()

    def look(self) -> None:
        """Read what is wanted, now and again later."""
        told = json.loads(self._control.read_text())
        self.rate, self.chunking = float(told["rate"]), bool(told["chunking"])
        asyncio.get_running_loop().call_later(_LOOK_SECONDS, self.look)

    def arm(self) -> None:
        self.armed = True

    def die(self, got: int, whole: int) -> None:
        """In the middle of a mail."""
        Path(f"{self._control}.died").write_text(f"{len(self.open)} {got} {whole}")
        os.kill(os.getpid(), signal.SIGKILL)

    def keep(self, session: Session, recipient: bytes, message: bytes) -> None:
        """Write the mail down and say so when its turn has come."""
        found = _MESSAGE_ID.search(message)
        loop = asyncio.get_running_loop()
        at = loop.time()
        line = recipient + b" " + (found.group(1) if found else b"?") + b" %.3f\n" % at
        if self.rate:
            at = max(at, self._next)
            self._next = at + 1 / self.rate
        # In the kernel before the reply: a kill in between makes a mail that was accepted and never answered.
        # Now long before it, now just before, so that a kill finds mails of both kinds.
        if random.random() < 0.5:
            os.write(self._record, line)
            line = b""
        loop.call_at(at + _DELAY_SECONDS, self._confirm, session, line)

    def _confirm(self, session: Session, line: bytes) -> None:
        if session.gone:
            return  # Whoever hears no reply was not promised anything.
        if line:
            os.write(self._record, line)
        session.confirm()


class Session(asyncio.BufferedProtocol):
    """One SMTP connection, with PIPELINING, and CHUNKING where it is offered."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._chunking = sink.chunking
        self._piece = bytearray(_READ_BYTES)
        self._buffer = bytearray()
        self._recipient = b""
        self._in_data = False
        self._chunk = 0  # bytes of a BDAT that are awaited
        self._owes = False  # a mail is to be confirmed: what comes behind it is answered afterwards
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport
        self._sink.open.add(self)
        self._say(b"220 sink.test ESMTP")

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self._sink.open.discard(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._piece

    def buffer_updated(self, count: int) -> None:
        self._buffer += self._piece[:count]
        self._go_on()

    def confirm(self) -> None:
        """The mail has been kept."""
        self._owes = False
        self._say(b"250 2.0.0 kept")
        self._go_on()

    def _go_on(self) -> None:
        while self._take():
            pass
        if self._sink.armed and not self._owes and (self._in_data or self._chunk) and self._buffer:
            self._sink.die(len(self._buffer), self._chunk)

    def _take(self) -> bool:
        """Handle one command or one whole message; False when more bytes, or a reply before, are needed."""
        if self._owes:
            return False
        if self._chunk:
            if len(self._buffer) < self._chunk:
                return False
            message, self._chunk = self._cut(self._chunk), 0
            self._owes = True
            self._sink.keep(self, self._recipient, message)
            return True
        ending = b"\r\n.\r\n" if self._in_data else b"\r\n"
        end = self._buffer.find(ending)
        if end < 0:
            return False
        text = self._cut(end + len(ending))[:end]
        if self._in_data:
            self._in_data = False
            self._owes = True
            self._sink.keep(self, self._recipient, text)
        else:
            self._answer(text)
        return True

    def _cut(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            chunking = b"250-CHUNKING\r\n" if self._chunking else b""
            self._say(b"250-sink.test\r\n250-PIPELINING\r\n" + chunking + b"250 8BITMIME")
        elif verb == b"RCPT":
            found = _RECIPIENT.match(line)
            self._recipient = found.group(1) if found else b""
            self._say(b"250 2.1.5 fine")
        elif verb == b"DATA":
            self._in_data = True
            self._say(b"354 go on")
        elif verb == b"BDAT":
            self._chunk = int(line.split()[1])
        elif verb == b"QUIT":
            self._say(b"221 2.0.0 bye")
            self._out.close()
        else:
            self._say(b"250 2.0.0 fine")

    def _say(self, line: bytes) -> None:
        if not self._out.is_closing():
            self._out.write(line + b"\r\n")


async def serve(port: int, record: Path, control: Path, host: str) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    sink = Sink(record, control)
    loop.add_signal_handler(signal.SIGUSR1, sink.arm)
    server = await loop.create_server(lambda: Session(sink), host, port, reuse_address=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    where = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), where))

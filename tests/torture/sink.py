"""An SMTP server that writes down every mail it accepts before it says so; made to be killed.

`python -m tests.torture.sink PORT FILE`: one line of FILE per accepted mail, `recipient message-id`.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_DELAY_SECONDS = 0.005
_RECIPIENT = re.compile(rb"^RCPT TO:<([^>]*)>", re.IGNORECASE)


class Session(asyncio.Protocol):
    """One SMTP connection."""

    def __init__(self, record: int) -> None:
        self._record = record
        self._buffer = bytearray()
        self._recipient = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport
        self._say(b"220 sink.test ESMTP")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take():
            pass

    def _take(self) -> bool:
        """Handle one command or one whole message; False when more bytes are needed."""
        if self._in_data:
            end = self._buffer.find(b"\r\n.\r\n")
            if end < 0:
                return False
            message = bytes(self._buffer[:end])
            del self._buffer[: end + 5]
            self._in_data = False
            self._keep(message)
            return True
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._answer(line)
        return True

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._say(b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME")
        elif verb == b"RCPT":
            found = _RECIPIENT.match(line)
            self._recipient = found.group(1) if found else b""
            self._say(b"250 2.1.5 fine")
        elif verb == b"DATA":
            self._in_data = True
            self._say(b"354 go on")
        elif verb == b"QUIT":
            self._say(b"221 2.0.0 bye")
            self._out.close()
        else:
            self._say(b"250 2.0.0 fine")

    def _keep(self, message: bytes) -> None:
        found = _MESSAGE_ID.search(message)
        # In the kernel before the reply: a kill in between makes a mail that was accepted and never answered.
        os.write(self._record, self._recipient + b" " + (found.group(1) if found else b"?") + b"\n")
        # Slow enough that a campaign lasts while it is being struck.
        asyncio.get_running_loop().call_later(_DELAY_SECONDS, self._say, b"250 2.0.0 kept")

    def _say(self, line: bytes) -> None:
        if not self._out.is_closing():
            self._out.write(line + b"\r\n")


async def serve(port: int, path: str) -> None:
    """Serve until killed."""
    record = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(record), "127.0.0.1", port, reuse_address=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))

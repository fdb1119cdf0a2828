"""Replies and bytes over a socket, each with a deadline; knows the form of a reply and no command."""

from __future__ import annotations

import re
import socket
import time
from typing import NamedTuple

_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_LONGEST_LINE = 8192
_MOST_LINES = 100


class Reply(NamedTuple):
    """A relay's reply: 200 to 599, and its text, lines joined by newlines."""

    code: int
    text: str


class Lost(Exception):
    """The connection is of no use any more. `after_dot`: the relay may have taken the mail."""

    def __init__(self, why: str, after_dot: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.after_dot = after_dot


class Wire:
    """An open socket, encrypted or not. Every method may raise `Lost`."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._unread = bytearray()

    def write(self, data: bytes, seconds: float) -> None:
        """Hand all of `data` to the kernel. After an error at least its last byte was not handed over."""
        try:
            self.socket.settimeout(seconds)
            self.socket.sendall(data)
        except OSError as error:
            raise Lost(f"connection lost while writing: {error}") from None

    def read_reply(self, seconds: float) -> Reply:
        """One reply, all its lines within `seconds`."""
        deadline = time.monotonic() + seconds
        texts: list[str] = []
        while len(texts) < _MOST_LINES:
            found = _REPLY_LINE.fullmatch(self._read_line(deadline))
            if not found:
                raise Lost("what the relay says is not SMTP")
            code, separator, text = found.groups()
            texts.append((text or b"").decode("utf-8", "replace"))
            if separator != b"-":
                return Reply(int(code), "\n".join(texts))
        raise Lost("the relay's reply has no end")

    def _read_line(self, deadline: float) -> bytes:
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > _LONGEST_LINE:
                raise Lost("the relay's reply has no end")
            # The deadline is that of the reply, so that one byte now and then cannot keep us for ever.
            left = deadline - time.monotonic()
            if left <= 0:
                raise Lost("the relay did not answer in time")
            try:
                self.socket.settimeout(left)
                chunk = self.socket.recv(4096)
            except TimeoutError:
                raise Lost("the relay did not answer in time") from None
            except OSError as error:
                raise Lost(f"connection lost while reading: {error}") from None
            if not chunk:
                raise Lost("the relay closed the connection")
            self._unread += chunk
        line = bytes(self._unread[:end]).rstrip(b"\r")
        del self._unread[: end + 1]
        return line

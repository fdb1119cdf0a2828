"""Replies of a relay: told apart in what was read, and over a socket with a deadline. Knows no command."""

from __future__ import annotations

import re
import socket
import time
from typing import NamedTuple

from campaigns.delivery.patience import ENDLESS, OVER, Patience

_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_LONGEST_LINE = 8192
_MOST_LINES = 100


class Reply(NamedTuple):
    """A relay's reply: 200 to 599, and its text, lines joined by newlines."""

    code: int
    text: str


class Lost(Exception):
    """The connection is of no use any more."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Replies:
    """What was read of one connection and not yet understood."""

    def __init__(self) -> None:
        self._unread = b""
        self._texts: list[str] = []

    def feed(self, data: bytes) -> None:
        """Add what was just read."""
        self._unread += data

    def take(self) -> Reply | None:
        """The next whole reply, None if there is none yet.

        Raises:
            Lost: what is there is not SMTP, or has no end.
        """
        while (end := self._unread.find(b"\n")) >= 0:
            line, self._unread = self._unread[:end].rstrip(b"\r"), self._unread[end + 1 :]
            if not self._texts and line[:4] == b"250 ":  # What nearly all lines are.
                return Reply(250, line[4:].decode("utf-8", "replace"))
            found = _REPLY_LINE.fullmatch(line)
            if not found:
                raise Lost("what the relay says is not SMTP")
            code, separator, text = found.groups()
            self._texts.append((text or b"").decode("utf-8", "replace"))
            if separator != b"-":
                texts, self._texts = self._texts, []
                return Reply(int(code), "\n".join(texts))
            if len(self._texts) >= _MOST_LINES:
                raise Lost("the relay's reply has no end")
        if len(self._unread) > _LONGEST_LINE:
            raise Lost("the relay's reply has no end")
        return None


class Wire:
    """A blocking socket, encrypted or not, while the relay is being greeted."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.replies = Replies()

    def read_reply(self, seconds: float, patience: Patience = ENDLESS) -> Reply:
        """One reply, all its lines within `seconds`, so that one byte now and then cannot keep us for ever.

        Raises:
            Lost: there was none, or the patience was over.
        """
        deadline = time.monotonic() + seconds
        while (reply := self.replies.take()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Lost("the relay did not answer in time")
            if patience.over:
                raise Lost(OVER)
            try:
                self.socket.settimeout(patience.slice(left))
                chunk = self.socket.recv(4096)
            except TimeoutError:
                continue
            except OSError as error:
                raise Lost(f"connection lost while reading: {error}") from None
            if not chunk:
                raise Lost("the relay closed the connection")
            self.replies.feed(chunk)
        return reply

"""The connections to one relay that are open at once, and waiting for any of them, in one thread."""

from __future__ import annotations

import math
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from campaigns.delivery.patience import ENDLESS, Patience
from campaigns.delivery.smtp_dialogue import Dialogue
from campaigns.delivery.wire import Lost

# A relay that lets us in once and not again (it limits connections, or is slow to greet) costs little.
_SECONDS_FOR_A_FURTHER_ONE = 5.0
_SECONDS_UNTIL_ANOTHER_TRY = 60.0
_LEAVE_SECONDS = 2.0
_HASTE_SECONDS = 0.2


class CannotConnect(Exception):
    """No relay to talk to. `code` is that of its reply, None where `why` is in our own words."""

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


class Pool:
    """Up to `limit` dialogues. `connect(seconds)` makes one, with so many seconds for each of its steps."""

    def __init__(
        self,
        connect: Callable[[float], Dialogue],
        limit: int,
        timeout: float,
        patience: Patience = ENDLESS,
    ) -> None:
        self.dialogues: list[Dialogue] = []
        self.limit = limit
        self._connect = connect
        self._timeout = timeout
        self._patience = patience
        self._poll = select.poll()
        self._watched: dict[int, Dialogue] = {}
        self._masks: dict[int, int] = {}
        self._none_before = 0.0

    def open(self) -> Dialogue:
        """The first connection.

        Raises:
            CannotConnect: the relay is away.
        """
        return self._add(self._connect(self._timeout))

    def may_open_another(self) -> bool:
        """Whether there is room for one more, and the relay did not just refuse it."""
        return 0 < len(self.dialogues) < self.limit and time.monotonic() >= self._none_before

    def open_another(self) -> None:
        """One more beside those that are open; for a while none, if the relay does not want it."""
        try:
            self._add(self._connect(min(self._timeout, _SECONDS_FOR_A_FURTHER_ONE)))
        except CannotConnect:
            self._none_before = time.monotonic() + _SECONDS_UNTIL_ANOTHER_TRY

    def watch(self, dialogue: Dialogue) -> None:
        """Look whether it waits for the kernel to have room; call this after each `flush`."""
        number = dialogue.socket.fileno()
        mask = select.POLLIN | (select.POLLOUT if dialogue.writing else 0)
        if number >= 0 and self._masks.get(number) != mask:
            self._poll.register(number, mask)
            self._masks[number] = mask

    def hear(self, seconds: float | None) -> list[Dialogue]:
        """Those that the relay wrote to, or that may write again, within `seconds` (None: no limit)."""
        # Rounded up, lest the last part of a millisecond be spent in circles.
        events = self._poll.poll(None if seconds is None else math.ceil(1000 * seconds))
        return [self._watched[number] for number, _ in events]

    def forget(self, dialogue: Dialogue) -> None:
        """It is closed, or about to be: leave it out from now on. Do this while its socket is open."""
        number = dialogue.socket.fileno()
        if self._watched.pop(number, None) is not None:
            self._poll.unregister(number)
            del self._masks[number]
        with suppress(ValueError):
            self.dialogues.remove(dialogue)

    def drop(self, which: Callable[[Dialogue], bool]) -> None:
        """Close without a word."""
        for dialogue in [dialogue for dialogue in self.dialogues if which(dialogue)]:
            self.forget(dialogue)
            dialogue.close()

    def leave(self) -> None:
        """Say QUIT to the relay on all connections, and do not wait long for answers."""
        leaving = [dialogue.socket for dialogue in self.dialogues if dialogue.idle]
        for connection in leaving:
            with suppress(OSError, Lost):
                connection.settimeout(_LEAVE_SECONDS)
                connection.sendall(b"QUIT\r\n")
        # With several relays that do not answer, these moments add up.
        deadline = time.monotonic() + (_HASTE_SECONDS if self._patience.over else _LEAVE_SECONDS)
        for connection in leaving:
            _read_to_the_end(connection, deadline)
        self.drop(lambda _: True)

    def _add(self, dialogue: Dialogue) -> Dialogue:
        self.dialogues.append(dialogue)
        self._watched[dialogue.socket.fileno()] = dialogue
        self.watch(dialogue)
        return dialogue


def _read_to_the_end(connection: socket.socket, deadline: float) -> None:
    """Wait until the relay has taken leave as well; one that hears a reset may forget what it was told."""
    with suppress(OSError):
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(4096):
                return

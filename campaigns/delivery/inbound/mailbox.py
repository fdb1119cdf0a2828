"""Where mail waits to be taken in: the contract, and a mailbox of memory for tests and rehearsals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from campaigns.delivery.inbound.arrived import MOST_BYTES


class Mailbox(Protocol):
    """A mailbox. All pass tests/delivery/test_delivery_mailboxes.py.

    Nothing is lost, whenever a process dies: a message that was read and not said to be done waits still.
    """

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """(key, message) of each that is not done, the oldest first; of a long one the first MOST_BYTES.

        Raises:
            ServiceUnavailable: the mailbox cannot be reached.
        """
        ...

    def done(self, key: str) -> None:
        """The message was taken in and does not wait any more. One that is gone meanwhile is as good as done.

        Raises:
            ServiceUnavailable: the mailbox cannot be reached; the message will come again.
        """
        ...

    def close(self) -> None:
        """Let go of the mailbox. May be called twice; it can be used again afterwards."""
        ...


class FakeMailbox:
    """Messages in memory; `finished` has the keys of those that are done."""

    def __init__(self) -> None:
        self.finished: list[str] = []
        self._messages: dict[str, bytes] = {}

    def deliver(self, raw: bytes) -> None:
        """Put a message into it."""
        self._messages[str(len(self._messages) + 1)] = raw

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        for key, raw in list(self._messages.items()):
            if key not in self.finished:
                yield key, raw[:MOST_BYTES]

    def done(self, key: str) -> None:
        if key in self._messages and key not in self.finished:
            self.finished.append(key)

    def close(self) -> None:
        """Nothing to let go of."""

"""The way out of this process: a transport and its journal, which are replaced together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from campaigns.core.errors import ServiceUnavailable
from campaigns.delivery.journal import Journal
from campaigns.delivery.journaled import JournaledTransport
from campaigns.delivery.transport import Transport


class Outlet:
    """Makes the transport and its journal on first use. For one thread of one process, after forking.

    Args:
        make: makes the transport that the journal is kept of.
        journals: the folder of this host's journals.
        host: what names this host among all that share the database.
    """

    def __init__(self, make: Callable[[], Transport], journals: Path, host: str) -> None:
        self._make = make
        self._journals = journals
        self._host = host
        self._current: JournaledTransport | None = None

    @property
    def transport(self) -> JournaledTransport:
        """Where mail goes now."""
        if self._current is None:
            self._current = JournaledTransport(self._make(), Journal(self._journals))
        return self._current

    @property
    def worker(self) -> str:
        """Who claims sends: `host:writer of the journal`, so that a claim tells where its journal lies.

        A journal that was taken from us is left for a new one: here, where somebody is about to claim, and
        never amid a batch, whose mails the old one holds back.
        """
        if self.transport.journal.revoked:
            self.abandon()
        return f"{self._host}:{self.transport.journal.writer}"

    def abandon(self) -> None:
        """Leave the journal to the sweeper as if this process had died, and begin a new one.

        For when outcomes are known here and could not be committed: somebody else will, from the journal.
        """
        self._end(abandoned=True)

    def close(self) -> None:
        """Take leave of the relay and give the journal up; both are made anew when needed again."""
        self._end(abandoned=False)

    def _end(self, abandoned: bool) -> None:
        current, self._current = self._current, None
        if current is not None:
            with suppress(OSError, ServiceUnavailable):
                current.close()
            current.journal.close(abandoned)

"""A transport that keeps a journal: intent before a mail is handed over, outcome after the reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.delivery.journal import Journal
from campaigns.delivery.transport import Outcome, OutgoingMail, Transport, unannounced

_log = get_logger(__name__)


class JournaledTransport:
    """A `Transport` around another one. A mail whose intent cannot be written does not go out: `unreached`.

    `journal.settled()` is the caller's to call, after it has committed the outcomes.
    """

    def __init__(self, transport: Transport, journal: Journal) -> None:
        self.journal = journal
        self._transport = transport

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        """See `Transport.send_group`. What a caller that stops does not hear any more, the journal still does."""
        group = _JournaledGroup(self.journal, mails, before_data)
        outcomes = self._transport.send_group(group.mails(), group.announce)
        try:
            for outcome in outcomes:
                group.write_down(outcome)
                yield outcome
        except GeneratorExit:
            group.stopped = True
            # The replies that are on their way are waited for; nothing more is handed over.
            with suppress(Exception):
                for outcome in outcomes:
                    group.write_down(outcome)
            raise

    def close(self) -> None:
        """Close the transport within; the journal belongs to the process and is the caller's to close."""
        self._transport.close()


class _JournaledGroup:
    def __init__(
        self, journal: Journal, mails: Iterable[OutgoingMail], before_data: Callable[[int], None]
    ) -> None:
        self.stopped = False
        self._journal = journal
        self._mails = mails
        self._before_data = before_data
        self._unwritten: set[int] = set()

    def mails(self) -> Iterator[OutgoingMail]:
        for mail in self._mails:
            yield mail
            if self.stopped:
                return

    def announce(self, send_id: int) -> None:
        if self.stopped:
            raise ServiceUnavailable("SMTP", "the sender has stopped")
        try:
            self._journal.intent(send_id)
        except ServiceUnavailable:
            self._unwritten.add(send_id)
            raise
        self._before_data(send_id)

    def write_down(self, outcome: Outcome) -> None:
        if outcome.send_id in self._unwritten:
            return  # There is no intent that it could be the end of, and no room either.
        try:
            self._journal.outcome(outcome)
        except ServiceUnavailable as error:
            # The outcome is true all the same; without its record only a kill before the commit costs us it.
            _log.warning("journal_not_written", send_id=outcome.send_id, why=error.message)

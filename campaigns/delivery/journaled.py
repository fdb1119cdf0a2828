"""A transport that keeps a journal: intent before a mail is handed over, outcome after the reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.delivery.journal import Journal
from campaigns.delivery.transport import Outcome, OutgoingMail, Transport, unreached

_log = get_logger(__name__)


class JournaledTransport:
    """A `Transport` around another one. A mail whose intent cannot be written does not go out: `unreached`.

    `journal.settled()` is the caller's to call, after it has committed the outcomes.
    """

    def __init__(self, transport: Transport, journal: Journal) -> None:
        self.journal = journal
        self._transport = transport

    def send_group(self, mails: Iterable[OutgoingMail]) -> Iterator[Outcome]:
        waiting = iter(mails)
        while True:
            unwritten: list[Outcome] = []
            for outcome in self._transport.send_group(self._with_intents(waiting, unwritten)):
                self._write_down(outcome)
                yield outcome
            if not unwritten:
                return
            yield unwritten.pop()

    def close(self) -> None:
        """Close the transport within; the journal belongs to the process and is the caller's to close."""
        self._transport.close()

    def _with_intents(
        self, waiting: Iterator[OutgoingMail], unwritten: list[Outcome]
    ) -> Iterator[OutgoingMail]:
        """The mails, each after its intent was written; ends early, with its outcome, at one that was not."""
        for mail in waiting:
            try:
                self.journal.intent(mail.send_id)
            except ServiceUnavailable as error:
                unwritten.append(unreached(mail.send_id, error.message))
                return
            yield mail

    def _write_down(self, outcome: Outcome) -> None:
        try:
            self.journal.outcome(outcome)
        except ServiceUnavailable as error:
            # The outcome is true all the same; without its record only a kill before the commit costs us it.
            _log.warning("journal_not_written", send_id=outcome.send_id, why=error.message)

"""A transport over several relays: each mail by the relay chosen for it, or by another if that is away."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from campaigns.core.errors import ServiceUnavailable
from campaigns.delivery.gate import Gate
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, Transport, unannounced, unreached


class RelaysTransport:
    """A `Transport` that conducts those of the relays, which it makes when the first mail is for them.

    Mails that follow one another to the same relay are one group for it. A mail that comes back `unreached`
    goes to the next healthy relay at once, and so does the rest of the mails for the relay that was lost;
    never one that may have been handed over. The gate is told how the relays do, and is asked for the tokens
    of the relay that steps in: a mail for which there is none stays `unreached` and is tried again later.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Transport]], gate: Gate) -> None:
        if not makers:
            raise ValueError("there must be at least one relay")
        self._makers = makers
        self._gate = gate
        self._open: dict[str, Transport] = {}

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        return _Group(self.transport, frozenset(self._makers), self._gate, mails, before_data).outcomes()

    def transport(self, relay: str) -> Transport:
        """The transport to this relay."""
        if relay not in self._open:
            self._open[relay] = self._makers[relay]()
        return self._open[relay]

    def close(self) -> None:
        """Take leave of all relays."""
        for transport in self._open.values():
            transport.close()


class _Group:
    """One call of `send_group`."""

    def __init__(
        self,
        transport: Callable[[str], Transport],
        known: frozenset[str],
        gate: Gate,
        mails: Iterable[OutgoingMail],
        before_data: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._usable = set(known)
        self._lost: set[str] = set()  # during this group
        self._only = next(iter(known)) if len(known) == 1 else ""
        self._gate = gate
        self._source = _Source(mails)
        self._before_data = before_data
        self._unwritten: set[int] = set()
        self._back: deque[tuple[OutgoingMail, Outcome]] = deque()  # unreached, and looking for another relay
        self._given_up: list[Outcome] = []

    def outcomes(self) -> Iterator[Outcome]:
        while True:
            mail = self._source.head()
            if self._back or (mail and not self._only and mail.relay not in self._usable):
                relay = self._gate.instead(self._lost)
                if relay:
                    yield from self._run(relay, self._strays(relay))
                elif self._back:
                    self._given_up.append(self._back.popleft()[1])
                elif mail:
                    self._given_up.append(_nobody(self._source.take()))
            elif mail:
                relay = self._only or mail.relay
                yield from self._run(relay, self._own(relay))
            else:
                break
            yield from self._taken_from(self._given_up)
        if self._source.error is not None:
            raise self._source.error

    def _run(self, relay: str, feed: Iterator[OutgoingMail]) -> Iterator[Outcome]:
        taken: dict[int, OutgoingMail] = {}

        def noted() -> Iterator[OutgoingMail]:
            for mail in feed:
                taken[mail.send_id] = mail
                yield mail

        for outcome in self._transport(relay).send_group(noted(), self._announce):
            mail = taken.pop(outcome.send_id)
            if relay != mail.relay:
                outcome = replace(outcome, relay=relay)
            if outcome.kind is Kind.UNREACHED and outcome.send_id in self._unwritten:
                yield outcome  # our disk's fault, not the relay's: no other relay mends it
                continue
            lost = outcome.kind in (Kind.UNREACHED, Kind.UNCERTAIN)
            if lost or outcome.code is not None:
                self._gate.report(relay, ok=not lost)
            if outcome.kind is Kind.UNREACHED and not self._only:
                self._usable.discard(relay)
                self._lost.add(relay)
                self._back.append((mail, outcome))
            else:
                yield outcome

    def _own(self, relay: str) -> Iterator[OutgoingMail]:
        """The next mails as long as they are for this relay and it is not lost."""
        while relay in self._usable:
            mail = self._source.head()
            if mail is None or (not self._only and mail.relay != relay):
                return
            yield self._source.take()

    def _strays(self, relay: str) -> Iterator[OutgoingMail]:
        """Mails that need another relay, as long as this one has room for them."""
        while relay in self._usable:
            if self._back:
                mail, outcome = self._back.popleft()
            else:
                head = self._source.head()
                if head is None or head.relay in self._usable:
                    return
                mail = self._source.take()
                outcome = _nobody(mail)
            if self._gate.spare(relay):
                yield mail
            else:
                self._given_up.append(outcome)

    def _announce(self, send_id: int) -> None:
        self._unwritten.discard(send_id)
        try:
            self._before_data(send_id)
        except ServiceUnavailable:
            self._unwritten.add(send_id)
            raise

    @staticmethod
    def _taken_from(outcomes: list[Outcome]) -> Iterator[Outcome]:
        while outcomes:
            yield outcomes.pop(0)


class _Source:
    """The mails, of which the next may be looked at.

    An exception of the iterable ends it, and is kept for when all mails that it gave have their outcomes.
    """

    def __init__(self, mails: Iterable[OutgoingMail]) -> None:
        self._mails = iter(mails)
        self._head: OutgoingMail | None = None
        self._ended = False
        self.error: Exception | None = None

    def head(self) -> OutgoingMail | None:
        if self._head is None and not self._ended:
            try:
                self._head = next(self._mails, None)
            except Exception as error:
                self.error = error
            self._ended = self._head is None
        return self._head

    def take(self) -> OutgoingMail:
        mail = self.head()
        assert mail is not None
        self._head = None
        return mail


def _nobody(mail: OutgoingMail) -> Outcome:
    return unreached(mail.send_id, f"the relay {mail.relay} is out of reach, and no other can take its mails")

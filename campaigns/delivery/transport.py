"""The contract of everything that hands mail over, and the values that cross it.

What is promised about each mail is what makes "nobody is lost and nobody is mailed twice" possible, so
the kinds of outcome are cut by one question only: *may this mail be sent again without a second copy?*

    sent       the relay took responsibility (2xx after the whole mail)       never again
    deferred   a 4xx that concerns this mail                                  again, later
    rejected   a 5xx, or a mail that cannot be put into SMTP at all           never as it is
    unreached  no relay, a 421, or the connection broke before the last byte  again, at once if wanted
    uncertain  everything was handed over and no reply came                   unknown: never silently
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from campaigns.delivery.foreign_words import printable

_LONGEST_REPLY = 500


class Kind(StrEnum):
    """How handing over one mail ended; see the table of the module."""

    SENT = "sent"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNREACHED = "unreached"
    UNCERTAIN = "uncertain"


class Fault(StrEnum):
    """Who has to change something before a rejected mail can pass."""

    RECIPIENT = "recipient"
    SENDER = "sender"


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail to one recipient, ready to go.

    `sender` and `recipient` are bare envelope addresses (RFC 5321 paths without angle brackets; an empty
    sender is the null path). `message` is the whole mail with CRLF line ends, signed if it is to be signed:
    it arrives byte for byte, except that lone CR or LF become CRLF (they would allow SMTP smuggling).
    `message_id` is the Message-ID with its angle brackets.

    `clean` is the composer's word that `message` is ASCII, has CRLF as its only line end, ends with one, and
    has no line that begins with a dot; it is then not looked through again. A false word breaks the mail, and
    with text of strangers in it lets them smuggle one of their own: set it only where it holds by construction.
    `relay` names the relay that was chosen for it, where there are several.
    """

    send_id: int
    sender: str
    recipient: str
    message: bytes
    message_id: str
    clean: bool = False
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended for one mail.

    `code` is the relay's reply code and `enhanced` its RFC 3463 code ("5.1.1"), None where there was none.
    `reply` is the relay's text, or ours, for people; it never contains the recipient's address.
    `fault` is set for `rejected` only. `soft` marks a 5xx that describes a passing state, such as a full
    mailbox, or that names no reason: count it, do not suppress the address for it.
    `relay` names the relay that really had it, where that is another one than was chosen.
    """

    send_id: int
    kind: Kind
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""
    fault: Fault | None = None
    soft: bool = False
    relay: str = ""

    def __post_init__(self) -> None:
        if not self.reply.isprintable():
            # Relays repeat what far servers say; and PostgreSQL, for one, takes no NUL.
            object.__setattr__(self, "reply", printable(self.reply))
        if len(self.reply) > _LONGEST_REPLY:
            object.__setattr__(self, "reply", self.reply[: _LONGEST_REPLY - 1] + "…")

    @property
    def may_be_sent_again(self) -> bool:
        """True where trying once more cannot lead to a second copy."""
        return self.kind in (Kind.DEFERRED, Kind.UNREACHED)

    @property
    def address_is_dead(self) -> bool:
        """True where the relay said that this address will never work: suppress it."""
        return self.kind is Kind.REJECTED and self.fault is Fault.RECIPIENT and not self.soft


def unreached(send_id: int, why: str, code: int | None = None, enhanced: str | None = None) -> Outcome:
    """The outcome of a mail that was certainly not handed over."""
    return Outcome(send_id, Kind.UNREACHED, code, enhanced, why)


def unannounced(send_id: int) -> None:
    """What is told of a mail about to be handed over where nobody wants to know."""


class Transport(Protocol):
    """Hands mail over. Real ones and the fake pass tests/delivery/test_delivery_contract.py.

    One transport belongs to one thread of one process: make it after forking, never share it.
    """

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        """Hand over the mails; exactly one outcome for each that was taken, in any order.

        - `mails` is read lazily, while replies are awaited. Besides the one mail in flight on each connection,
          at most connections + 1 are taken ahead. It should not wait: meanwhile no reply is read. To stop,
          let it end: what was taken is still sent, and gets its outcome.
        - `before_data(send_id)` is called right before bytes are written that could deliver that mail: its
          intent is put on disk there. At every moment at most one mail per connection is announced and has no
          outcome, and only those can be uncertain after a kill. A mail may be announced twice, where its
          first connection was closed before it was all handed over. A mail that was never announced was
          never handed over. When it raises ServiceUnavailable, the mail is `unreached`; the others go on.
        - The work is done while the result is iterated. A caller that stops iterating leaves nothing in
          flight: connections in the middle of a mail are closed, and mails that were announced and got no
          outcome are uncertain.
        - Trouble with the relay is an outcome, never an exception. When the relay is out of reach, the rest
          of the group is `unreached` without waiting for one timeout after another.
        - An exception of the iterable passes through after the mails already taken got their outcomes. One
          thrown into the thread (a signal handler, a task's time limit) passes through at once. The transport
          can be used again afterwards.
        """
        ...

    def close(self) -> None:
        """Take leave of the relay. May be called twice; a later `send_group` connects again."""
        ...

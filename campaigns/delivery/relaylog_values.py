"""What a relay's log tells of one mail, whatever the format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Protocol

from campaigns.delivery.classify import Phase, classify, enhanced_code
from campaigns.delivery.nameless import without_people

SendKey = tuple[int, int]
"""(campaign id, send id)."""

_CODE = re.compile(r"(?<![\d.])([245]\d\d)(?:[ -]([245]\.\d{1,3}\.\d{1,3}))?(?![\d.])")
_LONGEST_REPLY = 300


class Trace(IntEnum):
    """How far a mail came; the greater one decides where a log says several things."""

    BEGUN = 1  # the headers arrived, and the relay did not keep the mail
    TAKEN = 2  # in the relay's queue: the relay answers for it now
    DEFERRED = 3
    DELIVERED = 4
    BOUNCED = 5


@dataclass(frozen=True, slots=True)
class Sighting:
    """The furthest a mail came, when (None: the line's time was unreadable), and the relay's words for it.

    `reply` names nobody: addresses are taken out. `enhanced` is the RFC 3463 code, `code` the SMTP reply code.
    """

    trace: Trace
    at: datetime | None
    reply: str = ""
    code: int | None = None
    enhanced: str | None = None

    @property
    def taken(self) -> bool:
        """Whether the relay took responsibility for the mail."""
        return self.trace >= Trace.TAKEN

    @property
    def address_is_dead(self) -> bool:
        """Whether the bounce says that this address will never work: suppress it."""
        return self.trace is Trace.BOUNCED and bounce_is_dead(self.code, self.enhanced)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The mails to look for.

    `identify` gives the send of a Message-ID (with or without brackets) or None when it is not wanted;
    it is asked for every Message-ID in the log, so it must be quick with strangers. `recipients` has the
    envelope address of a send; what happened to other recipients of it (an archive, say) tells nothing.
    """

    identify: Callable[[str], SendKey | None]
    recipients: Mapping[SendKey, str] = field(default_factory=dict)

    def is_recipient(self, key: SendKey, *addresses: str | None) -> bool:
        """Whether one of the addresses is that of the send; also when its address is not known."""
        wanted = self.recipients.get(key, "").casefold()
        return not wanted or any(a is not None and a.casefold() == wanted for a in addresses)


class Sightings(dict[SendKey, Sighting]):
    """The furthest trace of each wanted mail."""

    def note(self, key: SendKey, seen: Sighting) -> None:
        """Keep it if it is as far as, or further than, what was seen before."""
        before = self.get(key)
        if before is None or seen.trace >= before.trace:
            self[key] = seen


class LineReader(Protocol):
    """Reads the lines of one format. One object reads all files, since a mail's lines cross rotations."""

    name: str

    def read(self, line: str) -> bool:
        """Take in a line without its end; False: it is none of this format."""
        ...

    def time_of(self, line: str) -> datetime | None:
        """When a line that was read as of this format was written."""
        ...


def bounce_is_dead(code: int | None, enhanced: str | None) -> bool:
    """Whether a bounce with these codes means that there is no such mailbox (same table as for replies)."""
    if enhanced is not None and not enhanced.startswith("5"):
        return False
    verdict = classify(code if code is not None and 500 <= code <= 599 else 550, enhanced, Phase.RCPT)
    return verdict.fault is not None and verdict.fault.value == "recipient" and not verdict.soft


def codes_in(text: str) -> tuple[int | None, str | None]:
    """The first SMTP code in a text that looks like a reply, and the RFC 3463 code behind it."""
    leading = enhanced_code(text)
    if leading is not None:
        return None, leading
    found = _CODE.search(text)
    return (int(found[1]), found[2]) if found else (None, None)


def without_addresses(text: str, recipient: str = "") -> str:
    """A relay's words without the people in them (see `without_people`), and not too long."""
    clean = without_people(text, recipient).strip()
    return clean if len(clean) <= _LONGEST_REPLY else clean[: _LONGEST_REPLY - 1] + "…"

"""What every provider's webhook comes down to: who may speak, what is kept, and one set of words for events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from campaigns.core.errors import BadInput, GiveUp
from campaigns.delivery.foreign_words import printable
from campaigns.delivery.relaylog_values import codes_in

EVENTS = ("delivered", "deferred", "bounced", "complained", "unsubscribed")
"""Opens and clicks of providers are passed over: Tailormail counts its own, and only with consent."""

TOLERANCE = timedelta(minutes=5)
"""How far a signed stamp may be away from now: clocks differ, and requests take their time."""

Meaning = tuple[str, str, bool]
"""Our name of an event, what was said, and whether it is for good."""

_LONGEST = 2000


class NotAuthentic(GiveUp):
    """A request that does not come from the provider, or comes again too late; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class HookItem:
    """One message of a provider as it is kept; `event_id` is the provider's own number, or a hash where it has none."""

    event_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """What a request brought.

    `problems` are parts of it that cannot be kept. `once`: may come only once, for the provider's signature does
    not cover what the request says; empty where it does.
    """

    items: tuple[HookItem, ...] = ()
    problems: tuple[str, ...] = ()
    once: str = ""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One event of one mail, in our words.

    `references` may each be our Message-ID, or the mark that stands for it (provider_marks.py); `recipient` is the
    address it was about, empty where the provider does not say; `reply` is what the other server said, an RFC 3463
    code first where the provider knows one. `permanent` False: the provider tries on, or the state passes.
    """

    name: str
    at: datetime
    references: tuple[str, ...]
    recipient: str = ""
    reply: str = ""
    event_id: str = ""
    permanent: bool = True


class Receiver(Protocol):
    """One provider's webhook, with its secret."""

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        """What is to be kept of a request. `headers` by name, each of its words with a capital letter.

        Raises:
            NotAuthentic: it does not come from the provider.
            BadInput: it does, and cannot be read.
            ServiceUnavailable: it cannot be told now.
        """
        ...

    def events(self, payload: bytes) -> list[HookEvent]:
        """The events in one kept message; none for what is passed over.

        Raises:
            BadInput: it cannot be read.
        """
        ...


def json_of(body: bytes) -> Any:
    """The JSON value.

    Raises:
        BadInput: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("is no JSON") from None


def object_of(value: object, where: str = "") -> dict[str, Any]:
    """The value as an object.

    Raises:
        BadInput: it is none.
    """
    if not isinstance(value, dict):
        raise BadInput("must be an object", where=where)
    return value


def part_of(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object inside an object; empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text_of(value: object) -> str:
    """A string or number as one printable line, not too long; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return printable(str(value)).strip()[:_LONGEST]


def moment_of(value: object, where: str) -> datetime:
    """A moment from ISO 8601 text, or from seconds since 1970.

    Raises:
        BadInput: it is neither, or has no time zone.
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise BadInput("is no time", where=where) from None
    if moment.tzinfo is None:
        raise BadInput("needs a time zone", where=where)
    return moment.astimezone(UTC)


def check_stamp(stamp: str, where: str, now: datetime) -> None:
    """Nothing, if a signed number of seconds since 1970 is at most TOLERANCE away.

    Raises:
        NotAuthentic: it is further away, or no such number.
        BadInput: it is beyond what a clock shows.
    """
    is_number = stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12
    if not is_number or abs(moment_of(int(stamp), where) - now) > TOLERANCE:
        raise NotAuthentic("the request is too old")


def references_of(found: Iterable[object]) -> tuple[str, ...]:
    """What there is of these, as text."""
    return tuple(text for text in map(text_of, found) if text)


def event_of(
    meaning: Meaning, row: Mapping[str, Any], at: str, references: Iterable[object], recipient: object
) -> HookEvent:
    """The event that a provider's row means; `at` is the field that says when.

    Raises:
        BadInput: that field is no time.
    """
    name, reply, permanent = meaning
    return HookEvent(
        name,
        moment_of(row.get(at), at),
        references_of(references),
        text_of(recipient),
        reply,
        permanent=permanent,
    )


def number_of(value: object, payload: bytes) -> str:
    """The provider's number of a message; a hash of the message where it has none, or an outlandish one."""
    number = text_of(value)
    return number if 0 < len(number) <= 200 else hashlib.sha256(payload).hexdigest()


def with_code(code: str, words: str) -> str:
    """The other server's words, with the RFC 3463 code in front where they do not name one themselves."""
    if not code or code.endswith(".0.0") or codes_in(words)[1]:
        return words
    return f"{code} {words}".strip()

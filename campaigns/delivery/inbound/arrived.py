"""A mail that arrived: parsed as far as is safe, where it was sent to, and what it tells of the mail it is about."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import islice

from campaigns.delivery.foreign_words import printable

MOST_BYTES = 5_000_000
"""Of a longer mail no more is read. Reports on mails of ours are a tenth of a megabyte long."""

_PARSED_BYTES = 500_000
_HEAD_BYTES = 64_000
# The parser compares each line with the boundaries of all parts around it: what is nested deeper costs too much.
_MOST_PARTS = 40
_PART_SIGN = re.compile(rb"boundary|message/", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LONGEST_HEADER = 2_000
_MOST_ADDRESSES = 50
_LONGEST_TEXT = 100_000

_ADDRESS = re.compile(r"[^\s<>,;:\"()@]{1,250}@[^\s<>,;:\"()@]{1,253}")
_SENT_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
_AUTHORED = ("Message-ID", "Date", "From", "To", "Subject")
_HEADER_IN_TEXT = re.compile(
    r"^[>| \t]{0,8}(message-id|return-path|list-unsubscribe)[ \t]{0,3}:[ \t]{0,8}(?:\r?\n[ \t]+)?"
    r"(\S[^\r\n]{0,900}(?:\r?\n[ \t]{1,8}\S[^\r\n]{0,900})?)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Clues:
    """What in a report may name the mail it is about: header values as they stand there, none of them proven."""

    message_ids: tuple[str, ...] = ()
    return_paths: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrived:
    """`message` is parsed leniently; `recipients` are those of the SMTP envelope, where it is known."""

    message: Message
    digest: str
    recipients: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def sent_to(self) -> tuple[str, ...]:
        """Where it was sent: the envelope's recipients, or what headers say where there is no envelope."""
        if self.recipients:
            return self.recipients
        found = [address for name in _SENT_TO for address in addresses_in(self.header(name))]
        return tuple(dict.fromkeys(found))[:_MOST_ADDRESSES]

    @cached_property
    def text(self) -> str:
        """The words of its text parts, the returned mail not among them unless it stands there as text."""
        found: list[str] = []
        room = _LONGEST_TEXT
        for part in own_parts(self.message):
            if part.get_content_type() == "text/plain" and room > 0:
                found.append(decoded(part)[:room])
                room -= len(found[-1])
        return "\n".join(found)

    @cached_property
    def returned(self) -> tuple[Message, ...]:
        """The mails that it returns, or their headers alone."""
        return tuple(_returned(self.message))

    @cached_property
    def clues(self) -> Clues:
        """What names the mail it is about: from the returned mail, else from one that is quoted in the text."""
        found: dict[str, list[str]] = {"message-id": [], "return-path": [], "list-unsubscribe": []}
        for returned in self.returned:
            for name, values in found.items():
                values += [one_header(value) for value in returned.get_all(name, [])[:3]]
        if not any(found.values()):
            for match in islice(_HEADER_IN_TEXT.finditer(self.text), _MOST_ADDRESSES):
                found[match[1].lower()].append(one_header(match[2]))
        return Clues(*(tuple(values[:_MOST_ADDRESSES]) for values in found.values()))

    def header(self, name: str) -> str:
        """All values of a header in one line, cut where it gets long; empty where there is none."""
        values = self.message.get_all(name, [])[:_MOST_ADDRESSES]
        return ", ".join(one_header(value) for value in values)[:_LONGEST_HEADER]

    @property
    def subject(self) -> str:
        """The subject as people read it."""
        raw = self.header("Subject")
        try:
            return str(make_header(decode_header(raw)))
        except (LookupError, ValueError):
            return raw

    @property
    def date(self) -> datetime | None:
        """When it says it was written; None where that cannot be read or has no time zone."""
        try:
            found = parsedate_to_datetime(self.header("Date"))
        except (ValueError, TypeError, OverflowError):
            return None
        return found if found.tzinfo is not None else None


def arrived(raw: bytes, recipients: Sequence[str] = ()) -> Arrived:
    """Read a mail; never fails, whatever it is. `recipients`: the SMTP envelope's, where it is known."""
    raw = raw[:MOST_BYTES]
    return Arrived(_parsed(raw), _digest(raw), tuple(recipients)[:_MOST_ADDRESSES])


def addresses_in(text: str) -> list[str]:
    """What looks like an address in a header's value."""
    return _ADDRESS.findall(text)[:_MOST_ADDRESSES]


def one_header(value: object) -> str:
    """A header's value as one printable line of bounded length."""
    return " ".join(printable(str(value)[:_LONGEST_HEADER]).split())


def decoded(part: Message) -> str:
    """The text of a part, whatever its coding and its character set claim to be."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        return raw.decode("latin-1")


def own_parts(message: Message) -> Iterator[Message]:
    """All parts of a mail, without going into mails and reports that are attached to it."""
    waiting = [message]
    while waiting:
        part = waiting.pop(0)
        yield part
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting += list(_parts(part))


def headers_of(raw: bytes) -> Message:
    """A mail of which only the headers are looked at; never fails."""
    try:
        return BytesHeaderParser().parsebytes(raw[:_HEAD_BYTES])
    except Exception:
        return Message()


def _parsed(raw: bytes) -> Message:
    start = raw[:_PARSED_BYTES]
    if _END_OF_HEAD.search(start, 0, _HEAD_BYTES) is None or len(_PART_SIGN.findall(start)) > _MOST_PARTS:
        return headers_of(raw)
    try:
        return message_from_bytes(start)
    except Exception:
        return headers_of(raw)


def _parts(part: Message) -> Iterable[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _returned(message: Message) -> Iterator[Message]:
    for part in own_parts(message):
        kind = part.get_content_type()
        if kind in ("text/rfc822-headers", "message/global-headers", "text/rfc822"):
            yield headers_of(_bytes_of(part))
        elif kind in ("message/rfc822", "message/global", "message/news"):
            for inner in _parts(part):
                coded = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
                if not inner.keys() and coded in ("base64", "quoted-printable"):
                    # Against RFC 2046 (5.2.1), and done all the same.
                    inner["Content-Transfer-Encoding"] = coded
                    yield headers_of(_bytes_of(inner))
                else:
                    yield inner


def _bytes_of(part: Message) -> bytes:
    if part.is_multipart():
        return b"\n".join(inner.as_bytes() for inner in _parts(part))
    raw = part.get_payload(decode=True)
    return raw.lstrip() if isinstance(raw, bytes) else b""


def _digest(raw: bytes) -> str:
    """By which a mail is known when it comes twice: what its author wrote, not what servers put above it.

    A hash, since even the number of a mail may name the machine of a person.
    """
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    headers = headers_of(head + b"\n\n")
    authored = [one_header(headers.get(name, "")) for name in _AUTHORED]
    return hashlib.sha256("\0".join([*authored, ""]).encode() + (body.rstrip() or head)).hexdigest()

"""Header fields (RFC 5322) with any text in them: words by RFC 2047, addresses, identifiers, dates."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from campaigns.compose.content import one_line
from campaigns.compose.identity import ascii_domain
from campaigns.core.errors import BadInput

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_TOKEN = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")  # printable ASCII without white space and angle brackets
_LONGEST_PLAIN = 60
_WORD_BYTES = 45  # 60 characters in base64


@lru_cache(maxsize=4)
def date_of(second: int) -> str:
    """The second (since 1970) as Date has it."""
    return format_datetime(datetime.fromtimestamp(second, UTC))


def header_words(text: str, header: str) -> str:
    """Free text for a header: plain when it is short ASCII, otherwise RFC 2047, folded."""
    text = one_line(text)
    if text.isascii() and "=?" not in text and len(text) <= _LONGEST_PLAIN:
        return text
    return _encoded_words(text, header)


def mailbox(name: str, address: str, header: str) -> str:
    """`display name <address>`, the name quoted or encoded as it needs; without a name `<address>`.

    The brackets stay: filters count an address without them against a mail (TO_NO_BRKTS of SpamAssassin).
    """
    name, address = one_line(name), bare_address(address, header)
    if not name:
        return f"<{address}>"
    if not name.isascii() or "=?" in name or len(name) > _LONGEST_PLAIN:
        return f"{_encoded_words(name, header)}\r\n <{address}>"
    if not _ATOMS.fullmatch(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address}>"


def _encoded_words(text: str, header: str) -> str:
    """RFC 2047: words of at most 75 characters in base64, none of which cuts a character, folded."""
    words: list[str] = []
    chunk = b""
    room = _WORD_BYTES - len(header)  # the first word shares its line with the name of the header
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > room:
            words.append(_word(chunk))
            chunk, room = b"", _WORD_BYTES
        chunk += encoded
    return "\r\n ".join([*words, _word(chunk)])


def _word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?="


def bare_address(address: str, where: str) -> str:
    """The address with its domain in A-labels.

    Raises:
        BadInput: it is none, or needs SMTPUTF8.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise BadInput("not an address that every mail server accepts", where=where)
    return f"{local}@{ascii_domain(domain)}"


def identifier(text: str, where: str) -> str:
    """The same text, which may stand between angle brackets or for itself.

    Raises:
        BadInput: it is longer than 900 signs, or has others than visible ASCII, or angle brackets.
    """
    if len(text) > 900 or not _TOKEN.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not fit for a header", where=where)
    return text

"""The message on the wire: headers that providers ask for, and two parts in quoted-printable.

Sources: RFC 5322 (message), 2047 (words in headers), 2045 (quoted-printable), 2369 and 8058 (unsubscribing),
2919 (List-Id). The text is assembled by hand: one mail is one pass over parts that the template has encoded
already, and what a whole campaign shares is checked and written once.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from campaigns.compose.content import one_line
from campaigns.compose.dkim import DkimSigner
from campaigns.compose.identity import ascii_domain
from campaigns.compose.template import WireMail
from campaigns.core.clock import Clock
from campaigns.core.errors import BadInput

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_TOKEN = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")  # printable ASCII without white space and angle brackets
_LONGEST_PLAIN = 60
_WORD_BYTES = 45  # 60 characters in base64


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything around the words of one mail.

    `message_id` and `list_id` come without angle brackets; `feedback_id` has at most four fields divided
    by colons (Gmail's feedback loop); `unsubscribe_mailto` is an address; `reply_to` may be empty.
    """

    subject: str
    from_name: str
    from_address: str
    to_name: str
    to_address: str
    message_id: str
    list_id: str
    unsubscribe_url: str
    unsubscribe_mailto: str
    feedback_id: str
    reply_to: str = ""


@lru_cache(maxsize=1024)
def feedback_id(campaign_id: int, sender: str) -> str:
    """Feedback-ID `campaign:kind:system:sender`; Gmail groups complaints by each of them."""
    name = re.sub(r"[^a-z0-9]+", "-", sender.lower()).strip("-")
    return f"campaign-{campaign_id}:marketing:tailormail:{name[:15] or 'sender'}"


def build_message(mail: WireMail, envelope: Envelope, clock: Clock, dkim: DkimSigner | None = None) -> bytes:
    """The whole message with CRLF line ends, dated at this very moment, signed if there is a signer.

    It is ASCII, and no line begins with a dot: SMTP can carry it as it is.

    Raises:
        BadInput: an address that needs SMTPUTF8 or is none, or an identifier or URL unfit for a header.
    """
    # "=_" never occurs in quoted-printable, so that no content can end a part.
    boundary = "=_" + hashlib.sha256(envelope.message_id.encode()).hexdigest()[:32]
    headers = [*_headers(envelope, clock), f'Content-Type: multipart/alternative; boundary="{boundary}"']
    body = (
        f"--{boundary}\r\n{_TEXT_PART}{_ended(mail.text)}\r\n--{boundary}\r\n{_HTML_PART}{_ended(mail.html)}"
        f"\r\n--{boundary}--\r\n"
    ).encode("ascii")
    if dkim is not None:
        headers.insert(0, dkim.signature(headers, body))
    return "\r\n".join([*headers, "", ""]).encode("ascii") + body


def _ended(part: str) -> str:
    """Without a soft line break at the end: there is no line that it could go on with."""
    return part.removesuffix("=\r\n")


def _part_head(subtype: str) -> str:
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


_TEXT_PART, _HTML_PART = _part_head("plain"), _part_head("html")


def _headers(envelope: Envelope, clock: Clock) -> list[str]:
    url = _identifier(envelope.unsubscribe_url, "unsubscribe_url")
    if not url.startswith(("https://", "http://")):
        raise BadInput(f"{url[:80]!r} must be an absolute http or https URL", where="unsubscribe_url")
    mailto = _address(envelope.unsubscribe_mailto, "unsubscribe_mailto")
    return [
        "To: " + _mailbox(envelope.to_name, envelope.to_address, "To"),
        "Subject: " + _words(envelope.subject, "Subject"),
        "Date: " + _date(int(clock.now().timestamp())),
        f"Message-ID: <{_identifier(envelope.message_id, 'message_id')}>",
        f"List-Unsubscribe: <{url}>,\r\n <mailto:{mailto}?subject=unsubscribe>",
        *_shared_headers(
            envelope.from_name,
            envelope.from_address,
            envelope.reply_to,
            envelope.list_id,
            envelope.feedback_id,
        ),
    ]


@lru_cache(maxsize=256)
def _shared_headers(
    from_name: str, from_address: str, reply_to: str, list_id: str, feedback: str
) -> tuple[str, ...]:
    """What all mails of a campaign have in common."""
    return (
        "From: " + _mailbox(from_name, from_address, "From"),
        *(["Reply-To: " + _address(reply_to, "reply_to")] if reply_to else []),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        f"List-Id: <{_identifier(list_id, 'list_id')}>",
        "Feedback-ID: " + _identifier(feedback, "feedback_id"),
        "MIME-Version: 1.0",
    )


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def _words(text: str, header: str) -> str:
    """Free text for a header: plain when it is short ASCII, otherwise RFC 2047, folded."""
    text = one_line(text)
    if text.isascii() and "=?" not in text and len(text) <= _LONGEST_PLAIN:
        return text
    return _encoded_words(text, header)


def _mailbox(name: str, address: str, header: str) -> str:
    """`display name <address>`, the name quoted or encoded as it needs; the bare address without a name."""
    name, address = one_line(name), _address(address, header)
    if not name:
        return address
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


def _address(address: str, where: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise BadInput("not an address that every mail server accepts", where=where)
    return f"{local}@{ascii_domain(domain)}"


def _identifier(text: str, where: str) -> str:
    if len(text) > 900 or not _TOKEN.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not fit for a header", where=where)
    return text

"""The message on the wire: headers that providers ask for, and two parts in quoted-printable.

Sources: RFC 5322 (message), 2047 (words in headers), 2045 (quoted-printable), 2369 and 8058 (unsubscribing),
2919 (List-Id). The text is assembled by hand: one mail is one pass, and no line can be longer than 998.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime

from campaigns.compose.content import one_line
from campaigns.compose.links import checked_url
from campaigns.compose.template import RenderedMail
from campaigns.core.clock import Clock
from campaigns.core.errors import BadInput
from campaigns.core.tokens import Signer

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_TOKEN = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")  # printable ASCII without white space and angle brackets
_LONGEST_PLAIN = 60


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


def message_id(signer: Signer, send_id: int, domain: str) -> str:
    """The Message-ID of a send, without brackets: always the same for the same send and key."""
    return f"{send_id}.{signer.code('message-id', send_id)}@{_domain(domain)}"


def feedback_id(campaign_id: int, sender: str) -> str:
    """Feedback-ID `campaign:kind:system:sender`; Gmail groups complaints by each of them."""
    name = re.sub(r"[^a-z0-9]+", "-", sender.lower()).strip("-")
    return f"campaign-{campaign_id}:marketing:tailormail:{name[:15] or 'sender'}"


def build_message(rendered: RenderedMail, envelope: Envelope, clock: Clock) -> bytes:
    """The whole message with CRLF line ends, dated at this very moment, not yet signed.

    Raises:
        BadInput: an address that needs SMTPUTF8 or is none, or an identifier or URL unfit for a header.
    """
    # "=_" never occurs in quoted-printable, so that no content can end a part.
    boundary = "=_" + hashlib.sha256(envelope.message_id.encode()).hexdigest()[:32]
    headers = [*_headers(envelope, clock), f'Content-Type: multipart/alternative; boundary="{boundary}"']
    rule = b"\r\n--" + boundary.encode("ascii")
    parts = [_part("plain", rendered.text), _part("html", rendered.html)]
    body = b"".join(rule + b"\r\n" + part for part in parts) + rule + b"--\r\n"
    return "\r\n".join([*headers, ""]).encode("ascii") + body


def _headers(envelope: Envelope, clock: Clock) -> list[str]:
    headers = [
        "From: " + _mailbox(envelope.from_name, envelope.from_address, "From"),
        "To: " + _mailbox(envelope.to_name, envelope.to_address, "To"),
        "Subject: " + _words(envelope.subject, "Subject"),
        "Date: " + format_datetime(clock.now()),
        f"Message-ID: <{_identifier(envelope.message_id, 'message_id')}>",
    ]
    if envelope.reply_to:
        headers.append("Reply-To: " + _address(envelope.reply_to, "reply_to"))
    url = _identifier(checked_url(envelope.unsubscribe_url, "unsubscribe_url"), "unsubscribe_url")
    mailto = _address(envelope.unsubscribe_mailto, "unsubscribe_mailto")
    return [
        *headers,
        f"List-Unsubscribe: <{url}>,\r\n <mailto:{mailto}?subject=unsubscribe>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        f"List-Id: <{_identifier(envelope.list_id, 'list_id')}>",
        "Feedback-ID: " + _identifier(envelope.feedback_id, "feedback_id"),
        "MIME-Version: 1.0",
    ]


def _part(subtype: str, text: str) -> bytes:
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    body = lines.replace("\n", "\r\n").encode("utf-8", "replace")
    return head.encode("ascii") + binascii.b2a_qp(body, quotetabs=False, istext=True)


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
    words = text.encode("utf-8", "replace").decode()
    return Header(words, "utf-8", maxlinelen=76, header_name=header).encode(linesep="\r\n")


def _address(address: str, where: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise BadInput(f"{address[:80]!r} is not an address that every server accepts", where=where)
    return f"{local}@{_domain(domain)}"


def _domain(domain: str) -> str:
    try:
        name = domain.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", name):
        raise BadInput(f"{domain[:80]!r} is not a domain", where="address")
    return name


def _identifier(text: str, where: str) -> str:
    if len(text) > 900 or not _TOKEN.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not fit for a header", where=where)
    return text

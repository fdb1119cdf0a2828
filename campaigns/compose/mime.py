"""The message on the wire: headers that providers ask for, and two parts in quoted-printable.

Sources: RFC 5322 (message), 2047 (words in headers), 2045 (quoted-printable), 2369 and 8058 (unsubscribing),
2919 (List-Id). The text is assembled by hand: one mail is one pass over parts that the template has encoded
already, and what a whole campaign shares is checked and written once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.header_fields import bare_address, date_of, header_words, identifier, mailbox
from campaigns.compose.template import WireMail
from campaigns.core.clock import Clock
from campaigns.core.errors import BadInput

TEST_HEADER = "X-Tailormail-Test"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything around the words of one mail.

    `message_id` and `list_id` come without angle brackets; `feedback_id` has at most four fields divided
    by colons (Gmail's feedback loop); `unsubscribe_mailto` is an address; `reply_to` may be empty. `test` says so in
    a header of its own.
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
    test: bool = False


@lru_cache(maxsize=1024)
def feedback_id(campaign_id: int, sender: str, kind: str = "marketing") -> str:
    """Feedback-ID `campaign:kind:system:sender`; Gmail groups complaints by each of them."""
    name = re.sub(r"[^a-z0-9]+", "-", sender.lower()).strip("-")
    return f"campaign-{campaign_id}:{kind}:tailormail:{name[:15] or 'sender'}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is ready but for its signature, which takes most of the time that a mail takes."""

    headers: list[str]
    body: bytes
    signature: Callable[[], str] | None

    def message(self) -> bytes:
        """The whole message."""
        signed = [self.signature(), *self.headers] if self.signature else self.headers
        return "\r\n".join([*signed, "", ""]).encode("ascii") + self.body


def build_message(mail: WireMail, envelope: Envelope, clock: Clock, dkim: DkimSigner | None = None) -> bytes:
    """The whole message with CRLF line ends, dated at this very moment, signed if there is a signer.

    It is ASCII, and no line begins with a dot: SMTP can carry it as it is.

    Raises:
        BadInput: an address that needs SMTPUTF8 or is none, or an identifier or URL unfit for a header.
    """
    return draft_message(mail, envelope, clock, dkim).message()


def draft_message(mail: WireMail, envelope: Envelope, clock: Clock, dkim: DkimSigner | None = None) -> Draft:
    """The same before it is signed.

    Raises:
        BadInput: as `build_message`.
    """
    return _drafted(_headers(envelope, clock), mail, envelope.message_id, dkim)


def assembled(headers: list[str], mail: WireMail, message_id: str, dkim: DkimSigner | None) -> bytes:
    """Header fields as `compose.header_fields` writes them, without Content-Type, and the two parts as one message."""
    return _drafted(headers, mail, message_id, dkim).message()


def _drafted(headers: list[str], mail: WireMail, message_id: str, dkim: DkimSigner | None) -> Draft:
    # "=_" never occurs in quoted-printable, so that no content can end a part.
    boundary = "=_" + hashlib.sha256(message_id.encode()).hexdigest()[:32]
    headers = [*headers, f'Content-Type: multipart/alternative; boundary="{boundary}"']
    body = (
        f"--{boundary}\r\n{_TEXT_PART}{_ended(mail.text)}\r\n--{boundary}\r\n{_HTML_PART}{_ended(mail.html)}"
        f"\r\n--{boundary}--\r\n"
    ).encode("ascii")
    return Draft(headers, body, dkim.sealing(headers, body) if dkim else None)


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
    url = identifier(envelope.unsubscribe_url, "unsubscribe_url")
    if not url.startswith(("https://", "http://")):
        raise BadInput(f"{url[:80]!r} must be an absolute http or https URL", where="unsubscribe_url")
    mailto = bare_address(envelope.unsubscribe_mailto, "unsubscribe_mailto")
    return [
        "To: " + mailbox(envelope.to_name, envelope.to_address, "To"),
        "Subject: " + header_words(envelope.subject, "Subject"),
        "Date: " + date_of(int(clock.now().timestamp())),
        f"Message-ID: <{identifier(envelope.message_id, 'message_id')}>",
        f"List-Unsubscribe: <{url}>,\r\n <mailto:{mailto}?subject=unsubscribe>",
        *_shared_headers(
            envelope.from_name,
            envelope.from_address,
            envelope.reply_to,
            envelope.list_id,
            envelope.feedback_id,
        ),
        *([f"{TEST_HEADER}: yes"] if envelope.test else []),
    ]


@lru_cache(maxsize=256)
def _shared_headers(
    from_name: str, from_address: str, reply_to: str, list_id: str, feedback: str
) -> tuple[str, ...]:
    """What all mails of a campaign have in common."""
    return (
        "From: " + mailbox(from_name, from_address, "From"),
        *(["Reply-To: " + bare_address(reply_to, "reply_to")] if reply_to else []),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        f"List-Id: <{identifier(list_id, 'list_id')}>",
        "Feedback-ID: " + identifier(feedback, "feedback_id"),
        "MIME-Version: 1.0",
    )

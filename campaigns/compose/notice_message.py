"""A notice, or a message of a shop's program, as mail: what RFC 3834 asks, and nothing of a campaign's headers."""

from __future__ import annotations

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.header_fields import bare_address, date_of, header_words, identifier, mailbox
from campaigns.compose.message_template import MessageContent
from campaigns.compose.mime import assembled
from campaigns.compose.notices import RenderedNotice
from campaigns.compose.quoted import quoted
from campaigns.compose.template import WireMail
from campaigns.core.clock import Clock
from campaigns.core.tokens import Signer

_KIND = "notice-id"


def notice_message_id(signer: Signer, notice_id: int, sender: str) -> str:
    """The Message-ID of a notice, without brackets: the same at each attempt, so that a copy is known as one.

    Raises:
        BadInput: `sender` is no address.
    """
    domain = bare_address(sender, "sender").rpartition("@")[2]
    return f"notice.{notice_id}.{signer.code(_KIND, notice_id)}@{domain}"


def build_notice(
    notice: RenderedNotice | MessageContent,
    sender: tuple[str, str],
    recipient: str,
    message_id: str,
    clock: Clock,
    dkim: DkimSigner | None = None,
    reply_to: str = "",
) -> bytes:
    """The whole message with CRLF line ends, dated now, signed if there is a signer; as `mime.build_message`.

    Args:
        sender: name and address.
        message_id: as `notice_message_id` gives it.

    Raises:
        BadInput: an address that a header cannot carry.
    """
    headers = [
        "To: " + mailbox("", recipient, "To"),
        "Subject: " + header_words(notice.subject, "Subject"),
        "Date: " + date_of(int(clock.now().timestamp())),
        f"Message-ID: <{identifier(message_id, 'message_id')}>",
        "From: " + mailbox(*sender, "From"),
        *(["Reply-To: " + bare_address(reply_to, "reply_to")] if reply_to else []),
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ]
    return assembled(headers, WireMail(quoted(notice.html), quoted(notice.text)), message_id, dkim)

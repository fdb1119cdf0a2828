"""The captured mails, read as a mail client reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path

_SLOT_PICTURE = re.compile(r'<img[^>]+src="([^"]+/o/[^"]+\.(?:png|jpg))"')
_PIXEL = re.compile(r'src="([^"]+/o/[^"]+\.gif)"')
_CLICK = re.compile(r'href="([^"]+/c/[^"]+)"')
_UNSUBSCRIBE = re.compile(r"<(https?://[^>]+/u/[^>]+)>")


@dataclass(frozen=True)
class InboxMail:
    """One mail in somebody's inbox; its body is read only when somebody looks at it."""

    message_id: str
    recipient: str
    unsubscribe_url: str
    raw: bytes

    @cached_property
    def html(self) -> str:
        """The HTML part."""
        body = message_from_bytes(self.raw, policy=policy.default).get_body(("html",))
        return body.get_content() if body else ""

    @property
    def slot_pictures(self) -> list[str]:
        """URLs of the pictures that are decided at open."""
        return _SLOT_PICTURE.findall(self.html)

    @property
    def pixel(self) -> str | None:
        """The open pixel; only mails to those who agreed to it have one."""
        found = _PIXEL.search(self.html)
        return found.group(1) if found else None

    @property
    def clicks(self) -> list[str]:
        """The links that are counted."""
        return _CLICK.findall(self.html)


def read_inbox(folder: Path, campaign_id: int) -> Iterator[InboxMail]:
    """Every captured mail of one campaign, in the order of their names."""
    marker = f"campaign-{campaign_id}:".encode()
    for path in sorted(folder.glob("*/*.eml")):
        raw = path.read_bytes()
        head = raw.partition(b"\r\n\r\n")[0]
        # The Feedback-ID tells cheaply which campaign it belongs to.
        if marker in head:
            headers = BytesHeaderParser().parsebytes(head)
            unsubscribe = _UNSUBSCRIBE.search(re.sub(r"\s", "", headers["List-Unsubscribe"] or ""))
            yield InboxMail(
                message_id=headers["Message-ID"].strip(),
                recipient=parseaddr(headers["To"])[1],
                unsubscribe_url=unsubscribe.group(1) if unsubscribe else "",
                raw=raw,
            )

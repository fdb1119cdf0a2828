"""The captured mails, read as a mail client reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

_SLOT_PICTURE = re.compile(r'<img[^>]+src="([^"]+/o/[^"]+\.(?:png|jpg))"')
_PIXEL = re.compile(r'src="([^"]+/o/[^"]+\.gif)"')
_CLICK = re.compile(r'href="([^"]+/c/[^"]+)"')
_UNSUBSCRIBE = re.compile(r"<(https?://[^>]+/u/[^>]+)>")


@dataclass(frozen=True, slots=True)
class InboxMail:
    """One mail in somebody's inbox."""

    message_id: str
    recipient: str
    subject: str
    html: str
    unsubscribe_url: str

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
    """Every captured mail of one campaign."""
    marker = f"campaign-{campaign_id}:".encode()
    for path in sorted(folder.glob("*/*.eml")):
        raw = path.read_bytes()
        # Parsing is slow; the header tells cheaply which campaign it belongs to.
        if marker in raw.partition(b"\r\n\r\n")[0]:
            yield _read(raw)


def _read(raw: bytes) -> InboxMail:
    message = message_from_bytes(raw, policy=policy.default)
    html = message.get_body(("html",))
    unsubscribe = _UNSUBSCRIBE.search(str(message["List-Unsubscribe"]))
    addresses = message["To"].addresses
    return InboxMail(
        message_id=str(message["Message-ID"]),
        recipient=addresses[0].addr_spec,
        subject=str(message["Subject"]),
        html=html.get_content() if html else "",
        unsubscribe_url=unsubscribe.group(1) if unsubscribe else "",
    )

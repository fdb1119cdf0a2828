"""A mark of ours in mails that go out by way of a provider, by which its events are recognised.

Providers differ in what they give back: Amazon SES and Postmark put a Message-ID of their own in the place of ours,
SendGrid leaves it out of some events. Each has a header for what its user wants to have back. The mark is the front
part of our Message-ID with dashes for dots, because SES takes nothing else; it names no person. The headers
come first in the mail, are not signed, and most providers take them out again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Literal

from campaigns.delivery.transport import Outcome, OutgoingMail, Transport, unannounced

Provider = Literal["ses", "sendgrid", "postmark", "mailgun"]

NAME = "tailormail"
"""What the mark is called in the provider's events."""

_HEADERS: dict[str, Callable[[str], str]] = {
    "ses": lambda mark: f"X-SES-MESSAGE-TAGS: {NAME}={mark}\r\n",
    "sendgrid": lambda mark: f'X-SMTPAPI: {{"unique_args": {{"{NAME}": "{mark}"}}}}\r\n',
    "postmark": lambda mark: f"X-PM-Metadata-{NAME}: {mark}\r\nX-PM-KeepID: true\r\n",
    "mailgun": lambda mark: f'X-Mailgun-Variables: {{"{NAME}": "{mark}"}}\r\n',
}
_MARK = re.compile(r"[0-9]{1,18}-[0-9]{1,18}-[0-9a-f]{16}")


def mark_of(message_id: str) -> str:
    """`<12.345.c0de@mail.example>` -> `12-345-c0de`; the brackets may be missing."""
    return message_id.strip("<>").partition("@")[0].replace(".", "-")


def as_message_id(reference: str) -> str:
    """The reverse, fit for `parse_message_id`, which proves it; anything else comes back as it is."""
    return reference.replace("-", ".") + "@mark" if _MARK.fullmatch(reference) else reference


class MarkingTransport:
    """A `Transport` that puts the provider's header with our mark in front of each mail, and hands it on."""

    def __init__(self, inner: Transport, provider: Provider) -> None:
        self._inner = inner
        self._header = _HEADERS[provider]

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        return self._inner.send_group(map(self._marked, mails), before_data)

    def close(self) -> None:
        self._inner.close()

    def _marked(self, mail: OutgoingMail) -> OutgoingMail:
        header = self._header(mark_of(mail.message_id)).encode("ascii")
        return replace(mail, message=header + mail.message)

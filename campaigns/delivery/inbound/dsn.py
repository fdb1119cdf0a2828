"""What a bounce tells: delivery status notifications (RFC 3464), and the many that follow no standard."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

from flufl.bounce import all_failures

from campaigns.delivery.inbound.arrived import Arrived, addresses_in, headers_of, one_header, own_parts
from campaigns.delivery.inbound.auto_reply import from_daemon, is_auto_reply

# It tells of every reader that it tries, and of those that stumble over the mail, with the mail in the trace.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

BOUNCED, DEFERRED, DELIVERED = "bounced", "deferred", "delivered"

_MEANS = {
    "failed": BOUNCED,
    "delayed": DEFERRED,
    "delivered": DELIVERED,
    "relayed": DELIVERED,
    "expanded": DELIVERED,
}
_MOST_REPORTS = 10
_LONGEST_DIAGNOSTIC = 500
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([245]\d\d)(?![\d.])[ -]{0,3}#?([245]\.\d{1,3}\.\d{1,3}(?![\d.]))?")
_CODED_LINE = re.compile(
    r"^[^\r\n]{0,300}?(?:(?<![\d.])[45]\d\d[ -]{1,3})?#?(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])[^\r\n]{0,400}",
    re.MULTILINE,
)
# The readers of odd bounces try dozens of patterns on each line, and their answers stand in the first lines.
_MOST_LINES, _LONGEST_LINE = 800, 500


@dataclass(frozen=True, slots=True)
class Report:
    """The fate of one mail to one recipient.

    `name` is BOUNCED, DEFERRED or DELIVERED. `permanent` False marks a bounce after which the far server tries on,
    or might. `status` is the RFC 3463 code, empty where none is told; `diagnostic` the far server's words, with its
    codes in front. `recipient` is whom it names, for nobody's eyes.
    """

    name: str
    permanent: bool
    status: str
    diagnostic: str = field(repr=False)
    recipient: str = field(default="", repr=False)


def read_bounce(mail: Arrived) -> list[Report]:
    """What this mail tells of deliveries, at most ten reports; empty where it is no bounce.

    First what RFC 3464 has fields for, then what odd servers write. Automatic replies of people are no bounces.
    """
    reports = list(_by_fields(mail))[:_MOST_REPORTS]
    if reports:
        return reports
    if is_auto_reply(mail) and not mail.header("X-Failed-Recipients"):
        return []
    return _by_habit(mail)


def _by_fields(mail: Arrived) -> Iterator[Report]:
    for part in own_parts(mail.message):
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        for block in _blocks(part):
            name = _MEANS.get(one_header(block.get("Action", "")).split(" ")[0].strip().lower())
            if name is None:
                continue
            said = _STATUS.search(one_header(block.get("Status", "")))
            status = said[0] if said else ""
            diagnostic = _diagnostic(one_header(block.get("Diagnostic-Code", "")), status)
            named = block.get("Original-Recipient") or block.get("Final-Recipient") or ""
            address = next(iter(addresses_in(one_header(named).partition(";")[2])), "")
            yield Report(name, name != DEFERRED, _better(status, diagnostic), diagnostic, address)


def _blocks(part: Message) -> list[Message]:
    """The groups of fields, of which the parser makes a mail each; the first one is about the report itself."""
    payload = part.get_payload()
    if isinstance(payload, list):
        blocks = [one for one in payload if isinstance(one, Message)]
        if len(blocks) != 1 or "Action" in blocks[0]:
            return blocks[:100]
        # message/global-delivery-status (RFC 6533) is taken for an attached mail: its body has the other groups.
        inner = blocks[0].get_payload()
        text = inner if isinstance(inner, str) else ""
    else:
        raw = part.get_payload(decode=True)
        text = raw.decode("latin-1") if isinstance(raw, bytes) else ""
    groups = re.split(r"\r?\n[ \t]*\r?\n", text[: _LONGEST_LINE * _MOST_LINES])
    return [headers_of(group.strip().encode("latin-1", "replace") + b"\n\n") for group in groups[:100]]


def _diagnostic(text: str, status: str) -> str:
    """The far server's words; the field's type in front is dropped."""
    kind, semicolon, words = text.partition(";")
    words = (words if semicolon and re.fullmatch(r"[A-Za-z0-9-]{1,20}", kind.strip()) else text).strip()
    return with_codes(words, status)[:_LONGEST_DIAGNOSTIC]


def with_codes(words: str, status: str) -> str:
    """The words with their SMTP code and RFC 3463 code in front, as a reply has them; `status` where they name none.

    A status that says nothing (x.0.0) does not speak louder than the SMTP code.
    """
    found = _REPLY.search(words)
    if found and (found[2] or (status[:1] == found[1][0] and not status.endswith(".0.0"))):
        around = f"{words[: found.start()].rstrip()} {words[found.end() :].lstrip()}".strip()
        return f"{found[1]} {found[2] or status} {around}".strip()
    if not status or words.startswith(status) or (found and status.endswith(".0.0")):
        return words
    # Some number in the words that only looks like a code of another class must not be taken for it.
    return f"{status[0]}50 {status} {words}" if found else f"{status} {words}".strip()


def _better(status: str, diagnostic: str) -> str:
    """The status, or that of the diagnostic where the field says only whether it failed."""
    found = _STATUS.search(diagnostic)
    return found[0] if found and (not status or status.endswith(".0.0")) else status


def _by_habit(mail: Arrived) -> list[Report]:
    temporary, permanent = _odd(mail)
    line = _CODED_LINE.search(mail.text)
    words = one_header(line[0]) if line else ""
    found = _STATUS.search(words)
    status = found[0] if found else ""
    diagnostic = with_codes(words, status)[:_LONGEST_DIAGNOSTIC]
    if permanent:
        return [Report(BOUNCED, True, status, diagnostic, permanent[0])]
    if temporary:
        return [Report(DEFERRED, False, status, diagnostic, temporary[0])]
    if status and from_daemon(mail):
        # Nobody knows this server's habits, but a mail server it is, and it gives a reason.
        name = BOUNCED if status.startswith("5") else DEFERRED
        return [Report(name, name == BOUNCED, status, diagnostic)]
    return []


def _odd(mail: Arrived) -> tuple[list[str], list[str]]:
    """Whom odd servers name, (for a while, for good)."""
    try:
        found = all_failures(message_from_bytes(_short(mail)))
    except Exception:
        return [], []
    temporary, permanent = (sorted(one.decode("utf-8", "replace") for one in some) for some in found)
    return temporary, permanent


def _short(mail: Arrived) -> bytes:
    """The mail with as many lines, and as long ones, as can be looked through quickly."""
    try:
        raw = mail.message.as_bytes()
    except Exception:
        return b""
    lines = raw.splitlines()[:_MOST_LINES]
    return b"\n".join(line[:_LONGEST_LINE] for line in lines) + b"\n"

"""From a mail to the bytes of an SMTP transaction: addresses, parameters, dot-stuffing. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from campaigns.core.domains import a_labels
from campaigns.delivery.transport import Fault, Kind, Outcome, OutgoingMail

_LOCAL = r"""(?:[^\s<>()\[\]\\,;:@"\x00-\x1f\x7f]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])+")"""
_PATH = re.compile(rf"({_LOCAL})@([^\s<>@\[\]\x00-\x1f\x7f]+|\[[0-9A-Za-z.:]+\])")
_LONE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Offers:
    """What the relay said to EHLO. `size` is its limit in bytes, 0 for no limit, None if not offered."""

    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """The commands and the message, ready for the socket. `dotless`: no line of it begins with a dot."""

    mail: bytes
    rcpt: bytes
    message: bytes
    dotless: bool

    def dotted(self) -> list[bytes]:
        """What follows the reply to DATA, final dot included; the message is not copied where it need not be."""
        return [self.message, b".\r\n"] if self.dotless else [dot_stuffed(self.message)]

    def chunk(self) -> list[bytes]:
        """The whole transaction as one group that ends with the only chunk (RFC 3030, 2)."""
        return [b"%s%sBDAT %d LAST\r\n" % (self.mail, self.rcpt, len(self.message)), self.message]


def transaction(mail: OutgoingMail, offers: Offers) -> Transaction | Outcome:
    """The transaction for this mail, or the rejection where SMTP or this relay cannot carry it."""
    sender = "" if not mail.sender else _path(mail.sender)
    recipient = _path(mail.recipient)
    if sender is None:
        return _cannot(mail, "5.1.7", "the sender's address is not one", Fault.SENDER)
    if recipient is None:
        return _cannot(mail, "5.1.3", "the recipient's address is not one", Fault.RECIPIENT)
    message = mail.message if mail.clean else with_crlf(mail.message)
    if offers.size and len(message) > offers.size:
        why = f"the mail has {len(message):,} bytes, the relay takes {offers.size:,}"
        return _cannot(mail, "5.3.4", why, Fault.SENDER)
    plain = mail.clean or message.isascii()
    utf8 = not (sender.isascii() and recipient.isascii()) or not (
        plain or message.partition(b"\r\n\r\n")[0].isascii()
    )
    if utf8 and not offers.smtputf8:
        return _cannot(mail, "5.6.7", "this needs SMTPUTF8, which the relay does not offer", Fault.SENDER)
    if not plain and not offers.eight_bit:
        return _cannot(mail, "5.6.3", "this has 8-bit text, which the relay does not take", Fault.SENDER)
    parameters = f" SIZE={len(message)}" if offers.size is not None else ""
    parameters += "" if plain else " BODY=8BITMIME"
    parameters += " SMTPUTF8" if utf8 else ""
    return Transaction(
        f"MAIL FROM:<{sender}>{parameters}\r\n".encode(),
        f"RCPT TO:<{recipient}>\r\n".encode(),
        message,
        mail.clean,
    )


def with_crlf(message: bytes) -> bytes:
    """The message with CRLF as its only line end, and one at its end.

    A lone LF or CR could pass as a line end at the next relay and smuggle a second mail behind a dot of its
    own (RFC 5321, 2.3.8). A clean message, the usual case, is only counted through.
    """
    pairs = message.count(b"\r\n")
    if not pairs == message.count(b"\n") == message.count(b"\r"):
        message = _LONE_LINE_END.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def dot_stuffed(message: bytes) -> bytes:
    """What goes over the wire after DATA: dots doubled at line starts, the final dot (RFC 5321, 4.5.2)."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." * stuffed.startswith(b".") + stuffed + b".\r\n"


def _path(address: str) -> str | None:
    found = _PATH.fullmatch(address)
    if not found:
        return None
    local, domain = found.groups()
    ascii_domain = a_labels(domain)
    return None if ascii_domain is None else f"{unicodedata.normalize('NFC', local)}@{ascii_domain}"


def _cannot(mail: OutgoingMail, enhanced: str, why: str, fault: Fault) -> Outcome:
    return Outcome(mail.send_id, Kind.REJECTED, None, enhanced, why, fault)

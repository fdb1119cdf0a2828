"""DKIM signatures (RFC 6376): relaxed/relaxed, made by OpenSSL through `cryptography`; one for each key.

Headers are signed once more than they occur ("over-signing", RFC 6376, 8.15): whoever adds a second Subject, or a
Reply-To where there was none, breaks the signature.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial

from campaigns.compose.dkim_keys import DkimKey, checked_name, read_ed25519, read_rsa
from campaigns.core.clock import Clock, SystemClock
from campaigns.core.errors import BadInput

_SIGNED = (
    "from", "to", "subject", "date", "message-id", "reply-to", "list-unsubscribe", "list-unsubscribe-post",
    "list-id", "feedback-id", "mime-version", "content-type",
)  # fmt: skip
# What decides who seems to write, what is read and where an answer or a farewell goes. Not sealed are List-Id and
# Feedback-ID: relays on the way (Amazon SES for one) add their own, and do no harm with it.
_SEALED = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "list-unsubscribe", "list-unsubscribe-post",
    "mime-version", "content-type",
)  # fmt: skip
_WIDEST = 72
_WHITE_SPACE = re.compile(rb"[ \t]+")


class DkimSigner:
    """Signs messages for one domain. Safe to share between threads.

    Args:
        private_key_pem: an RSA key.
        selector: under which its other half is published.
        domain: the domain that signs.
        clock: for the moment of signing.
        ed25519: a second key in PEM and its selector; it signs as well.

    Raises:
        NotConfigured: a key cannot be read, is of another kind or too short; or a name is no host name.
    """

    def __init__(
        self,
        private_key_pem: bytes,
        selector: str,
        domain: str,
        clock: Clock | None = None,
        ed25519: tuple[bytes, str] | None = None,
    ) -> None:
        keys: list[DkimKey] = [read_rsa(private_key_pem, selector)]
        if ed25519 is not None:
            keys.append(read_ed25519(*ed25519))
        self.keys = tuple(keys)
        self.domain = checked_name(domain)
        self._clock = clock or SystemClock()

    def records(self) -> dict[str, str]:
        """What DNS must say: the text of the TXT record by its name, one for each key."""
        return {f"{key.selector}._domainkey.{self.domain}": key.record for key in self.keys}

    def sign(self, message: bytes) -> bytes:
        """Any message (CRLF line ends) with a DKIM-Signature for each key in front of it.

        Raises:
            BadInput: no empty line divides headers from body, or there is no From.
        """
        head, divider, body = message.partition(b"\r\n\r\n")
        if not divider:
            raise BadInput("the message has no body", where="dkim")
        names, lines = zip(*map(_relaxed_header, _unfolded(head)), strict=True)
        signature = self._sealing(names, lines, _relaxed_body(body))()
        return signature.encode("ascii") + b"\r\n" + message

    def sealing(self, headers: Iterable[str], body: bytes) -> Callable[[], str]:
        """What makes the DKIM-Signature headers, without the last line end, for a message that was made here.

        All but the signatures themselves is worked out at once; those, which take most of the time that a mail
        takes, are made when the result is called. `headers` are the message's fields, ASCII, folded or not. `body`
        is what follows the empty line and is already in the relaxed form, as `compose.quoted` writes it.

        Raises:
            BadInput: there is no From.
        """
        names, lines = [], []
        for line in headers:
            name, _, value = line.partition(":")
            name = name.lower()
            names.append(name)
            # RFC 6376, 3.4.2, for a field that was made here: its only white space is blanks and folds.
            lines.append(f"{name}:{' '.join(value.split())}\r\n")
        return self._sealing(tuple(names), lines, body)

    def _sealing(
        self, names: tuple[str, ...], relaxed: Sequence[str], relaxed_body: bytes
    ) -> Callable[[], str]:
        if "from" not in names:
            raise BadInput("the message has no From", where="dkim")
        order, tag = _order_signed(names)
        signed = "".join([relaxed[at] for at in order]).encode("latin-1")
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body).digest()).decode("ascii")
        return partial(self._signatures, signed, tag, body_hash, int(self._clock.now().timestamp()))

    def _signatures(self, signed: bytes, names: str, body_hash: str, second: int) -> str:
        return "\r\n".join(self._one(key, signed, names, body_hash, second) for key in self.keys)

    def _one(self, key: DkimKey, signed: bytes, names: str, body_hash: str, second: int) -> str:
        header = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; d={self.domain};\r\n "
            f"s={key.selector}; t={second};\r\n h={names};\r\n bh={body_hash};\r\n b="
        )
        signature = base64.b64encode(key.sign(signed + _relaxed_line(header).encode("ascii"))).decode("ascii")
        return header + "\r\n ".join(signature[at : at + _WIDEST] for at in range(0, len(signature), _WIDEST))


@lru_cache(maxsize=64)
def _order_signed(names: tuple[str, ...]) -> tuple[tuple[int, ...], str]:
    """For the fields of a message: which are signed, in which order; and the tag h=, folded."""
    # Of fields that occur several times, a verifier takes the last first (RFC 6376, 5.4.2).
    order = [at for signed in _SIGNED for at in reversed(range(len(names))) if names[at] == signed]
    lines = [""]
    for name in [*(names[at] for at in order), *_SEALED]:
        if len(lines[-1]) + len(name) >= _WIDEST:
            lines.append("")
        lines[-1] += f"{name}:"
    return tuple(order), "\r\n ".join(lines).removesuffix(":")


def _relaxed_line(line: str) -> str:
    """RFC 6376, 3.4.2, for a field that was made here, without a line end."""
    name, _, value = line.partition(":")
    return f"{name.lower()}:{' '.join(value.split())}"


def _unfolded(head: bytes) -> list[bytes]:
    """The header fields, each on one line."""
    return re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n")


def _relaxed_header(line: bytes) -> tuple[str, str]:
    """RFC 6376, 3.4.2: the name of the field, and the line with its end; each character is one byte."""
    name, _, value = line.replace(b"\r\n", b"").partition(b":")
    name = name.strip().lower()
    relaxed = name + b":" + _WHITE_SPACE.sub(b" ", value).strip(b" ") + b"\r\n"
    return name.decode("latin-1"), relaxed.decode("latin-1")


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376, 3.4.4. By plain replacing: regular expressions took two thirds of the time of a signature."""
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" ")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""

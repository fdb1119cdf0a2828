"""Signed tokens for URLs: versioned, of one kind each, rotatable, free of personal data.

Layout (base64url without padding): version (1 byte), key fingerprint (2), numbers as unsigned LEB128,
MAC (12 bytes of HMAC-SHA256 over kind and everything before). The kind is authenticated but not carried,
so a token grants one right and no other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache

from campaigns.core.errors import BadToken

_VERSION = 1
_MAC_BYTES = 12
_FOR_URLS = bytes.maketrans(b"+/", b"-_")


class Signer:
    """Signs and verifies tokens.

    `keys` are secrets, newest first: the first signs, all verify.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("Signer needs at least one key")
        self._keys = {self._fingerprint(key): _Hmac(key) for key in reversed(keys)}
        self._newest = self._fingerprint(keys[0])
        self._head = bytes([_VERSION]) + self._newest

    @staticmethod
    def _fingerprint(key: bytes) -> bytes:
        return hashlib.sha256(b"tailormail token key" + key).digest()[:2]

    def sign(self, kind: str, *numbers: int) -> str:
        """A token for these non-negative numbers, valid for this kind only."""
        body = self._head + b"".join(map(_varint, numbers))
        return _encode(body + self._mac(self._keys[self._newest], kind, body))

    def verify(self, kind: str, token: str, count: int | None = None) -> tuple[int, ...]:
        """The numbers of a token of this kind; with `count`, exactly so many.

        Raises:
            BadToken: forged, damaged, of another kind, or signed with a key that was retired.
        """
        raw = _decode(token)
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(body) < 3 or body[0] != _VERSION:
            raise BadToken("this link is damaged")
        key = self._keys.get(body[1:3])
        if key is None or not hmac.compare_digest(mac, self._mac(key, kind, body)):
            raise BadToken("this link is not valid")
        numbers = _numbers(body[3:])
        if count is not None and len(numbers) != count:
            raise BadToken("this link is damaged")
        return numbers

    def code(self, kind: str, *numbers: int, length: int = 16) -> str:
        """A short authentic code (lower-case hexadecimal) that is a function of its numbers."""
        body = b"".join(_varint(number) for number in numbers)
        return self._mac(self._keys[self._newest], "code:" + kind, body).hex()[:length]

    def codes(self, kind: str, *numbers: int, length: int = 16) -> list[str]:
        """What `code` gives under every key, newest first: a code outlives the key that made it."""
        body = b"".join(_varint(number) for number in numbers)
        macs = (self._mac(key, "code:" + kind, body) for key in reversed(self._keys.values()))
        return [mac.hex()[:length] for mac in macs]

    @staticmethod
    def _mac(key: _Hmac, kind: str, body: bytes) -> bytes:
        return key.digest(b"%b\0%b" % (kind.encode(), body))[:_MAC_BYTES]


class _Hmac:
    """HMAC-SHA256 (RFC 2104) with the key taken in beforehand: a mail has a dozen tokens."""

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=1024)  # All links of a mail name the same send.
def _varint(number: int) -> bytes:
    if number < 0:
        raise ValueError("tokens carry non-negative numbers only")
    out = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _numbers(raw: bytes) -> tuple[int, ...]:
    numbers: list[int] = []
    value = shift = 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(value)
            value = shift = 0
    if shift:
        raise BadToken("this link is damaged")
    return tuple(numbers)


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_FOR_URLS, b"=").decode("ascii")


def _decode(token: str) -> bytes:
    if not token.isascii() or len(token) > 200:
        raise BadToken("this link is damaged")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("this link is damaged") from None
    if _encode(raw) != token:
        # The last character has bits to spare: one token must not be written in several ways.
        raise BadToken("this link is damaged")
    return raw

"""The private halves of DKIM keys, and the DNS records that publish their other halves.

RSA with SHA-256 (RFC 6376) is what every receiver verifies; Ed25519 (RFC 8463) is small and fast, and may only
stand beside it: receivers that do not know it pass over it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from campaigns.core.errors import NotConfigured

SMALLEST_RSA = 1024
"""Bits; receivers must not verify less (RFC 8301)."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PADDING, _HASH = padding.PKCS1v15(), hashes.SHA256()


class DkimKey(Protocol):
    """A key that signs: `algorithm` is the tag a= of the signature, `selector` the tag s=."""

    @property
    def algorithm(self) -> str: ...

    @property
    def selector(self) -> str: ...

    @property
    def record(self) -> str:
        """The text of the TXT record at `<selector>._domainkey.<domain>`."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature of these bytes, the canonical headers."""
        ...


@dataclass(frozen=True, slots=True)
class RsaKey:
    """rsa-sha256."""

    key: rsa.RSAPrivateKey
    selector: str
    algorithm: str = "rsa-sha256"

    @property
    def bits(self) -> int:
        """Its length."""
        return self.key.key_size

    @property
    def record(self) -> str:
        """See DkimKey; DNS holds it as strings of at most 255 characters, which most providers split themselves."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"

    def sign(self, data: bytes) -> bytes:
        """See DkimKey."""
        return self.key.sign(data, _PADDING, _HASH)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """ed25519-sha256: what is signed is the hash of the headers (RFC 8463, 3)."""

    key: ed25519.Ed25519PrivateKey
    selector: str
    algorithm: str = "ed25519-sha256"

    @property
    def record(self) -> str:
        """See DkimKey."""
        public = self.key.public_key().public_bytes_raw()
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode('ascii')}"

    def sign(self, data: bytes) -> bytes:
        """See DkimKey."""
        digest = hashes.Hash(_HASH)
        digest.update(data)
        return self.key.sign(digest.finalize())


def read_rsa(pem: bytes, selector: str) -> RsaKey:
    """The RSA key of a PEM text.

    Raises:
        NotConfigured: it is none, or shorter than SMALLEST_RSA; or the selector is no host name.
    """
    key = _read(pem, selector)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < SMALLEST_RSA:
        raise NotConfigured(f"the DKIM key must be an RSA key of at least {SMALLEST_RSA} bits")
    return RsaKey(key, selector)


def read_ed25519(pem: bytes, selector: str) -> Ed25519Key:
    """The Ed25519 key of a PEM text.

    Raises:
        NotConfigured: it is none, or the selector is no host name.
    """
    key = _read(pem, selector)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise NotConfigured(
            "the second DKIM key must be an Ed25519 key: openssl genpkey -algorithm ed25519 makes one"
        )
    return Ed25519Key(key, selector)


def checked_name(name: str) -> str:
    """A selector or a domain that may stand in a signature.

    Raises:
        NotConfigured: it is no host name.
    """
    if not _NAME.fullmatch(name):
        raise NotConfigured("the DKIM selectors and the domain must be host names")
    return name


def _read(pem: bytes, selector: str) -> object:
    checked_name(selector)
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise NotConfigured(f"the DKIM key cannot be read: {error}") from error

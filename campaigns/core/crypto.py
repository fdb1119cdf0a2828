"""Personal fields: encrypted at rest with AES-256-GCM, found again by a keyed HMAC.

Every stored value begins with the fingerprint of its key, so keys can be rotated (newest first in
`TAILORMAIL_SECRET_KEY`) and old values stay readable.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from campaigns.core.errors import GiveUp

_FINGERPRINT = 4
_NONCE = 12


class CannotDecrypt(GiveUp):
    """A stored field was changed, or its key is not among TAILORMAIL_SECRET_KEY any more."""


def normalise_address(email: str) -> str:
    """The form in which addresses are compared: trimmed and case-folded."""
    return email.strip().casefold()


class KeyRing:
    """All keys derived from the secrets (newest first)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("KeyRing needs at least one secret")
        self._secrets = [secret.encode() for secret in secrets]
        self._fingerprints = [
            hashlib.sha256(b"tailormail secret" + secret).digest()[:_FINGERPRINT] for secret in self._secrets
        ]
        fields = [AESGCM(self._derive(secret, "fields")) for secret in self._secrets]
        self._ciphers = dict(zip(self._fingerprints, fields, strict=True))
        self._address_keys = [self._derive(secret, "addresses") for secret in self._secrets]

    @staticmethod
    def _derive(secret: bytes, purpose: str) -> bytes:
        # HKDF (RFC 5869): one secret, independent keys by purpose.
        return HKDF(SHA256(), 32, salt=None, info=f"tailormail {purpose}".encode()).derive(secret)

    def derived(self, purpose: str) -> list[bytes]:
        """The key of each secret for this purpose, newest first."""
        return [self._derive(secret, purpose) for secret in self._secrets]

    def encrypt(self, text: str, context: str) -> bytes:
        """Fingerprint (4 bytes), nonce (12), ciphertext and tag. `context` must be the same to decrypt."""
        nonce = os.urandom(_NONCE)
        newest = self._fingerprints[0]
        return newest + nonce + self._ciphers[newest].encrypt(nonce, text.encode(), context.encode())

    def decrypt(self, blob: bytes, context: str) -> str:
        """The text.

        Raises:
            CannotDecrypt: the value was changed or its key was retired.
        """
        cipher = self._ciphers.get(bytes(blob[:_FINGERPRINT]))
        if cipher is None:
            raise CannotDecrypt("a stored field needs a key that is not in TAILORMAIL_SECRET_KEY any more")
        nonce, sealed = blob[_FINGERPRINT : _FINGERPRINT + _NONCE], blob[_FINGERPRINT + _NONCE :]
        try:
            return cipher.decrypt(bytes(nonce), bytes(sealed), context.encode()).decode()
        except InvalidTag:
            raise CannotDecrypt("a stored field was changed outside Tailormail") from None

    def address_hmac(self, email: str) -> bytes:
        """Fingerprint and HMAC-SHA256 of the normalised address under the newest key (36 bytes)."""
        return self.address_hmacs(email)[0]

    def address_hmacs(self, email: str) -> list[bytes]:
        """The same under every key, newest first: what to look for in stored rows."""
        normal = normalise_address(email).encode()
        return [
            fingerprint + hmac.digest(key, normal, "sha256")
            for fingerprint, key in zip(self._fingerprints, self._address_keys, strict=True)
        ]

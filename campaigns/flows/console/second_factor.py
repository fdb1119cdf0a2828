"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for a lost phone."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime

import pyotp

from campaigns.core.crypto import KeyRing
from campaigns.models import ConsoleUser

ISSUER = "Tailormail"
RECOVERY_CODES = 10
STEP_SECONDS = 30

_CONTEXT = "console_users.totp_secret"
# One step to each side: phones' clocks are a little off, and typing takes its time (RFC 6238, 5.2).
_DRIFT = (0, -1, 1)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that can be taken for another sign
_GROUPS, _GROUP = 4, 4
_UNSAID = re.compile(r"[\s-]+")


def begin(user: ConsoleUser, keyring: KeyRing) -> None:
    """Give the person a secret that is not in force yet; one that waits already stays."""
    if user.totp_since is None and user.totp_secret is None:
        user.totp_secret = keyring.encrypt(pyotp.random_base32(), _CONTEXT)


def secret_of(user: ConsoleUser, keyring: KeyRing) -> str:
    """The secret in base32; the person must have one."""
    return keyring.decrypt(user.totp_secret or b"", _CONTEXT)


def address_of(user: ConsoleUser, keyring: KeyRing) -> str:
    """The otpauth: address that authenticator apps read from a QR code."""
    totp = pyotp.TOTP(secret_of(user, keyring), interval=STEP_SECONDS)
    return totp.provisioning_uri(name=user.name, issuer_name=ISSUER)


def uses_code(user: ConsoleUser, keyring: KeyRing, code: str, now: datetime) -> bool:
    """Whether this code of the app holds now; it is used up, and so are all older ones. The row must be locked."""
    said = _UNSAID.sub("", code)
    if not re.fullmatch(r"[0-9]{6}", said) or user.totp_secret is None:
        return False
    totp = pyotp.TOTP(secret_of(user, keyring), interval=STEP_SECONDS)
    here = int(now.timestamp()) // STEP_SECONDS
    for drift in _DRIFT:
        counter = here + drift
        if hmac.compare_digest(totp.generate_otp(counter), said):
            if user.totp_counter is not None and counter <= user.totp_counter:
                return False
            user.totp_counter = counter
            return True
    return False


def uses_recovery_code(user: ConsoleUser, code: str) -> bool:
    """Whether this is one of the person's recovery codes; it is used up. The row must be locked."""
    said = _hash(code)
    kept = [one for one in user.recovery_codes if not hmac.compare_digest(one, said)]
    found = len(kept) < len(user.recovery_codes)
    user.recovery_codes = kept
    return found


def new_recovery_codes(user: ConsoleUser) -> list[str]:
    """Ten new codes, which are shown this once; older ones work no longer. 79 bits each need no slow hash."""
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]
    user.recovery_codes = [_hash(code) for code in codes]
    return codes


def remove(user: ConsoleUser) -> None:
    """Take the second factor away, with all that belongs to it."""
    user.totp_secret = user.totp_since = user.totp_counter = None
    user.recovery_codes = []


def _hash(code: str) -> str:
    return hashlib.sha256(_UNSAID.sub("", code).casefold().encode()).hexdigest()

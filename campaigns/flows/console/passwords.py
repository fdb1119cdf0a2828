"""Passwords of the console: argon2id, what may be chosen, and checking without telling who exists."""

from __future__ import annotations

import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from campaigns.core.errors import BadInput

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
"""Longer ones would only be work for the hash."""

_hasher = PasswordHasher()
# Checked when there is no such person, so that the answer takes as long as for one who exists.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))
_NO_LETTERS = re.compile(r"[\W\d_]+")


def hashed(password: str) -> str:
    """argon2id with the parameters of today; takes a while on purpose, so hold no connection meanwhile."""
    return _hasher.hash(password)


def is_right(stored: str, password: str) -> bool:
    """Whether this is the password; as slow for an empty `stored`, which no password opens."""
    try:
        _hasher.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than those of today."""
    return _hasher.check_needs_rehash(stored)


def check_new(name: str, password: str) -> None:
    """That a person of this name may choose this password.

    Raises:
        BadInput: too short, too long, or the name in disguise.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadInput(f"The password needs {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    letters, own = (_NO_LETTERS.sub("", text).casefold() for text in (password, name))
    if own and not letters.replace(own, ""):
        raise BadInput("The password is only the name: that is the first thing that others try.")

"""People of the console: the first one's one-time link, passwords, and who may change campaigns."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_login import UserMixin, current_user
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.core.errors import BadToken, Conflict
from campaigns.models import ConsoleUser, Role
from campaigns.runtime import Runtime
from web.parts import runtime

FIRST_NAME = "admin"

_FIRST = "first-sign-in"
_UNSET = "unset:"
_hasher = PasswordHasher()
# Checked when there is no such person, so that the answer takes as long as for one who exists.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """Somebody who is signed in; `key` changes with the password, which ends all older sessions."""

    number: int
    name: str
    role: Role
    key: str

    def get_id(self) -> str:
        return f"{self.number}.{self.key}"

    @property
    def may_change(self) -> bool:
        """Whether this person may approve, send and stop campaigns."""
        return self.may(Role.APPROVER)

    def may(self, role: Role) -> bool:
        """Whether this person's role is this one or includes it."""
        return self.role.includes(role)


def ensure_admin(runtime: Runtime) -> str | None:
    """The link with which the first person signs in, or None once somebody has set a password.

    The first call makes the account; later calls, from any process, give the same link until it was used.
    """
    with runtime.db.transaction() as session:
        if session.scalar(select(ConsoleUser.id).limit(1)) is None:
            row = {
                "name": FIRST_NAME,
                "password_hash": f"{_UNSET}{secrets.randbits(62)}",
                "role": Role.ADMIN.value,
            }
            session.execute(upsert(ConsoleUser).values(row).on_conflict_do_nothing())
        users = session.execute(select(ConsoleUser.id, ConsoleUser.password_hash)).all()
    if len(users) != 1 or not users[0].password_hash.startswith(_UNSET):
        return None
    nonce = int(users[0].password_hash.removeprefix(_UNSET))
    return f"{runtime.settings.public_url}/console/first/{runtime.signer.sign(_FIRST, users[0].id, nonce)}"


def awaits_first(runtime: Runtime) -> bool:
    """Whether nobody has set a password yet, so that only the one-time link leads in."""
    with runtime.db.transaction() as session:
        set_already = select(ConsoleUser.id).where(ConsoleUser.password_hash.not_like(f"{_UNSET}%"))
        return session.scalar(set_already.limit(1)) is None


def check_first(runtime: Runtime, token: str) -> None:
    """That this link may still be used.

    Raises:
        BadToken: forged, or used already.
    """
    with runtime.db.transaction() as session:
        _awaiting(session, runtime, token)


def use_first(runtime: Runtime, token: str, name: str, password: str) -> SignedIn:
    """Give the account its name and password; the link is used up.

    Raises:
        BadToken: forged, or used already.
        Conflict: somebody else has this name.
    """
    password_hash = _hasher.hash(password)
    try:
        with runtime.db.transaction() as session:
            user = _awaiting(session, runtime, token)
            user.name = name
            user.password_hash = password_hash
            session.flush()
            return _signed_in(user)
    except IntegrityError:
        raise Conflict(f"somebody is called {name} already") from None


def authenticate(runtime: Runtime, name: str, password: str) -> SignedIn | None:
    """Who this is; None for a wrong name or password, without saying which."""
    with runtime.db.transaction() as session:
        user = session.scalar(select(ConsoleUser).where(ConsoleUser.name == name))
        stored = user.password_hash if user and not user.password_hash.startswith(_UNSET) else _NOBODY
    # Hashing takes a while on purpose: no connection is held meanwhile.
    try:
        _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return None
    return _signed_in(user) if user and stored is not _NOBODY else None


def load_user(session_id: str) -> SignedIn | None:
    """For Flask-Login: who a session belongs to, unless it has ended."""
    number, _, key = session_id.partition(".")
    if not number.isdecimal() or len(number) > 15:
        return None
    with runtime().db.transaction() as session:
        user = session.get(ConsoleUser, int(number))
        found = _signed_in(user) if user else None
    return found if found and hmac.compare_digest(found.key.encode(), key.encode()) else None


def person() -> SignedIn:
    """Who is signed in; only for pages that ask for it."""
    return cast(SignedIn, current_user)


def _awaiting(session: Session, runtime: Runtime, token: str) -> ConsoleUser:
    numbers = runtime.signer.verify(_FIRST, token)
    user = session.get(ConsoleUser, numbers[0], with_for_update=True) if len(numbers) == 2 else None
    if user is None or user.password_hash != f"{_UNSET}{numbers[1]}":
        raise BadToken("this link was used already")
    return user


def _signed_in(user: ConsoleUser) -> SignedIn:
    key = hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]
    return SignedIn(user.id, user.name, Role(user.role), key)

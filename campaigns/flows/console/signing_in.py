"""Signing in: the first person's link, passwords, and the codes of a second factor."""

from __future__ import annotations

import secrets

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadToken, Conflict
from campaigns.core.tokens import Signer
from campaigns.flows.console.audit import record
from campaigns.flows.console.passwords import check_new, hashed, is_outdated, is_right
from campaigns.flows.console.people import (
    FIRST_NAME,
    Person,
    check_name,
    find_by_name,
    person_of,
    record_person,
    set_password,
)
from campaigns.flows.console.second_factor import uses_code, uses_recovery_code
from campaigns.models import ConsoleUser, Role

_FIRST = "first-sign-in"
_STRANGER = "unknown"


class SigningIn:
    """Says who somebody is. Sessions are the web part's; what ends them is `Person.key`."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, signer: Signer, public_url: str) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._url = public_url

    def first_link(self) -> str | None:
        """The link with which the first person comes in, or None once an admin has set a password.

        The first call makes the account; later calls, from any process, give the same link until it was used.
        """
        with self._db.transaction() as session:
            if session.scalar(select(ConsoleUser.id).limit(1)) is None:
                row = {"name": FIRST_NAME, "role": Role.ADMIN.value, "link_nonce": secrets.randbits(62)}
                session.execute(upsert(ConsoleUser).values(row).on_conflict_do_nothing())
            waiting = _first_account(session)
            token = waiting and self._signer.sign(_FIRST, waiting.id, waiting.link_nonce or 0)
        return f"{self._url}/console/first/{token}" if token else None

    def awaits_first(self) -> bool:
        """Whether nobody has set a password yet, so that only the one-time link leads in."""
        with self._db.transaction() as session:
            joined = select(ConsoleUser.id).where(ConsoleUser.password_hash != "").limit(1)
            if session.scalar(joined) is not None:
                return False
            nobody = session.scalar(select(ConsoleUser.id).limit(1)) is None
            return nobody or _first_account(session) is not None

    def check_first(self, token: str) -> None:
        """That this link may still be used.

        Raises:
            BadToken: forged, or used already.
        """
        with self._db.transaction() as session:
            self._awaiting(session, token)

    def use_first(self, token: str, name: str, password: str) -> Person:
        """Give the first account its name and password; the link is used up.

        Raises:
            BadToken: forged, or used already.
            BadInput: this name or password may not be chosen.
            Conflict: somebody else has this name.
        """
        check_name(name)
        check_new(name, password)
        password_hash = hashed(password)
        with self._db.transaction() as session:
            user = self._awaiting(session, token)
            other = find_by_name(session, name)
            if other is not None and other is not user:
                raise Conflict(f"somebody is called {name} already")
            user.name, user.signed_in_at = name, self._clock.now()
            set_password(user, password_hash)
            record_person(session, self._clock.now(), name, "person.joined", user, role=user.role)
            session.flush()
            return person_of(user)

    def person_by_password(self, name: str, password: str) -> Person | None:
        """Who this is; None for a wrong name or password, without saying which.

        Whoever has a second factor is not let in by this alone (`Person.second_factor`).
        """
        with self._db.transaction() as session:
            user = find_by_name(session, name)
            number = user.id if user else None
            stored = user.password_hash if user and user.off_since is None else ""
        # Hashing takes a while on purpose: no connection is held meanwhile.
        if not is_right(stored, password):
            self._refused(number)
            return None
        return self._let_in(name, stored, hashed(password) if is_outdated(stored) else None)

    def _let_in(self, name: str, stored: str, renewed: str | None) -> Person | None:
        with self._db.transaction() as session:
            user = find_by_name(session, name)
            if user is None or user.password_hash != stored or user.off_since is not None:
                return None
            if renewed is not None:
                # The key of older sessions is made of the hash too: they end, as with any new password.
                session.execute(
                    update(ConsoleUser).where(ConsoleUser.id == user.id).values(password_hash=renewed)
                )
                session.refresh(user)
            if user.totp_since is None:
                self._signed_in(session, user)
            return person_of(user)

    def person_by_code(self, number: int, key: str, code: str) -> Person | None:
        """The second step for who gave the password: a code of the app, or a recovery code; None for a wrong one.

        `key` is that of the person who gave the password: what ends sessions ends this step too.
        """
        with self._db.transaction() as session:
            user = session.get(ConsoleUser, number, with_for_update=True)
            if user is None or user.off_since is not None or person_of(user).key != key:
                return None
            now = self._clock.now()
            if uses_code(user, self._keyring, code, now):
                self._signed_in(session, user, second_factor="app")
            elif uses_recovery_code(user, code):
                self._signed_in(session, user, second_factor="recovery code")
            else:
                record_person(session, now, _STRANGER, "person.code_refused", user)
                return None
            return person_of(user)

    def by_session(self, number: int, key: str) -> Person | None:
        """Whose session this is, unless it has ended."""
        with self._db.transaction() as session:
            user = session.get(ConsoleUser, number)
            found = person_of(user) if user is not None and user.off_since is None else None
        return found if found and secrets.compare_digest(found.key.encode(), key.encode()) else None

    def _signed_in(self, session: Session, user: ConsoleUser, **detail: str) -> None:
        user.signed_in_at = self._clock.now()
        record_person(session, self._clock.now(), user.name, "person.signed_in", user, **detail)

    def _refused(self, number: int | None) -> None:
        # Also where there is nobody of this name, so that the answer takes as long. The name is not kept: it may
        # be a password in the wrong field.
        now, action = self._clock.now(), "person.sign_in_refused"
        with self._db.transaction() as session:
            user = session.get(ConsoleUser, number) if number is not None else None
            if user is not None:
                record_person(session, now, _STRANGER, action, user)
            else:
                record(session, now, _STRANGER, action)

    def _awaiting(self, session: Session, token: str) -> ConsoleUser:
        numbers = self._signer.verify(_FIRST, token)
        waiting = _first_account(session)
        if waiting is None or numbers != (waiting.id, waiting.link_nonce):
            raise BadToken("this link was used already")
        return waiting


def _first_account(session: Session) -> ConsoleUser | None:
    """The account that the first start made, while no admin has come in."""
    joined = (
        select(ConsoleUser.id)
        .where(ConsoleUser.password_hash != "", ConsoleUser.role == Role.ADMIN.value)
        .limit(1)
    )
    if session.scalar(joined) is not None:
        return None
    return session.scalar(
        select(ConsoleUser)
        .where(ConsoleUser.link_nonce.is_not(None), ConsoleUser.link_until.is_(None))
        .order_by(ConsoleUser.id)
        .limit(1)
        .with_for_update()
    )

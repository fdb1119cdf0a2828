"""People of the console: who there is, how they come in, what they may do; and never nobody who looks after them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, BadToken, Conflict, NotFound, Refused
from campaigns.core.tokens import Signer
from campaigns.flows.console import second_factor
from campaigns.flows.console.audit import API, CLI, SCHEDULER, record
from campaigns.flows.console.passwords import check_new, hashed
from campaigns.models import ConsoleUser, Role

FIRST_NAME = "admin"
LONGEST_NAME = 80
INVITED_FOR = timedelta(days=7)
RESET_FOR = timedelta(days=1)

_LINK = "console-link"
# They stand for programs in the audit log: no person may be taken for one.
_NOT_NAMES = frozenset({CLI, SCHEDULER, "tailormail", "system", "unknown"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the console; `key` changes with whatever ends the sessions that were begun before.

    `joined`: has a password. `link_until`: until when the one-time link works that somebody was given.
    """

    number: int
    name: str
    role: Role
    key: str
    joined: bool
    off: bool
    second_factor: bool
    recovery_codes: int
    link_until: datetime | None
    signed_in_at: datetime | None
    created_at: datetime


class People:
    """What admins do with accounts; whoever changes something is named by `by`, as in the audit log."""

    def __init__(self, db: Database, clock: Clock, signer: Signer, public_url: str) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._url = public_url

    def list(self) -> list[Person]:
        """Everybody, by name."""
        with self._db.transaction() as session:
            rows = session.scalars(select(ConsoleUser).order_by(func.lower(ConsoleUser.name)))
            return [person_of(row) for row in rows]

    def get(self, number: int) -> Person:
        """One of them.

        Raises:
            NotFound: there is nobody of this number.
        """
        with self._db.transaction() as session:
            return person_of(_row(session, number))

    def named(self, name: str) -> Person:
        """The one of this name, in whatever case it is written.

        Raises:
            NotFound: nobody is called so.
        """
        with self._db.transaction() as session:
            found = find_by_name(session, name)
            if found is None:
                raise NotFound(f"nobody is called {name}; `tailormail user list` shows who there is")
            return person_of(found)

    def invite(self, name: str, role: Role, by: str) -> tuple[int, str]:
        """Make an account. Returns its number and the link with which its password is chosen, shown this once.

        Raises:
            BadInput: no name to sign in with.
            Conflict: somebody is called so already.
        """
        check_name(name)
        with self._db.transaction() as session:
            if find_by_name(session, name) is not None:
                raise Conflict(f"somebody is called {name} already")
            user = ConsoleUser(name=name, role=role.value)
            session.add(user)
            session.flush()
            self._record(session, by, "person.invited", user, role=role.value)
            return user.id, self._new_link(user, INVITED_FOR)

    def reset(self, number: int, by: str) -> str:
        """End the password and all sessions; returns the link with which a new one is chosen, shown this once.

        For who was invited and has not come yet, it is a fresh invitation, and the older link ends.

        Raises:
            Refused: it is the last admin, and `by` is not the command line.
        """
        with self._db.transaction() as session:
            user = _row(session, number, lock=True)
            if user.off_since is not None:
                raise Refused(f"{user.name} is switched off: switch the account on first")
            if by != CLI:
                _refuse_last_admin(session, user, "lose the password")
            joined = bool(user.password_hash)
            user.password_hash = ""
            action = "person.password_reset" if joined else "person.invited_again"
            self._record(session, by, action, user)
            return self._new_link(user, RESET_FOR if joined else INVITED_FOR)

    def withdraw_link(self, number: int, by: str) -> bool:
        """Let a one-time link open nothing more; who never came in is forgotten. Whether the account still is."""
        with self._db.transaction() as session:
            user = _row(session, number, lock=True)
            if user.link_nonce is None or user.link_until is None:
                return True
            self._record(session, by, "person.link_withdrawn", user)
            user.link_nonce = user.link_until = None
            if user.signed_in_at is None and not user.password_hash:
                session.delete(user)
                return False
            return True

    def change_role(self, number: int, role: Role, by: str) -> None:
        """Give another role, from the next request on.

        Raises:
            Refused: the last admin would be one no more.
        """
        with self._db.transaction() as session:
            user = _row(session, number, lock=True)
            if user.role == role:
                return
            if not role.includes(Role.ADMIN):
                _refuse_last_admin(session, user, f"become {role.value}")
            self._record(session, by, "person.role_changed", user, before=user.role, after=role.value)
            user.role = role.value

    def switch(self, number: int, on: bool, by: str) -> None:
        """Switch an account off (all sessions and links end) or on again.

        Raises:
            Refused: it is the last admin.
        """
        with self._db.transaction() as session:
            user = _row(session, number, lock=True)
            if on == (user.off_since is None):
                return
            if not on:
                _refuse_last_admin(session, user, "be switched off")
                user.link_nonce = user.link_until = None
                user.session_key = secrets.token_hex(8)
            user.off_since = None if on else self._clock.now()
            action = "person.switched_on" if on else "person.switched_off"
            self._record(session, by, action, user)

    def end_sessions(self, number: int, by: str) -> Person:
        """Sign a person out everywhere."""
        with self._db.transaction() as session:
            user = _row(session, number, lock=True)
            user.session_key = secrets.token_hex(8)
            self._record(session, by, "person.signed_out_everywhere", user)
            return person_of(user)

    def remove_second_factor(self, number: int, by: str) -> None:
        """For who lost the phone and the recovery codes: the password alone opens the account again."""
        with self._db.transaction() as session:
            user = _row(session, number, lock=True)
            if user.totp_since is None:
                return
            second_factor.remove(user)
            self._record(session, by, "person.second_factor_removed", user)

    def of_link(self, token: str) -> Person:
        """Whose one-time link this is.

        Raises:
            BadToken: forged, used, withdrawn or too old.
        """
        with self._db.transaction() as session:
            return person_of(self._linked(session, token))

    def use_link(self, token: str, password: str) -> Person:
        """Choose a password; the link is used up.

        Raises:
            BadToken: forged, used, withdrawn or too old.
            BadInput: the password may not be chosen.
        """
        check_new(self.of_link(token).name, password)
        password_hash = hashed(
            password
        )  # takes a while, so outside of the transaction that changes something
        with self._db.transaction() as session:
            user = self._linked(session, token)
            action = "person.joined" if user.signed_in_at is None else "person.password_changed"
            set_password(user, password_hash)
            user.signed_in_at = self._clock.now()
            self._record(session, user.name, action, user)
            return person_of(user)

    def _record(self, session: Session, by: str, action: str, user: ConsoleUser, **detail: str) -> None:
        record_person(session, self._clock.now(), by, action, user, **detail)

    def _linked(self, session: Session, token: str) -> ConsoleUser:
        number, nonce = self._signer.verify(_LINK, token, 2)
        user = session.get(ConsoleUser, number, with_for_update=True)
        until = user.link_until if user and user.link_nonce == nonce and user.off_since is None else None
        if user is None or until is None or until < self._clock.now():
            raise BadToken("this link was used, was withdrawn, or is too old")
        return user

    def _new_link(self, user: ConsoleUser, lasting: timedelta) -> str:
        user.session_key = secrets.token_hex(8)
        user.link_nonce, user.link_until = secrets.randbits(62), self._clock.now() + lasting
        token = self._signer.sign(_LINK, user.id, user.link_nonce)
        return f"{self._url}/console/welcome/{token}"


def person_of(user: ConsoleUser) -> Person:
    """The row as everybody may see it."""
    return Person(
        number=user.id,
        name=user.name,
        role=Role(user.role),
        key=hashlib.sha256(f"{user.session_key} {user.password_hash}".encode()).hexdigest()[:16],
        joined=bool(user.password_hash),
        off=user.off_since is not None,
        second_factor=user.totp_since is not None,
        recovery_codes=len(user.recovery_codes or ()),
        link_until=user.link_until,
        signed_in_at=user.signed_in_at,
        created_at=user.created_at,
    )


def record_person(
    session: Session, at: datetime, by: str, action: str, user: ConsoleUser, **detail: str
) -> None:
    """Something that was done to an account; the subject is its number, for addresses of pages name nobody."""
    record(session, at, by, action, f"person {user.id}", {"name": user.name, **detail})


def set_password(user: ConsoleUser, password_hash: str) -> None:
    """A new password, which ends all sessions and links."""
    user.password_hash = password_hash
    user.session_key = secrets.token_hex(8)
    user.link_nonce = user.link_until = None


def check_name(name: str) -> None:
    """That somebody may be called so.

    Raises:
        BadInput: too short or long, not one line, or a word that stands for a program.
    """
    if not 2 <= len(name) <= LONGEST_NAME or name != name.strip() or not name.isprintable():
        raise BadInput(
            f"must be one line of 2 to {LONGEST_NAME} characters, without spaces around it", "name"
        )
    if name.casefold() in _NOT_NAMES or name.casefold().startswith(API):
        raise BadInput(f"{name} stands for a program in the audit log; choose another", "name")


def find_by_name(session: Session, name: str) -> ConsoleUser | None:
    """Phones like to begin names with a capital: the exact name, else the same in another case."""
    rows = session.scalars(select(ConsoleUser).where(func.lower(ConsoleUser.name) == func.lower(name))).all()
    return next((row for row in rows if row.name == name), rows[0] if len(rows) == 1 else None)


def _row(session: Session, number: int, lock: bool = False) -> ConsoleUser:
    if lock:
        # All of them, in one order: two admins who demote each other at once would leave nobody.
        session.execute(select(ConsoleUser.id).order_by(ConsoleUser.id).with_for_update())
    user = session.get(ConsoleUser, number)
    if user is None:
        raise NotFound(f"there is nobody of number {number}")
    return user


def _refuse_last_admin(session: Session, user: ConsoleUser, what: str) -> None:
    active = session.scalars(
        select(ConsoleUser.id)
        .where(ConsoleUser.role == Role.ADMIN.value, ConsoleUser.off_since.is_(None))
        .where(ConsoleUser.password_hash != "")
    ).all()
    if list(active) == [user.id]:
        raise Refused(f"{user.name} is the last admin and cannot {what}: make somebody else an admin first")

"""What everybody does with the account of their own: password, second factor, sessions elsewhere."""

from __future__ import annotations

import secrets

from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.flows.console import second_factor
from campaigns.flows.console.passwords import check_new, hashed, is_right
from campaigns.flows.console.people import Person, person_of, record_person, set_password
from campaigns.models import ConsoleUser

OLD_PASSWORD = "old"
NEW_PASSWORD = "new"
CODE = "code"


class OwnAccount:
    """`number` is always that of who is signed in. What returns a Person has ended all other sessions."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    def change_password(self, number: int, old: str, new: str) -> Person:
        """A new password for who knows the old one.

        Raises:
            BadInput: the old one is wrong (where: OLD_PASSWORD), or the new one may not be chosen (NEW_PASSWORD).
        """
        name = self._check_password(number, old)
        try:
            check_new(name, new)
        except BadInput as error:
            raise BadInput(error.message, NEW_PASSWORD) from None
        password_hash = hashed(new)
        with self._db.transaction() as session:
            user = _own(session, number)
            set_password(user, password_hash)
            self._record(session, user, "person.password_changed")
            return person_of(user)

    def end_other_sessions(self, number: int) -> Person:
        """Sign out everywhere else."""
        with self._db.transaction() as session:
            user = _own(session, number)
            user.session_key = secrets.token_hex(8)
            self._record(session, user, "person.signed_out_everywhere")
            return person_of(user)

    def enrolment(self, number: int) -> tuple[str, str]:
        """What an authenticator app is told: the otpauth: address, and the secret alone for typing it in.

        The same until it was confirmed.

        Raises:
            Refused: a second factor is in force already.
        """
        with self._db.transaction() as session:
            user = _own(session, number)
            if user.totp_since is not None:
                raise Refused("your second factor is set up already")
            second_factor.begin(user, self._keyring)
            return second_factor.address_of(user, self._keyring), second_factor.secret_of(user, self._keyring)

    def confirm(self, number: int, code: str) -> tuple[Person, list[str]]:
        """Let the second factor be in force, for who has typed a first code of it. Returns the recovery codes.

        Raises:
            BadInput: the code does not fit the secret.
            Refused: one is in force already, or nothing was begun.
        """
        with self._db.transaction() as session:
            user = _own(session, number)
            if user.totp_since is not None or user.totp_secret is None:
                raise Refused("there is nothing to confirm: open the page again")
            now = self._clock.now()
            if not second_factor.uses_code(user, self._keyring, code, now):
                raise BadInput(
                    "This code does not fit. Type the one that the app shows now; is the phone's clock right?",
                    CODE,
                )
            user.totp_since, user.session_key = now, secrets.token_hex(8)
            self._record(session, user, "person.second_factor_set")
            return person_of(user), second_factor.new_recovery_codes(user)

    def renew_recovery_codes(self, number: int, password: str) -> list[str]:
        """Ten new ones; the older ones work no longer.

        Raises:
            BadInput: the password is wrong.
            Refused: there is no second factor.
        """
        self._check_password(number, password)
        with self._db.transaction() as session:
            user = _own(session, number)
            if user.totp_since is None:
                raise Refused("there is no second factor to recover")
            self._record(session, user, "person.recovery_codes_renewed")
            return second_factor.new_recovery_codes(user)

    def remove_second_factor(self, number: int, password: str) -> Person:
        """Sign in by the password alone again, or set up another phone.

        Raises:
            BadInput: the password is wrong.
        """
        self._check_password(number, password)
        with self._db.transaction() as session:
            user = _own(session, number)
            second_factor.remove(user)
            user.session_key = secrets.token_hex(8)
            self._record(session, user, "person.second_factor_removed")
            return person_of(user)

    def _check_password(self, number: int, password: str) -> str:
        with self._db.transaction() as session:
            user = _own(session, number)
            name, stored = user.name, user.password_hash
        if not is_right(stored, password):
            raise BadInput("This is not your password.", OLD_PASSWORD)
        return name

    def _record(self, session: Session, user: ConsoleUser, action: str) -> None:
        record_person(session, self._clock.now(), user.name, action, user)


def _own(session: Session, number: int) -> ConsoleUser:
    user = session.get(ConsoleUser, number, with_for_update=True)
    if user is None:
        raise NotFound("this account is gone")
    return user

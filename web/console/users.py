"""Who is signed in: sessions, and the second factor that some of them owe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask_login import UserMixin, current_user

from campaigns.flows.console.people import Person
from campaigns.models import Role
from campaigns.runtime import Runtime
from web.parts import runtime


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """Somebody who is signed in; `key` changes with the password, which ends all older sessions."""

    number: int
    name: str
    role: Role
    key: str
    second_factor: bool

    @classmethod
    def of(cls, person: Person) -> SignedIn:
        """For a session of this person."""
        return cls(person.number, person.name, person.role, person.key, person.second_factor)

    def get_id(self) -> str:
        return f"{self.number}.{self.key}"

    @property
    def may_change(self) -> bool:
        """Whether this person may approve, send and stop campaigns."""
        return self.may(Role.APPROVER)

    def may(self, role: Role) -> bool:
        """Whether this person's role is this one or includes it."""
        return self.role.includes(role)

    def owes_second_factor(self, required: str) -> bool:
        """Whether a second factor must be set up before anything else (TAILORMAIL_REQUIRE_TOTP)."""
        asked = required == "all" or (required == "approvers" and self.may(Role.APPROVER))
        return asked and not self.second_factor


def ensure_admin(runtime: Runtime) -> str | None:
    """The link with which the first person signs in, or None once somebody has set a password."""
    return runtime.signing_in.first_link()


def authenticate(runtime: Runtime, name: str, password: str) -> SignedIn | None:
    """Who this is; None for a wrong name or password, without saying which."""
    person = runtime.signing_in.person_by_password(name, password)
    return SignedIn.of(person) if person else None


def load_user(session_id: str) -> SignedIn | None:
    """For Flask-Login: who a session belongs to, unless it has ended."""
    number, _, key = session_id.partition(".")
    if not number.isdecimal() or len(number) > 15:
        return None
    found = runtime().signing_in.by_session(int(number), key)
    return SignedIn.of(found) if found else None


def person() -> SignedIn:
    """Who is signed in; only for pages that ask for it."""
    return cast(SignedIn, current_user)

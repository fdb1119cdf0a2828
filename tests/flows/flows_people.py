"""People of the console as tests need them: who has joined, and a clock that tests turn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pyotp
from sqlalchemy import select

from campaigns.core.clock import FixedClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.tokens import Signer
from campaigns.flows.console.own_account import OwnAccount
from campaigns.flows.console.people import People, Person
from campaigns.flows.console.signing_in import SigningIn
from campaigns.models import AuditEntry, Role

PASSWORD = "reindeer moss and granite"
URL = "https://mail.test"


@dataclass
class House:
    """The flows of people on one database and one clock."""

    db: Database
    clock: FixedClock
    people: People
    signing_in: SigningIn
    own: OwnAccount

    @classmethod
    def on(cls, db: Database, keyring: KeyRing, signer: Signer) -> House:
        clock = FixedClock(datetime(2026, 11, 22, 12, tzinfo=UTC))
        return cls(
            db,
            clock,
            People(db, clock, signer, URL),
            SigningIn(db, clock, keyring, signer, URL),
            OwnAccount(db, clock, keyring),
        )

    def joined(self, name: str, role: Role = Role.ADMIN) -> Person:
        """Somebody who was invited and has chosen PASSWORD."""
        _, link = self.people.invite(name, role, "a test")
        return self.people.use_link(token_of(link), PASSWORD)

    def app_of(self, person: Person) -> pyotp.TOTP:
        """The authenticator app that this person has set up and confirmed."""
        _, secret = self.own.enrolment(person.number)
        app = pyotp.TOTP(secret)
        self.own.confirm(person.number, app.at(self.clock.now()))
        return app

    def code(self, app: pyotp.TOTP) -> str:
        """What the app shows now."""
        return app.at(self.clock.now())

    def recorded(self) -> list[tuple[str, str, str]]:
        """(by, action, subject) of all entries, oldest first."""
        with self.db.transaction() as session:
            rows = session.execute(
                select(AuditEntry.by, AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id)
            )
            return [(row[0], row[1], row[2]) for row in rows]


def token_of(link: str) -> str:
    """What a one-time link ends with."""
    return link.rpartition("/")[2]

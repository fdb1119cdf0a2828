"""Privacy rights: everything about a person, and its erasure."""

from __future__ import annotations

from typing import Any

from campaigns.audience.privacy import erase_customer, export_customer
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database


class Rights:
    """Exports and erases customers."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    def export(self, email: str) -> dict[str, Any]:
        """Everything kept about a customer, JSON-ready.

        Raises:
            NotFound: no customer has this address.
        """
        with self._db.transaction() as session:
            return export_customer(session, self._keyring, email)

    def erase(self, email: str) -> None:
        """Remove the person; the address stays suppressed.

        Raises:
            NotFound: no customer has this address.
        """
        with self._db.transaction() as session:
            erase_customer(session, self._keyring, email, self._clock.now())

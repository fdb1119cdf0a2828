"""Privacy rights: everything about a person, and its erasure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from campaigns.audience.privacy import erase_customer, export_customer
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.flows.draining import hold_off_draining
from campaigns.flows.live_offers import LiveOffers
from campaigns.flows.open_states import OpenStates
from campaigns.models import Send


class Rights:
    """Exports and erases customers."""

    def __init__(
        self, db: Database, clock: Clock, keyring: KeyRing, open_states: OpenStates, offers: LiveOffers
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._open_states = open_states
        self._offers = offers

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
            hold_off_draining(session)
            erased = erase_customer(session, self._keyring, email, self._clock.now())
            mailed = list(session.scalars(select(Send.id).where(Send.customer_id == erased)))
            session.after_commit(lambda: self._open_states.write_through([erased]))
            session.after_commit(lambda: self._offers.forget(mailed))

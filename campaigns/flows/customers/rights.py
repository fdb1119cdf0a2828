"""Privacy rights: everything about a person, and its erasure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.customers import known_by_address, known_by_id
from campaigns.audience.privacy import erase_by_id, erase_customer
from campaigns.audience.privacy_export import export_customer
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import CLI, record
from campaigns.flows.customers.erasures import Erasures
from campaigns.flows.customers.rights_export import sealed_parts
from campaigns.flows.opening.draining import hold_off_draining
from campaigns.flows.opening.live_offers import LiveOffers
from campaigns.flows.opening.open_states import OpenStates
from campaigns.models import Customer, Send

log = get_logger(__name__)


class Rights:
    """Exports and erases customers."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        open_states: OpenStates,
        offers: LiveOffers,
        erasures: Erasures,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._open_states = open_states
        self._offers = offers
        self._erasures = erasures

    def export(self, email: str, by: str = CLI) -> dict[str, Any]:
        """Everything kept about a customer, JSON-ready; the README documents its parts.

        Raises:
            NotFound: no customer has this address.
        """
        return self._export(lambda session: known_by_address(session, self._keyring, email), by)

    def export_of(self, customer_id: int, by: str = "") -> dict[str, Any]:
        """The same for the customer of this number; recorded where somebody else asks, who is `by`.

        Raises:
            NotFound: there is none, or they were erased.
        """
        return self._export(lambda session: known_by_id(session, customer_id), by)

    def erase(self, email: str, by: str = CLI) -> bool:
        """Remove the person; the address stays suppressed.

        Returns whether Redis and the files of this host were reached as well: if not, workers go on with it by
        themselves (flows/erasures.py).

        Raises:
            NotFound: no customer has this address.
        """
        at = self._clock.now()
        erased = self._erase(lambda session: erase_customer(session, self._keyring, email, at), by)
        self._erasures.finish()
        return self._erasures.reached(erased)

    def erase_of(self, customer_id: int, by: str = "") -> None:
        """The same for the customer of this number, without waiting for files: a person does.

        Recorded where it is not the customer who asks, but `by`.

        Raises:
            NotFound: there is none, or they were erased.
        """
        at = self._clock.now()
        self._erase(lambda session: erase_by_id(session, self._keyring, customer_id, at), by)

    def _export(self, find: Callable[[Session], Customer], by: str = "") -> dict[str, Any]:
        with self._db.transaction() as session:
            customer = find(session)
            if by:
                record(session, self._clock.now(), by, "customer.exported", f"customer {customer.id}")
            exported = export_customer(session, self._keyring, customer, self._clock.now())
            return exported | sealed_parts(session, self._keyring, customer)

    def _erase(self, erase: Callable[[Session], int], by: str = "") -> int:
        with self._db.transaction() as session:
            hold_off_draining(session)
            erased = erase(session)
            if by:
                # By our own number: the shop's would still lead to the person.
                record(session, self._clock.now(), by, "customer.erased", f"customer {erased}")
            mailed = list(session.scalars(select(Send.id).where(Send.customer_id == erased)))
            session.after_commit(lambda: self._open_states.write_through([erased]))
            session.after_commit(lambda: _told(self._offers, mailed))
        log.info("customer_erased", customer_id=erased)
        return erased


def _told(offers: LiveOffers, mailed: list[int]) -> None:
    # Where Redis is away now, flows/erasures.py tells it later.
    offers.forget(mailed)

"""Looking up what would be picked for one customer."""

from __future__ import annotations

from typing import Any

from campaigns.audience.consent import states
from campaigns.audience.customers import find
from campaigns.compose.content import reason_words
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import NotFound, Refused
from campaigns.flows.sending.picking import Picker


class Looking:
    """Answers questions about single customers."""

    def __init__(self, db: Database, keyring: KeyRing, picker: Picker) -> None:
        self._db = db
        self._keyring = keyring
        self._picker = picker

    def recommend(self, customer: str, n: int) -> list[dict[str, Any]]:
        """The picks of a customer (address or external id) with their reasons in words.

        Raises:
            NotFound: there is no such customer.
            Refused: there is no model, or nothing in stock.
        """
        with self._db.transaction() as session:
            person = find(session, self._keyring, customer)
            if person is None:
                raise NotFound(f"there is no customer {customer}; give an address or an external id")
            personal = "profiling" in states(session, [person.id]).get(person.id, frozenset())
        _, picks = self._picker.pick({person.id: personal}, n)
        if not picks[person.id]:
            raise Refused("nothing can be picked: import products and orders, then run `tailormail train`")
        return [
            {
                "rank": pick.rank + 1,
                "sku": pick.product.sku,
                "title": pick.product.title,
                "price": f"{pick.product.price} {pick.product.currency}",
                "stock": pick.product.stock,
                "why": reason_words(pick.reason, "en"),
            }
            for pick in picks[person.id]
        ]

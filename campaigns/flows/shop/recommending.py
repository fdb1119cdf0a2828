"""Recommendations for a web site or an app, as they are asked for: the picks of mails, for one person at this moment.

For a customer who consented to profiling they come from what they bought, saw and have in their cart. Without that
consent, and for somebody unknown, nothing about the person is read: what the page itself tells (the cart, the
product that is being looked at) counts for this one answer and is kept nowhere; else they are best-sellers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.compose.content import reason_words
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, BadToken, NotFound, Refused
from campaigns.core.tokens import Signer
from campaigns.flows.sending.picking import Picker
from campaigns.models import Customer
from campaigns.models.values import Pick
from campaigns.recommend.recommender import History

MOST = 24
MOST_SKUS = 50
LONGEST_TOKEN = timedelta(hours=24)

_TOKEN = "recommendations"
_NOBODY = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: `n` products, none of `without`, for who has `cart` and looks at `viewed` (skus)."""

    n: int
    cart: Sequence[str] = ()
    viewed: Sequence[str] = ()
    without: Collection[str] = ()
    language: str = "en"


class Recommending:
    """Answers from the model that this process has loaded. One object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock, signer: Signer, picker: Picker) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._picker = picker

    def for_customer(self, external_id: str, wish: Wish) -> dict[str, Any]:
        """For the customer of this external id.

        Raises:
            NotFound: there is no such customer.
            Refused: there is no model yet, or nothing may be picked.
        """
        with self._db.transaction() as session:
            number = _number_of(session, external_id)
        return self.for_number(number, wish)

    def for_number(self, customer_id: int, wish: Wish) -> dict[str, Any]:
        """The same by our own number; somebody who was erased meanwhile is somebody unknown."""
        with self._db.transaction() as session:
            alive = select(Customer.id).where(Customer.id == customer_id, Customer.erased_at.is_(None))
            known = session.scalar(alive) is not None
            consents = known and "profiling" in states(session, [customer_id]).get(customer_id, frozenset())
        if not consents:
            basis = "no_consent_to_profiling" if known else "unknown_customer"
            return self._answer(self._history(wish), wish, basis)
        read = self._picker.pick({customer_id: True}, 0)[0][customer_id]
        here = self._history(wish)
        merged = replace(
            read,
            carted=np.union1d(read.carted, here.carted),
            clicked=np.union1d(read.clicked, here.clicked),
        )
        return self._answer(merged, wish, "profile")

    def for_visitor(self, wish: Wish) -> dict[str, Any]:
        """For somebody of whom only this page is known.

        Raises:
            Refused: as `for_customer`.
        """
        return self._answer(self._history(wish), wish, "visitor")

    def similar(self, sku: str, wish: Wish) -> dict[str, Any]:
        """What goes with a product, whoever looks at it.

        Raises:
            NotFound: there is no such product.
            Refused: as `for_customer`.
        """
        if not self._picker.by_sku([sku]):
            raise NotFound("there is no such product")
        asked = replace(wish, viewed=(sku,), cart=(), without={*wish.without, sku})
        return self._answer(self._history(asked), asked, "product")

    def token(self, external_id: str, lasts: timedelta) -> str:
        """What a customer's own browser may ask with, for a while, in place of a key.

        Raises:
            NotFound: there is no such customer.
            BadInput: it would last longer than a day.
        """
        if not timedelta(0) < lasts <= LONGEST_TOKEN:
            raise BadInput("must be at most a day", where="seconds")
        with self._db.transaction() as session:
            number = _number_of(session, external_id)
        ends = int((self._clock.now() + lasts).timestamp())
        return self._signer.sign(_TOKEN, number, ends)

    def who(self, token: str) -> int:
        """Our number of the customer that a token stands for.

        Raises:
            BadToken: forged, or its time is over.
        """
        number, ends = self._signer.verify(_TOKEN, token, 2)
        if ends < self._clock.now().timestamp():
            raise BadToken("this token has ended; ask for a new one")
        return number

    def _history(self, wish: Wish) -> History:
        """What the page tells, and no more."""
        carted, viewed = (
            np.array([facts.id for facts in self._picker.by_sku(list(skus))], np.int64)
            for skus in (wish.cart, wish.viewed)
        )
        told = bool(len(carted) or len(viewed))
        none = np.zeros(0, np.int64)
        return History(_NOBODY, none, np.zeros(0), told, carted=np.unique(carted), clicked=np.unique(viewed))

    def _answer(self, history: History, wish: Wish, basis: str) -> dict[str, Any]:
        hidden = {*wish.without, *wish.cart}
        # A few more than wanted, in place of those that the page shows already.
        picks = self._picker.pick_for(history, wish.n + len(hidden))
        if not picks:
            raise Refused("nothing can be picked: import products and orders, then run `tailormail train`")
        shown = [pick for pick in picks if pick.product.sku not in hidden][: wish.n]
        return {
            "basis": basis,
            "personal": basis == "profile",
            "recommendations": [_plain(rank, pick, wish.language) for rank, pick in enumerate(shown, 1)],
        }


def _number_of(session: Session, external_id: str) -> int:
    found = select(Customer.id).where(Customer.external_id == external_id, Customer.erased_at.is_(None))
    number = session.scalar(found)
    if number is None:
        raise NotFound("there is no such customer")
    return number


def _plain(rank: int, pick: Pick, language: str) -> dict[str, Any]:
    product = pick.product
    return {
        "rank": rank,
        "sku": product.sku,
        "title": product.title,
        "price": str(product.price),
        "currency": product.currency,
        "url": product.url,
        "image_url": product.image_url,
        "reason": pick.reason.kind,
        "why": reason_words(pick.reason, language),
    }

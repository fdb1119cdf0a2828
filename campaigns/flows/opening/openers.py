"""Who opens: consent and home of a customer, from memory, Redis or PostgreSQL; withdrawn where nobody answers.

Redis is asked before PostgreSQL, but only once it is known to have been told of everything: it may have come back
with the consents of before. Until then PostgreSQL alone is asked.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import psycopg
import redis
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.core.patience import Patience
from campaigns.core.remembering import Remembered
from campaigns.flows.opening.mailed import campaign_of
from campaigns.flows.opening.open_states import OpenStates
from campaigns.models import Send
from campaigns.opentime.serving.known_states import KnownStates
from campaigns.opentime.serving.open_state import WITHDRAWN, OpenState
from campaigns.opentime.serving.state_shelf import StateShelf

log = get_logger(__name__)

_REST_SECONDS = 1.0
_MOST_KEPT = 20_000


class Addressed(NamedTuple):
    """Whom a mail was sent to, and when (seconds since 1970), where its links do not say so themselves."""

    campaign_id: int
    customer_id: int
    sent_at: float | None


class Openers:
    """Looks up whose mail is opened and what they allow; one object serves all threads of a process."""

    def __init__(self, db: Database, shelf: StateShelf, states: OpenStates, known: KnownStates) -> None:
        self._db = db
        self._shelf = shelf
        self._states = states
        self._known = known
        self._patience = Patience("PostgreSQL")
        self._redis_rests_until = 0.0
        self._addressed: Remembered[int, Addressed] = Remembered(_MOST_KEPT)

    def state(self, customer_id: int) -> OpenState:
        """What this customer allows at this moment, and where they live.

        Where neither Redis nor PostgreSQL can say so, nothing is allowed.
        """
        known = self._known.get(customer_id)
        if known is not None:
            return known
        mark = self._known.mark(customer_id)
        # A Redis that has just come back may not know yet who withdrew meanwhile.
        state = self._from_redis(customer_id) if self._known.settled else None
        state = state or self._from_postgres(customer_id)
        if state is None:
            return WITHDRAWN
        self._known.keep(customer_id, state, mark)
        return state

    def addressed(self, campaign_id: int, send_id: int) -> Addressed | None:
        """Whom a mail of an earlier version was sent to; None where it is gone or nobody can say."""
        known = self._addressed.get(send_id)
        if known is None:
            try:
                known = self._patience.ask(lambda: self._stored(campaign_id, send_id))
            except (ServiceUnavailable, SQLAlchemyError, psycopg.Error):
                return None
            if known is not None:
                self._addressed[send_id] = known
        return known

    def _from_redis(self, customer_id: int) -> OpenState | None:
        if time.monotonic() < self._redis_rests_until:
            return None
        try:
            return self._shelf.read([customer_id]).get(customer_id)
        except (redis.RedisError, OSError) as error:
            # The next requests need not find it out again, each in its own time.
            self._redis_rests_until = time.monotonic() + _REST_SECONDS
            log.info("open_state_not_in_redis", why=type(error).__name__)
            return None

    def _from_postgres(self, customer_id: int) -> OpenState | None:
        try:
            state = self._patience.ask(lambda: self._states.of([customer_id]))[customer_id]
        except (ServiceUnavailable, SQLAlchemyError, psycopg.Error) as error:
            log.info("open_state_unknown", why=type(error).__name__)
            return None
        if time.monotonic() >= self._redis_rests_until:
            try:
                self._shelf.put({customer_id: state})
            except (redis.RedisError, OSError):
                self._redis_rests_until = time.monotonic() + _REST_SECONDS
        return state

    def _stored(self, campaign_id: int, send_id: int) -> Addressed | None:
        with self._db.transaction() as session:
            campaign_id = campaign_of(session, campaign_id, send_id)
            row = session.execute(
                select(Send.customer_id, Send.sent_at).where(
                    Send.campaign_id == campaign_id, Send.id == send_id
                )
            ).one_or_none()
        if row is None:
            return None
        return Addressed(campaign_id, row.customer_id, row.sent_at.timestamp() if row.sent_at else None)

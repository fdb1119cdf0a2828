"""Requests that may be repeated: the same key gets the same answer, and what it asked for is done once.

By the IETF's draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header): the same
key with another request is an error, and so is asking again while the first request is still being answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import Conflict
from campaigns.models import IdempotentRequest

ANSWER_CONTEXT = "idempotent_requests.answer"
KEPT = timedelta(hours=24)
# A request that is older and has no answer belonged to a process that ended; whoever asks again does it anew.
_LONGEST_REQUEST = timedelta(minutes=10)


class OtherRequest(Conflict):
    """This key was used for another request."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered before."""

    status: int
    body: Any


class Idempotency:
    """Remembers requests for a day. One object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    def begin(self, holder: str, key: str, digest: bytes) -> Answered | None:
        """Note that this request is being answered; what was answered before, where it came before.

        Raises:
            OtherRequest: the key was used for another request.
            Conflict: the first request is still being answered.
        """
        now = self._clock.now()
        fresh = {"digest": digest, "begun_at": now, "status": None, "answer": None, "finished_at": None}
        row = {"holder": holder, "key": key, **fresh}
        with self._db.transaction() as session:
            made = insert(IdempotentRequest).values(row).on_conflict_do_nothing()
            if session.scalar(made.returning(IdempotentRequest.key)) is not None:
                return None
            found = select(IdempotentRequest).where(*_is(holder, key)).with_for_update()
            before = session.scalar(found)
            if before is None or before.begun_at < now - KEPT:
                again = insert(IdempotentRequest).values(row)
                session.execute(again.on_conflict_do_update(index_elements=["holder", "key"], set_=fresh))
                return None
            if bytes(before.digest) != digest:
                raise OtherRequest("this Idempotency-Key was used for another request; take a new one")
            if before.status is not None:
                text = self._keyring.decrypt(before.answer or b"", ANSWER_CONTEXT)
                return Answered(before.status, json.loads(text))
            if before.begun_at > now - _LONGEST_REQUEST:
                raise Conflict("the first request with this Idempotency-Key is still being answered")
            before.begun_at = now
            return None

    def finish(self, holder: str, key: str, status: int, body: Any) -> None:
        """Keep what was answered."""
        sealed = self._keyring.encrypt(json.dumps(body), ANSWER_CONTEXT)
        done = {"status": status, "answer": sealed, "finished_at": self._clock.now()}
        with self._db.transaction() as session:
            session.execute(update(IdempotentRequest).where(*_is(holder, key)).values(**done))

    def forget(self, holder: str, key: str) -> None:
        """It came to nothing: the same key may try again."""
        unanswered = IdempotentRequest.status.is_(None)
        with self._db.transaction() as session:
            session.execute(delete(IdempotentRequest).where(*_is(holder, key), unanswered))

    def forget_old(self) -> int:
        """Delete what is older than a day; returns how many."""
        old = IdempotentRequest.begun_at < self._clock.now() - KEPT
        with self._db.transaction() as session:
            gone = session.execute(delete(IdempotentRequest).where(old))
            return int(gone.rowcount)  # type: ignore[attr-defined]


def _is(holder: str, key: str) -> tuple[Any, ...]:
    return IdempotentRequest.holder == holder, IdempotentRequest.key == key

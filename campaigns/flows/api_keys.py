"""Keys of programs that use the API: made, listed, revoked and checked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, Conflict, NotFound
from campaigns.models import ApiKey
from campaigns.models.api_key import SCOPES

PREFIX = "tm_"
"""Begins every key, so that people, and programs that look for leaked secrets, know what they see."""

_LONGEST_NAME = 80
# When a key was used last is for people who wonder which ones they can revoke.
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who asks: the name of the key, and what it may do (models.api_key.SCOPES)."""

    name: str
    scopes: frozenset[str]


class ApiKeys:
    """One object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def create(self, name: str, scopes: Collection[str]) -> str:
        """A new key, which is shown this once: only its hash is kept.

        Raises:
            BadInput: no name, or an unknown scope.
            Conflict: the name is taken, also by a key that was revoked: it stands in logs.
        """
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise BadInput(f"must be one line of at most {_LONGEST_NAME} characters", where="name")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadInput(f"must be some of {', '.join(SCOPES)}", where="scope")
        key = PREFIX + secrets.token_urlsafe(32)
        with self._db.transaction() as session:
            if session.scalar(select(ApiKey.id).where(ApiKey.name == name)) is not None:
                raise Conflict(f'there is a key named "{name}" already; take another name')
            session.add(ApiKey(name=name, key_hash=_hash(key), scopes=sorted(scopes)))
        return key

    def list(self) -> list[dict[str, Any]]:
        """All keys, oldest first: {name, scopes, created_at, last_used_at, revoked_at}; moments in ISO 8601."""
        with self._db.transaction() as session:
            keys = session.scalars(select(ApiKey).order_by(ApiKey.id)).all()
            return [
                {
                    "name": key.name,
                    "scopes": list(key.scopes),
                    "created_at": key.created_at.isoformat(),
                    "last_used_at": _iso(key.last_used_at),
                    "revoked_at": _iso(key.revoked_at),
                }
                for key in keys
            ]

    def revoke(self, name: str) -> None:
        """From now on the key opens nothing; again changes nothing.

        Raises:
            NotFound: there is no key of this name.
        """
        with self._db.transaction() as session:
            key = session.scalar(select(ApiKey).where(ApiKey.name == name))
            if key is None:
                raise NotFound(f'there is no key named "{name}"')
            key.revoked_at = key.revoked_at or self._clock.now()

    def holder(self, key: str) -> KeyHolder | None:
        """Whose key this is; None for one that is unknown or revoked.

        Found by its hash, so that the time it takes tells nothing of other keys.
        """
        if not key.startswith(PREFIX) or len(key) > 200:
            return None
        with self._db.transaction() as session:
            found = session.scalar(
                select(ApiKey).where(ApiKey.key_hash == _hash(key), ApiKey.revoked_at.is_(None))
            )
            if found is None:
                return None
            now = self._clock.now()
            if found.last_used_at is None or found.last_used_at < now - _USE_NOTED_EVERY:
                session.execute(update(ApiKey).where(ApiKey.id == found.id).values(last_used_at=now))
            return KeyHolder(found.name, frozenset(found.scopes))


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

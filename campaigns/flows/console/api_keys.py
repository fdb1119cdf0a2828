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
from campaigns.flows.console.audit import CLI, record
from campaigns.models import ApiKey
from campaigns.models.api_key import SCOPES

PREFIX = "tm_"
"""Begins every key, so that people, and programs that look for leaked secrets, know what they see."""

SCOPE_WORDS = {
    "read": "see campaigns, drafts, segments, reports, products and the calendar",
    "write": "import, change drafts and segments, post orders and products, pause and resume, suppress",
    "privacy": "see, export and erase customers, and ask about addresses",
    "send": "send messages; approve, start and schedule campaigns, and try failed mail again",
    "recommend": "ask for recommendations, and make tokens for a customer's browser",
    "events": "post views, carts, orders, returns and stock, and nothing else",
    "admin": "read the audit log, and look after webhooks",
}
"""What each scope opens, for people."""
MOST_PER_MINUTE = 6000

_LONGEST_NAME = 80
# When a key was used last is for people who wonder which ones they can revoke.
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who asks: the name of the key, what it may do (models.api_key.SCOPES), and how often where that is said."""

    name: str
    scopes: frozenset[str]
    per_minute: int | None = None


class ApiKeys:
    """One object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def create(
        self,
        name: str,
        scopes: Collection[str],
        *,
        by: str = CLI,
        expires_at: datetime | None = None,
        per_minute: int | None = None,
    ) -> str:
        """A new key, which is shown this once: only its hash is kept.

        Raises:
            BadInput: no name, an unknown scope, an end that has passed, or a number of requests that is none.
            Conflict: the name is taken, also by a key that was revoked: it stands in logs.
        """
        name = name.strip()
        now = self._clock.now()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise BadInput(f"must be one line of at most {_LONGEST_NAME} characters", where="name")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadInput(f"must be some of {', '.join(SCOPES)}", where="scopes")
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
            raise BadInput("must be a moment to come, with its time zone", where="expires_at")
        if per_minute is not None and not 1 <= per_minute <= MOST_PER_MINUTE:
            raise BadInput(f"must be 1 to {MOST_PER_MINUTE:,}", where="per_minute")
        key = PREFIX + secrets.token_urlsafe(32)
        with self._db.transaction() as session:
            if session.scalar(select(ApiKey.id).where(ApiKey.name == name)) is not None:
                raise Conflict(f'there is a key named "{name}" already; take another name')
            session.add(
                ApiKey(
                    name=name,
                    key_hash=_hash(key),
                    hint=key[-4:],
                    scopes=sorted(scopes),
                    created_by=by,
                    expires_at=expires_at,
                    per_minute=per_minute,
                )
            )
            record(session, now, by, "api_key.created", f"key {name}", {"scopes": sorted(scopes)})
        return key

    def list(self) -> list[dict[str, Any]]:
        """All keys, oldest first, JSON-ready; moments in ISO 8601, `works` whether the key opens anything now."""
        now = self._clock.now()
        with self._db.transaction() as session:
            keys = session.scalars(select(ApiKey).order_by(ApiKey.id)).all()
            return [
                {
                    "name": key.name,
                    "hint": key.hint,
                    "scopes": list(key.scopes),
                    "per_minute": key.per_minute,
                    "created_at": key.created_at.isoformat(),
                    "created_by": key.created_by,
                    "expires_at": _iso(key.expires_at),
                    "last_used_at": _iso(key.last_used_at),
                    "revoked_at": _iso(key.revoked_at),
                    "works": key.revoked_at is None and (key.expires_at is None or key.expires_at > now),
                }
                for key in keys
            ]

    def revoke(self, name: str, by: str = CLI) -> None:
        """From now on the key opens nothing; again changes nothing.

        Raises:
            NotFound: there is no key of this name.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            key = session.scalar(select(ApiKey).where(ApiKey.name == name).with_for_update())
            if key is None:
                raise NotFound(f'there is no key named "{name}"')
            if key.revoked_at is None:
                key.revoked_at = now
                record(session, now, by, "api_key.revoked", f"key {name}")

    def holder(self, key: str) -> KeyHolder | None:
        """Whose key this is; None for one that is unknown, revoked or expired.

        Found by its hash, so that the time it takes tells nothing of other keys.
        """
        if not key.startswith(PREFIX) or len(key) > 200:
            return None
        with self._db.transaction() as session:
            found = session.scalar(
                select(ApiKey).where(ApiKey.key_hash == _hash(key), ApiKey.revoked_at.is_(None))
            )
            now = self._clock.now()
            if found is None or (found.expires_at is not None and found.expires_at <= now):
                return None
            if found.last_used_at is None or found.last_used_at < now - _USE_NOTED_EVERY:
                session.execute(update(ApiKey).where(ApiKey.id == found.id).values(last_used_at=now))
            return KeyHolder(found.name, frozenset(found.scopes), found.per_minute)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

"""Endpoints of webhooks: who is told what, by which secret, and what became of the deliveries."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.core.public_http import Origin, is_public, origin_of
from campaigns.flows.console.audit import record
from campaigns.flows.webhooks.webhook_collecting import new_message_id
from campaigns.flows.webhooks.webhook_sources import Told, begin_here
from campaigns.models import WEBHOOK_EVENTS, WebhookDelivery, WebhookEndpoint

SECRET_CONTEXT = "webhook_endpoints.secret"
SECRET_PREFIX = "whsec_"
OLD_SECRET = timedelta(hours=24)
"""How long the old secret signs beside the new one."""

MOST_ENDPOINTS = 20
PAGE = 50
TEST = "test"


@dataclass(frozen=True, slots=True)
class MadeEndpoint:
    """A new endpoint, and its secret, which is shown this once."""

    number: int
    secret: str


class Webhooks:
    """Looks after endpoints. One object serves all threads of a process.

    Args:
        private: origins that may be told though they lie inside one's own network, and by plain http.
    """

    def __init__(
        self, db: Database, clock: Clock, keyring: KeyRing, private: frozenset[Origin] = frozenset()
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._private = private

    def create(self, url: str, events: Collection[str], by: str, description: str = "") -> MadeEndpoint:
        """Tell this address of these events from now on.

        Raises:
            BadInput: no address that may be told, or no such event.
            Refused: there are as many endpoints as there may be.
        """
        url, chosen = self._checked(url), _events(events)
        secret, now = _new_secret(), self._clock.now()
        with self._db.transaction() as session:
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("webhook endpoints", 0))))
            there = (
                select(func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None))
            )
            if (session.scalar(there) or 0) >= MOST_ENDPOINTS:
                raise Refused(f"there are {MOST_ENDPOINTS} webhooks already; remove one first")
            row = WebhookEndpoint(
                url=url,
                description=_line(description),
                events=chosen,
                secret_cipher=self._keyring.encrypt(secret, SECRET_CONTEXT),
                created_at=now,
                created_by=by,
            )
            session.add(row)
            session.flush()
            begin_here(session)
            record(session, now, by, "webhook.created", f"webhook {row.id}", {"host": _host(url)})
            return MadeEndpoint(row.id, secret)

    def change(
        self, number: int, by: str, *, url: str | None = None, events: Collection[str] | None = None,
        description: str | None = None,
    ) -> None:  # fmt: skip
        """Another address, other events or another description; what is None stays.

        Raises:
            NotFound: there is no such endpoint.
            BadInput: as `create`.
        """
        with self._db.transaction() as session:
            row = _there(session, number, lock=True)
            if url is not None:
                row.url = self._checked(url)
            if events is not None:
                row.events = _events(events)
            if description is not None:
                row.description = _line(description)
            record(
                session,
                self._clock.now(),
                by,
                "webhook.changed",
                f"webhook {number}",
                {"host": _host(row.url)},
            )

    def rotate(self, number: int, by: str) -> str:
        """A new secret, shown this once; for a day the old one signs as well.

        Raises:
            NotFound: there is no such endpoint.
        """
        secret, now = _new_secret(), self._clock.now()
        with self._db.transaction() as session:
            row = _there(session, number, lock=True)
            row.old_secret_cipher, row.old_secret_until = row.secret_cipher, now + OLD_SECRET
            row.secret_cipher = self._keyring.encrypt(secret, SECRET_CONTEXT)
            record(session, now, by, "webhook.secret_rotated", f"webhook {number}")
        return secret

    def switch(self, number: int, on: bool, by: str) -> None:
        """Tell it, or leave it alone; what waited while it was off is told when it is on again.

        Raises:
            NotFound: there is no such endpoint.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            row = _there(session, number, lock=True)
            if on == (row.off_at is None):
                return
            row.off_at, row.off_because = (None, "") if on else (now, f"switched off by {by}")
            row.failures, row.failing_since, row.rest_until = 0, None, None
            if on:
                begin_here(session)
            record(
                session, now, by, "webhook.switched_on" if on else "webhook.switched_off", f"webhook {number}"
            )

    def remove(self, number: int, by: str) -> None:
        """Never tell it again; its deliveries stay to be looked at as long as others.

        Raises:
            NotFound: there is no such endpoint.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            row = _there(session, number, lock=True)
            row.removed_at, row.secret_cipher, row.old_secret_cipher = now, b"", None
            waiting = (WebhookDelivery.endpoint_id == number, WebhookDelivery.status == "waiting")
            session.execute(update(WebhookDelivery).where(*waiting).values(status="given_up"))
            record(session, now, by, "webhook.removed", f"webhook {number}", {"host": _host(row.url)})

    def test(self, number: int, by: str) -> int:
        """Send it a delivery of its own kind; returns its number, by which `delivery` says what came of it.

        Raises:
            NotFound: there is no such endpoint.
            Refused: it is switched off.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            row = _there(session, number, lock=True)
            if row.off_at is not None:
                raise Refused("this webhook is switched off; switch it on first")
            row.rest_until = None
            told = Told(f"test-{secrets.token_hex(6)}", TEST, now, {"by": by})
            delivery = WebhookDelivery(
                endpoint_id=number,
                message_id=new_message_id(),
                told=[told.to_json()],
                created_at=now,
                next_try_at=now,
            )
            session.add(delivery)
            session.flush()
            record(session, now, by, "webhook.tested", f"webhook {number}")
            return delivery.id

    def redeliver(self, delivery_id: int, by: str) -> None:
        """Tell it once more, whatever came of it before.

        Raises:
            NotFound: there is no such delivery, or its endpoint is gone.
            Refused: the endpoint is switched off.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
            if delivery is None:
                raise NotFound(f"there is no delivery {delivery_id}, or it is too old to be kept")
            endpoint = _there(session, delivery.endpoint_id, lock=True)
            if endpoint.off_at is not None:
                raise Refused("this webhook is switched off; switch it on first")
            endpoint.rest_until = None
            delivery.status, delivery.next_try_at = "waiting", now
            record(
                session, now, by, "webhook.redelivered", f"webhook {endpoint.id}", {"delivery": delivery_id}
            )

    def show(self, number: int) -> dict[str, Any]:
        """One endpoint.

        Raises:
            NotFound: there is no such endpoint.
        """
        with self._db.transaction() as session:
            return _as_plain(_there(session, number), self._clock.now())

    def deliveries(self, number: int, before: int | None = None, most: int = PAGE) -> list[dict[str, Any]]:
        """The last deliveries of an endpoint, newest first, those with lower numbers than `before`.

        Raises:
            NotFound: there is no such endpoint.
        """
        with self._db.transaction() as session:
            _there(session, number)
            found = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == number)
            if before is not None:
                found = found.where(WebhookDelivery.id < before)
            rows = session.scalars(found.order_by(WebhookDelivery.id.desc()).limit(most))
            return [delivery_as_plain(row) for row in rows]

    def list(self) -> list[dict[str, Any]]:
        """All endpoints, oldest first, JSON-ready."""
        now = self._clock.now()
        with self._db.transaction() as session:
            there = select(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None))
            return [_as_plain(row, now) for row in session.scalars(there.order_by(WebhookEndpoint.id))]

    def _checked(self, url: str) -> str:
        url = url.strip()
        try:
            parts, origin = urlsplit(url), origin_of(url)
        except ValueError:
            origin = None
        if origin is None or len(url) > 2000 or not url.isprintable() or " " in url:
            raise BadInput("must be a web address such as https://shop.example/hooks/mail", where="url")
        if parts.username or parts.password:
            raise BadInput("must have no name or password in it; the signature says who asks", where="url")
        if origin in self._private:
            return url
        if parts.scheme != "https":
            raise BadInput("must begin with https://", where="url")
        try:
            public = is_public(origin[0].strip("[]"))
        except ValueError:
            public = origin[0] != "localhost"  # a name: its addresses are looked at when it is told
        if not public:
            raise BadInput(
                "lies inside a private network; TAILORMAIL_WEBHOOK_PRIVATE names those that may", where="url"
            )
        return url


def delivery_as_plain(row: WebhookDelivery) -> dict[str, Any]:
    """A delivery, ready for JSON; `events` are the names of what it tells, each with how many."""
    names = [one["name"] for one in row.told]
    return {
        "id": row.id,
        "message_id": row.message_id,
        "events": {name: names.count(name) for name in dict.fromkeys(names)},
        "status": row.status,
        "attempts": row.attempts,
        "created_at": row.created_at.isoformat(),
        "next_try_at": row.next_try_at.isoformat() if row.status == "waiting" else None,
        "last_at": _iso(row.last_at),
        "last_status": row.last_status,
        "milliseconds": row.milliseconds,
        "answer": row.answer,
    }


def _as_plain(row: WebhookEndpoint, now: datetime) -> dict[str, Any]:
    rotating = row.old_secret_until is not None and row.old_secret_until > now
    return {
        "id": row.id,
        "url": row.url,
        "description": row.description,
        "events": list(row.events),
        "on": row.off_at is None,
        "off_because": row.off_because,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "failures": row.failures,
        "failing_since": _iso(row.failing_since),
        "rest_until": _iso(row.rest_until),
        "old_secret_until": _iso(row.old_secret_until) if rotating else None,
    }


def _there(session: Session, number: int, lock: bool = False) -> WebhookEndpoint:
    row = session.get(WebhookEndpoint, number, with_for_update=lock or None)
    if row is None or row.removed_at is not None:
        raise NotFound(f"there is no webhook {number}")
    return row


def _events(events: Collection[str]) -> list[str]:
    unknown = sorted(set(events) - set(WEBHOOK_EVENTS))
    if unknown or not events:
        raise BadInput(f"must be some of {', '.join(WEBHOOK_EVENTS)}", where="events")
    return [name for name in WEBHOOK_EVENTS if name in events]


def _line(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > 200 or not line.isprintable():
        raise BadInput("must be one line of at most 200 characters", where="description")
    return line


def _new_secret() -> str:
    """As Standard Webhooks writes it: `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

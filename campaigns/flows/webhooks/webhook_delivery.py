"""Telling endpoints: signed, tried again for three days, one worker an endpoint at a time.

By the Standard Webhooks specification: `webhook-id`, `webhook-timestamp` and `webhook-signature`, an HMAC-SHA256 over
the three parts id, time and body; two signatures while a secret is being changed. An endpoint is asked on the open
internet only, is not followed when it leads elsewhere, and has ten seconds. No connection to the database is held
meanwhile. An endpoint that fails rests, longer each time, so that it costs neither time nor a worker.
"""

from __future__ import annotations

import base64
import hmac
import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import GiveUp, Rejected, ServiceUnavailable
from campaigns.core.http_body import TooLong, TooSlow, body_of
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.public_http import PublicHttp, Question
from campaigns.flows.console.audit import SCHEDULER, record
from campaigns.flows.webhooks.webhooks import SECRET_CONTEXT, SECRET_PREFIX
from campaigns.models import Customer, WebhookDelivery, WebhookEndpoint, WebhookFact

log = get_logger(__name__)

SERVICE = "webhook"
TASK_SECONDS = 4.0
ANSWER_SECONDS = 10.0
KEPT = timedelta(days=30)
GIVEN_UP_AFTER = timedelta(days=3)
_FACTS_KEPT = timedelta(days=7)
_BUSY = timedelta(seconds=90)
_AT_ONCE = 16
_KEPT_OF_ANSWER = 500
_LONGEST_ANSWER = 65_536
# Seconds after the first, second ... attempt that failed; the last one for all that follow.
_WAITS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
_LONGEST_REST = 900
_GONE = 410
_OPENED = "mail.opened"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an endpoint said; `status` 0: nothing, and `words` say why."""

    status: int
    words: str
    milliseconds: int
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Due:
    """One delivery as it is told now."""

    id: int
    message_id: str
    body: bytes
    url: str
    secrets: tuple[bytes, ...]


class WebhookDelivering:
    """Tells endpoints what waits for them. One object serves one process; `http` may be used by several threads."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        http: PublicHttp,
        meters: Meters,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._http = http
        self._meters = meters
        self._stopping = stopping
        self._random = random.Random()

    def work(self, seconds: float = TASK_SECONDS) -> int:
        """Tell what is due until nothing is, or the time is over; returns how many deliveries were answered by 2xx."""
        until = time.monotonic() + seconds
        numbers = self._claim()
        if not numbers:
            return 0
        with ThreadPoolExecutor(len(numbers)) as pool:
            told = sum(pool.map(lambda number: self._serve(number, until), numbers))
        self._meters.flush_every(1.0)
        return told

    def forget_old(self) -> int:
        """Delete deliveries of more than a month ago, and what was written down for them; returns how many."""
        now = self._clock.now()
        with self._db.transaction() as session:
            session.execute(delete(WebhookFact).where(WebhookFact.at < now - _FACTS_KEPT))
            gone = session.execute(delete(WebhookDelivery).where(WebhookDelivery.created_at < now - KEPT))
            return int(gone.rowcount)  # type: ignore[attr-defined]

    def _claim(self) -> list[int]:
        """Endpoints that something waits for; nobody else tells them meanwhile."""
        now, clock = self._clock.now(), func.clock_timestamp()
        endpoint = WebhookEndpoint
        waits = (
            select(WebhookDelivery.id)
            .where(
                WebhookDelivery.endpoint_id == endpoint.id,
                WebhookDelivery.status == "waiting",
                WebhookDelivery.next_try_at <= now,
            )
            .exists()
        )
        with self._db.transaction() as session:
            rows = session.scalars(
                select(endpoint)
                .where(endpoint.off_at.is_(None), endpoint.removed_at.is_(None), waits)
                .where(or_(endpoint.rest_until.is_(None), endpoint.rest_until <= now))
                .where(or_(endpoint.busy_until.is_(None), endpoint.busy_until < clock))
                .order_by(endpoint.id)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            ).all()
            if rows:
                until = session.execute(select(clock)).scalar_one() + _BUSY
                for row in rows:
                    row.busy_until = until
            return [row.id for row in rows]

    def _serve(self, number: int, until: float) -> int:
        """Tell one endpoint, as long as it answers well and there is time."""
        told = 0
        try:
            while time.monotonic() < until and not self._stopping():
                due = self._next(number)
                if due is None:
                    break
                answer = self._tell(due)
                self._note(number, due.id, answer)
                if not answer.ok:
                    break
                told += 1
        except Exception as error:
            # One endpoint's trouble is not the others'; what was being told is told again.
            log.warning("webhook_failed", webhook=number, why=type(error).__name__)
        finally:
            with self._db.transaction() as session:
                row = session.get(WebhookEndpoint, number, with_for_update=True)
                if row is not None:
                    row.busy_until = None
        return told

    def _next(self, number: int) -> _Due | None:
        now = self._clock.now()
        with self._db.transaction() as session:
            endpoint = session.get_one(WebhookEndpoint, number)
            waiting = (
                select(WebhookDelivery)
                .where(
                    WebhookDelivery.endpoint_id == number,
                    WebhookDelivery.status == "waiting",
                    WebhookDelivery.next_try_at <= now,
                )
                .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
                .limit(1)
            )
            delivery = session.scalar(waiting)
            if delivery is None or endpoint.off_at is not None or endpoint.removed_at is not None:
                return None
            body = body_told(session, delivery)
            ciphers = [endpoint.secret_cipher]
            if endpoint.old_secret_cipher and (endpoint.old_secret_until or now) > now:
                ciphers.append(endpoint.old_secret_cipher)
            keys = tuple(_key(self._keyring.decrypt(cipher, SECRET_CONTEXT)) for cipher in ciphers)
            return _Due(delivery.id, delivery.message_id, body, endpoint.url, keys)

    def _tell(self, due: _Due) -> _Answer:
        stamp = int(self._clock.now().timestamp())
        signatures = signatures_of(due.secrets, due.message_id, stamp, due.body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": due.message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": signatures,
        }
        question = Question(ANSWER_SECONDS, "POST", headers, redirects=0, body=due.body)
        began = time.monotonic()

        def read(answer: requests.Response, deadline: float) -> _Answer:
            try:
                body = body_of(answer, _LONGEST_ANSWER, deadline)
            except TooLong:
                body = b"(a long answer)"
            except TooSlow:
                return _Answer(0, "no whole answer in time", _since(began))
            after = answer.headers.get("Retry-After", "")
            words = _readable(body)
            return _Answer(
                answer.status_code, words, _since(began), float(after) if after.isdecimal() else None
            )

        try:
            return self._http.ask(due.url, question, read)
        except Rejected as error:
            # Only an answer that leads elsewhere, or an address that may not be asked, ends here.
            led = "redirects" in error.message
            words = "it leads to another address; enter that one" if led else error.message
            return _Answer(0, words, _since(began))
        except (ServiceUnavailable, GiveUp) as error:
            return _Answer(0, error.message, _since(began))

    def _note(self, number: int, delivery_id: int, answer: _Answer) -> None:
        """Write down what was answered, and what follows."""
        now = self._clock.now()
        with self._db.transaction() as session:
            endpoint = session.get_one(WebhookEndpoint, number, with_for_update=True)
            delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
            if delivery is None:
                return
            delivery.attempts = min(delivery.attempts + 1, 10_000)
            delivery.last_at, delivery.last_status = now, answer.status or None
            delivery.milliseconds, delivery.answer = answer.milliseconds, answer.words
            if answer.ok:
                delivery.status = "delivered"
                endpoint.failures, endpoint.failing_since, endpoint.rest_until = 0, None, None
            else:
                self._failed(session, endpoint, delivery, answer, now)
            self._meters.add(
                "webhooks", outcome="failed" if delivery.status == "waiting" else delivery.status
            )

    def _failed(
        self,
        session: Session,
        endpoint: WebhookEndpoint,
        delivery: WebhookDelivery,
        answer: _Answer,
        now: datetime,
    ) -> None:
        endpoint.failures = min(endpoint.failures + 1, 1_000_000)
        endpoint.failing_since = endpoint.failing_since or now
        wait = self._jittered(_WAITS[min(delivery.attempts, len(_WAITS)) - 1])
        asked = min(answer.retry_after or 0.0, 3600.0)
        delivery.next_try_at = now + timedelta(seconds=max(wait, asked))
        if answer.status == _GONE or delivery.next_try_at > delivery.created_at + GIVEN_UP_AFTER:
            delivery.status = "given_up"
        # A single delivery that is refused is not the endpoint's fault; silence and 5xx are.
        if answer.status in (0, 429) or answer.status >= 500:
            rest = self._jittered(min(_LONGEST_REST, 5 * 2 ** min(endpoint.failures - 1, 10)))
            endpoint.rest_until = now + timedelta(seconds=max(rest, asked))
        why = ""
        if answer.status == _GONE:
            why = "it answered 410 Gone"
        elif now - endpoint.failing_since > GIVEN_UP_AFTER:
            why = f"it has answered no delivery for {GIVEN_UP_AFTER.days} days"
        if why and endpoint.off_at is None:
            endpoint.off_at, endpoint.off_because = now, why
            record(
                session, now, SCHEDULER, "webhook.switched_off", f"webhook {endpoint.id}", {"because": why}
            )
            log.warning("webhook_switched_off", webhook=endpoint.id, why=why)

    def _jittered(self, seconds: float) -> float:
        """Between three quarters of it and all: receivers that were away together do not come back together."""
        return seconds * self._random.uniform(0.75, 1.0)


def body_told(session: Session, delivery: WebhookDelivery) -> bytes:
    """What is told, with customers by their external ids as they are now: one who was erased has none.

    Opens of who has withdrawn open_tracking since are left out: a delivery may wait for days, and be told again.
    """
    numbers = {one["customer"] for one in delivery.told if one.get("customer")}
    found = select(Customer.id, Customer.external_id).where(
        Customer.id.in_(numbers), Customer.erased_at.is_(None)
    )
    outside = {row.id: row.external_id for row in session.execute(found)} if numbers else {}
    messages = _messages(session, [one["message"] for one in delivery.told if one.get("message")])
    opens = {one["customer"] for one in delivery.told if one["name"] == _OPENED and one.get("customer")}
    consents = states(session, sorted(opens)) if opens else {}
    withdrawn = {number for number in opens if "open_tracking" not in consents.get(number, ())}
    told = [one for one in delivery.told if one["name"] != _OPENED or one.get("customer") not in withdrawn]
    events = [_outside(one, outside, messages) for one in told]
    body = {"type": "events", "timestamp": delivery.created_at.isoformat(), "data": {"events": events}}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def signatures_of(keys: Sequence[bytes], message_id: str, stamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one `v1,` and HMAC in base64 for each key, parted by a blank."""
    signed = f"{message_id}.{stamp}.".encode() + body
    macs = (hmac.digest(key, signed, "sha256") for key in keys)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


def _messages(session: Session, numbers: list[int]) -> dict[int, str]:
    if not numbers:
        return {}
    rows = session.execute(
        text("select id, idempotency_key from messages where id = any(:ids)"), {"ids": numbers}
    )
    return {row.id: row.idempotency_key for row in rows}


_NAMES = {"campaign": "campaign_id", "send": "send_id", "message": "message_id"}


def _outside(told: dict[str, Any], customers: dict[int, str], messages: dict[int, str]) -> dict[str, Any]:
    """One event as outsiders read it."""
    data: dict[str, Any] = {}
    for name, value in told.items():
        if name == "customer":
            data["customer_id"] = customers.get(value)
        elif name not in ("key", "name", "at"):
            data[_NAMES.get(name, name)] = value
    if "message" in told:
        data["idempotency_key"] = messages.get(told["message"])
    return {"id": told["key"], "type": told["name"], "timestamp": told["at"], "data": data}


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _readable(body: bytes) -> str:
    words = " ".join(body.decode("utf-8", "replace").split())
    return "".join(sign for sign in words if sign.isprintable())[:_KEPT_OF_ANSWER]

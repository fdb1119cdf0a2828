"""Handling what providers told: by workers, once each, whatever order it came in."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.compose.identity import parse_message_id
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadToken, TailormailError, TryLater
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.delivery.hooks.receivers import PROVIDERS
from campaigns.delivery.hooks.vocabulary import HookEvent, Receiver
from campaigns.delivery.provider_marks import as_message_id
from campaigns.flows.feedback.payload_store import forget_payloads, keep, mark_handled, payload_of
from campaigns.flows.feedback.provider_events import ProviderEvent, take_in
from campaigns.flows.sending.self_pause import SelfPause
from campaigns.models import Customer, ProviderPayload, Send

__all__ = ["ProviderPayloads", "forget_payloads", "keep", "mark_handled", "payload_of"]

log = get_logger(__name__)

# One task works for about so long: then the queue has its turn.
TASK_SECONDS = 5.0

NOT_OURS = "not about a mail of ours"
GONE = "about a mail that is no longer known"


class ProviderPayloads:
    """Works on what waits; any number of workers may do so at once. `receiver` gives a provider's webhook."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        jobs: Jobs,
        meters: Meters,
        receiver: Callable[[str], Receiver],
        self_pause: SelfPause,
        soft_limit: int,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._jobs = jobs
        self._meters = meters
        self._receiver = receiver
        self._self_pause = self_pause
        self._soft_limit = soft_limit
        self._stopping = stopping

    def work(self, seconds: float = TASK_SECONDS) -> int:
        """Handle what waits, the oldest first; returns how many messages that were."""
        until = monotonic() + seconds
        campaigns: set[int] = set()
        done = 0
        while not self._stopping() and self._one(campaigns):
            done += 1
            if monotonic() > until:
                self._jobs.handle_payloads()
                break
        for campaign_id in sorted(campaigns):
            self._self_pause.after_batch(campaign_id)
        if done:
            self._meters.flush_every(1.0)
        return done

    def _one(self, campaigns: set[int]) -> bool:
        """Handle one message, in a transaction of its own: one that cannot be handled keeps no other from it."""
        with self._db.transaction() as session:
            row = session.scalars(_WAITING).first()
            if row is None:
                return False
            number, provider = row.id, row.provider
            unreadable = False
            try:
                # A savepoint: what failed is undone, and the row's lock is kept to say so.
                with session.begin_nested():
                    mail, problem = self._handle(session, row)
            except (TryLater, DBAPIError):
                raise
            except Exception as error:
                # Of an error that nobody foresaw only the kind is told: its words may be about the customer.
                problem = error.message if isinstance(error, TailormailError) else type(error).__name__
                mail, unreadable = None, True
            now = self._clock.now()
            if mail is not None:
                campaigns.add(mail[0])
            mark_handled(session, number, now, mail=mail, problem=problem, unreadable=unreadable)
        if problem and problem not in (NOT_OURS, GONE):
            log.warning("provider_payload_not_handled", provider=provider, number=number, why=problem)
        return True

    def _handle(self, session: UnitOfWork, row: ProviderPayload) -> tuple[tuple[int, int, int] | None, str]:
        """Take in the events of a message; whose mail it was about, and what was wrong with it."""
        mail: tuple[int, int, int] | None = None
        problem = ""
        for event in self._receiver(row.provider).events(payload_of(row, self._keyring)):
            key = self._key_of(event)
            customer_id = _customer_of(session, key) if key else None
            if key is None or customer_id is None:
                problem = GONE if key else NOT_OURS
                continue
            self._take_in(session, key, event, row.event_id)
            mail = (*key, customer_id)
        return mail, problem

    def _take_in(self, session: UnitOfWork, key: tuple[int, int], event: HookEvent, payload_id: str) -> None:
        now = self._clock.now()
        told = ProviderEvent(
            *key,
            event.name,
            min(event.at, now),
            event.reply,
            event.event_id or payload_id,
            event.permanent,
            event.recipient,
        )
        take_in(session, self._keyring, self._meters, told, now, self._soft_limit)

    def _key_of(self, event: HookEvent) -> tuple[int, int] | None:
        """(campaign id, send id) of the first reference that is proven to be ours."""
        for reference in event.references:
            try:
                return parse_message_id(self._signer, as_message_id(reference))
            except BadToken:
                continue
        return None


_WAITING = (
    select(ProviderPayload)
    .where(ProviderPayload.handled_at.is_(None), ProviderPayload.provider.in_(PROVIDERS))
    .order_by(ProviderPayload.received_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def _customer_of(session: Session, key: tuple[int, int]) -> int | None:
    """Whose mail it is; None when the send is gone, or the customer erased."""
    return session.scalar(
        select(Send.customer_id)
        .join(Customer, Customer.id == Send.customer_id)
        .where(Send.campaign_id == key[0], Send.id == key[1], Customer.erased_at.is_(None))
    )

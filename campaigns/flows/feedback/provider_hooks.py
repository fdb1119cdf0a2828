"""What reaches the webhooks: believed or not, kept in one transaction, and left to workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.delivery.hooks.receivers import PROVIDERS
from campaigns.delivery.hooks.vocabulary import HookItem, NotAuthentic, Receiver
from campaigns.flows.feedback.payload_store import keep_all, note_once

log = get_logger(__name__)


class ProviderHooks:
    """One object serves all threads of a process. `receiver_of` makes a provider's webhook, None: not set up."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        jobs: Jobs,
        meters: Meters,
        receiver_of: Callable[[str], Receiver | None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._jobs = jobs
        self._meters = meters
        self._make = receiver_of
        self._receivers: dict[str, Receiver] = {}

    def receiver(self, provider: str) -> Receiver:
        """The provider's webhook.

        Raises:
            NotFound: no such provider, or its secret is not set.
            NotConfigured: its secret is malformed.
        """
        known = self._receivers.get(provider)
        if known is None:
            known = self._make(provider) if provider in PROVIDERS else None
            if known is None:
                raise NotFound("this webhook is not set up: its secret is missing in the settings")
            self._receivers[provider] = known
        return known

    def take(self, provider: str, headers: Mapping[str, str], body: bytes) -> int:
        """Keep what a request brings; returns how many messages are new.

        Raises:
            NotFound: the webhook is not set up.
            NotAuthentic: the request does not come from the provider.
            BadInput: it does, and cannot be read.
            ServiceUnavailable: it cannot be kept or proven now; the provider sends it again.
        """
        try:
            receiver = self.receiver(provider)
            received = receiver.receive(headers, body, self._clock.now())
            new = self._keep(provider, received.items, received.once)
        except (NotFound, NotAuthentic, BadInput) as error:
            outcome = "unreadable" if isinstance(error, BadInput) else "refused"
            known = provider if provider in PROVIDERS else "unknown"
            self._meters.add("hooks", provider=known, outcome=outcome)
            log.warning("hook_refused", provider=known, why=error.message)
            raise
        for problem in received.problems:
            log.warning("hook_event_unreadable", provider=provider, why=problem)
        for outcome, n in (
            ("kept", new),
            ("repeated", len(received.items) - new),
            ("unreadable", len(received.problems)),
        ):
            if n:
                self._meters.add("hooks", n, provider=provider, outcome=outcome)
        return new

    def _keep(self, provider: str, items: tuple[HookItem, ...], once: str) -> int:
        if not items:
            return 0
        now = self._clock.now()
        with self._db.transaction() as session:
            if once and not note_once(session, provider, once, now):
                raise NotAuthentic("the request came before")
            payloads = [(item.event_id, item.payload) for item in items]
            new = keep_all(session, self._keyring, provider, payloads, now)
            if new:
                session.after_commit(self._jobs.handle_payloads)
        return len(new)

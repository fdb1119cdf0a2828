"""What every part stands on: settings, clock, servers, keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.core.clock import Clock, SystemClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.embedded import Embedded
from campaigns.core.jobs import Jobs, NoJobs
from campaigns.core.meters import Meters
from campaigns.core.once import written_once
from campaigns.core.settings import Settings
from campaigns.core.tokens import Signer
from campaigns.flows.opening.live_offers import LiveOffers

REDIS_SECONDS = 0.2
"""For so long Redis may take for an answer: everything that asks it has something to do without it."""


class Basis:
    """The floor under all parts of one process."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs | None = None,
        clock: Clock | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self.stopping = stopping
        self.clock: Clock = clock or SystemClock()
        self.jobs: Jobs = jobs or NoJobs()
        self._embedded: Embedded | None = None

    def keep_servers(self) -> None:
        """Start embedded servers again that have died; nothing to do for servers named by URL.

        Raises:
            NotConfigured: one of them cannot be started any more.
        """
        if self._embedded is not None:
            self._embedded.acquire()

    @cached_property
    def urls(self) -> tuple[str, str]:
        """The URLs of PostgreSQL and Redis, started if they are ours to start."""
        settings = self.settings
        if settings.database_url and settings.redis_url:
            return settings.database_url, settings.redis_url
        self._embedded = Embedded(
            settings.folder, postgres=not settings.database_url, redis=not settings.redis_url
        )
        started = self._embedded.acquire()
        return (
            settings.database_url or started.database_url or "",
            settings.redis_url or started.redis_url or "",
        )

    @cached_property
    def db(self) -> Database:
        return Database(self.urls[0])

    @cached_property
    def redis(self) -> redis.Redis:
        # No retries: somebody is waiting.
        return redis.Redis.from_url(
            self.urls[1],
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    @cached_property
    def keyring(self) -> KeyRing:
        return KeyRing(self.settings.secrets())

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.keyring.derived("tokens"))

    @cached_property
    def host(self) -> str:
        """The name of this data folder among all that share a database."""
        return written_once(self.settings.folder / "host-id", lambda: secrets.token_hex(6))

    @property
    def journals(self) -> Path:
        return self.settings.folder / "journal"

    @cached_property
    def meters(self) -> Meters:
        return Meters(self.redis)

    @cached_property
    def offers(self) -> LiveOffers:
        """What mails picked: whoever sends says it, and whoever answers opens asks for it."""
        return LiveOffers(self.db, self.redis)

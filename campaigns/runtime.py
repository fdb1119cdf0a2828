"""The one place where parts are put together: everything is built from Settings, when first asked for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.links import LinkMaker
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.core.clock import Clock, SystemClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.embedded import Embedded, make_private
from campaigns.core.jobs import Jobs, NoJobs
from campaigns.core.meters import Meters
from campaigns.core.once import written_once
from campaigns.core.settings import Settings
from campaigns.core.tokens import Signer
from campaigns.delivery.buckets import Buckets
from campaigns.delivery.capture import CaptureTransport
from campaigns.delivery.gate import Gate
from campaigns.delivery.outlet import Outlet
from campaigns.delivery.patience import Patience
from campaigns.delivery.relay_plan import Relay, RelayPlan, load_relay_plan
from campaigns.delivery.relays import RelaysTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Transport
from campaigns.flows.admission import Admission
from campaigns.flows.batches import BatchLine
from campaigns.flows.campaigns import Campaigns
from campaigns.flows.claims import Claims
from campaigns.flows.feedback import Feedback
from campaigns.flows.hosting import Hosting
from campaigns.flows.importing import Importing
from campaigns.flows.left_behind import LeftBehind
from campaigns.flows.letters import Letters
from campaigns.flows.looking import Looking
from campaigns.flows.opening import Opening
from campaigns.flows.picking import Picker
from campaigns.flows.reconciling import Reconciling
from campaigns.flows.recovery import Recovery
from campaigns.flows.reporting import Reporting
from campaigns.flows.retention import Retention
from campaigns.flows.rights import Rights
from campaigns.flows.sending import Sending
from campaigns.flows.sent_today import SentToday
from campaigns.flows.tailoring import Tailor
from campaigns.flows.training import Training
from campaigns.flows.viewing import Viewing
from campaigns.flows.warming import Warming
from campaigns.flows.wording import CopyShelf
from campaigns.flows.wordsmith import Wordsmith
from campaigns.models import schema
from campaigns.opentime.apple_egress import AppleEgress
from campaigns.opentime.forecast_cache import WeatherCache
from campaigns.opentime.geo import GeoLookup, MaxMindLookup
from campaigns.opentime.open_meteo import OpenMeteo
from campaigns.opentime.weather import Condition, FixedWeather, Weather, WeatherSource

SAMPLE_WEATHER = "sample-weather.json"


class Runtime:
    """All parts of one process, made on first use and shared afterwards.

    A process that forks must make its own Runtime in each child: connections do not survive a fork.

    Args:
        settings: what is in force.
        jobs: how to hint at workers; without it the scheduler finds the work.
        stopping: whether this process is asked to end; looked at between two mails.
    """

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

    def start(self, migrate: bool = False) -> Runtime:
        """Start embedded servers where no URL is set, and check the schema.

        An empty embedded database is migrated by itself: nobody else can have made it.

        Raises:
            NotConfigured: the schema is another one, or a server cannot be started.
        """
        make_private(self.settings.folder)
        fresh = schema.current(self.db) is None and not self.settings.database_url
        if migrate or fresh:
            schema.upgrade(self.db)
        schema.require_current(self.db)
        return self

    def keep_servers(self) -> None:
        """Start embedded servers again that have died; nothing to do for servers named by URL.

        Raises:
            NotConfigured: one of them cannot be started any more.
        """
        if self._embedded is not None:
            self._embedded.acquire()

    def close(self) -> None:
        """Let go of everything; embedded servers end with their last user."""
        if "meters" in self.__dict__:
            self.meters.flush()
        if "db" in self.__dict__:
            self.db.close()
        if "outlet" in self.__dict__:
            self.outlet.close()
        if self._embedded is not None:
            self._embedded.release()

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
        # No retries: everything that asks Redis has something to do without it, and somebody is waiting.
        return redis.Redis.from_url(
            self.urls[1], socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0)
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
    def desk(self) -> CopyDesk:
        settings = self.settings
        writer = None
        if settings.uses_model:
            writer = ModelWriter(
                base_url=settings.openai_base_url,
                api_key=settings.openai_api_key,
                model=settings.llm_model,
                timeout=settings.llm_timeout,
            )
        return CopyDesk(writer, OfflineWriter())

    @cached_property
    def outlet(self) -> Outlet:
        """The way out of this process: the relay, or the capturing folder."""
        return Outlet(self._transport, self.journals, self.host)

    @cached_property
    def relay_plan(self) -> RelayPlan:
        """Relays and limits: the delivery file, or the one relay of TAILORMAIL_SMTP_URL."""
        return load_relay_plan(self.settings.delivery_path, self.settings.smtp_url)

    @cached_property
    def gate(self) -> Gate:
        return Gate(self.relay_plan, Buckets(self.redis, SentToday(self.db, self.clock)), self.clock)

    @cached_property
    def meters(self) -> Meters:
        return Meters(self.redis)

    def _transport(self) -> Transport:
        relays = self.relay_plan.relays
        if relays:
            patience = Patience(self.stopping)  # one for all relays
            make = {relay.name: partial(self._relay, relay, patience) for relay in relays}
            return RelaysTransport(make, self.gate)
        return CaptureTransport(self.settings.captured_mail)

    def _relay(self, relay: Relay, patience: Patience) -> Transport:
        name, connections = self.settings.helo_name, relay.connections
        return SmtpTransport(relay.address, name, connections=connections, patience=patience)

    @cached_property
    def dkim(self) -> DkimSigner | None:
        settings = self.settings
        key = settings.dkim_private_key()
        if key is None or not settings.dkim_selector or not settings.dkim_domain:
            return None
        return DkimSigner(key, settings.dkim_selector, settings.dkim_domain)

    @cached_property
    def letters(self) -> Letters:
        links = LinkMaker(self.signer, self.settings.public_url)
        return Letters(links, self.signer, self.clock, self.dkim)

    @cached_property
    def weather_source(self) -> WeatherSource:
        """Open-Meteo by URL; else what the sample shop supplies; else nothing is known."""
        if self.settings.weather_url:
            return OpenMeteo(self.settings.weather_url, self.settings.weather_key)
        sample = self.settings.folder / SAMPLE_WEATHER
        rows = json.loads(sample.read_text()) if sample.is_file() else []
        # Rounded as places are, so that a city and the home area of who lives there fall into one cell.
        return FixedWeather(
            {(round(lat, 1), round(lon, 1)): Weather(Condition(sky)) for lat, lon, sky in rows}
        )

    @cached_property
    def weather(self) -> WeatherCache:
        return WeatherCache(self.redis, self.weather_source, self.clock)

    @cached_property
    def geo(self) -> GeoLookup | None:
        return MaxMindLookup(self.settings.geoip_path) if self.settings.geoip_path else None

    @cached_property
    def apple(self) -> AppleEgress | None:
        path = self.settings.apple_egress_path
        return AppleEgress.load(path) if path else None

    @cached_property
    def picker(self) -> Picker:
        return Picker(self.db)

    @cached_property
    def shelf(self) -> CopyShelf:
        return CopyShelf(self.db, self.desk)

    @cached_property
    def campaigns(self) -> Campaigns:
        return Campaigns(self.db, self.clock, self.jobs)

    @cached_property
    def importing(self) -> Importing:
        return Importing(self.db, self.clock, self.keyring, self.jobs)

    @cached_property
    def hosting(self) -> Hosting:
        return Hosting(self.db, self.settings.public_url)

    @cached_property
    def training(self) -> Training:
        return Training(self.db, self.clock)

    @property
    def lease(self) -> timedelta:
        """How long a worker may hold sends without a sign of life."""
        return timedelta(seconds=self.settings.lease_seconds)

    @cached_property
    def tailor(self) -> Tailor:
        return Tailor(self.db, self.clock, self.keyring, self.picker, self.shelf, self.meters)

    @cached_property
    def claims(self) -> Claims:
        return Claims(self.lease)

    @cached_property
    def line(self) -> BatchLine:
        return BatchLine(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            tailor=self.tailor,
            letters=self.letters,
            outlet=self.outlet,
            admission=Admission(self.gate, self.clock, self.meters, self.settings.timezone),
            meters=self.meters,
            lease=self.lease,
            words_elsewhere=self.shelf.slow,
            stopping=self.stopping,
        )

    @cached_property
    def sending(self) -> Sending:
        return Sending(
            db=self.db,
            clock=self.clock,
            jobs=self.jobs,
            line=self.line,
            claims=self.claims,
            gate=self.gate,
            outlet=self.outlet,
            meters=self.meters,
            batch_size=self.settings.batch_size,
            default_zone=self.settings.timezone,
            stopping=self.stopping,
        )

    @cached_property
    def wordsmith(self) -> Wordsmith:
        return Wordsmith(
            db=self.db,
            jobs=self.jobs,
            tailor=self.tailor,
            claims=self.claims,
            outlet=self.outlet,
            lease=self.lease,
            stopping=self.stopping,
        )

    @cached_property
    def warming(self) -> Warming:
        return Warming(self.db, self.weather)

    @cached_property
    def retention(self) -> Retention:
        return Retention(self.db, self.clock, self.settings.keep_days)

    @cached_property
    def recovery(self) -> Recovery:
        left_behind = LeftBehind(self.db, self.clock, self.keyring, self.journals, self.host)
        return Recovery(
            self.db, self.clock, self.jobs, self.campaigns, self.sending, left_behind,
            self.settings.batch_size, self.meters, self.reconciling,
        )  # fmt: skip

    @cached_property
    def reporting(self) -> Reporting:
        return Reporting(self.db, self.clock)

    @cached_property
    def reconciling(self) -> Reconciling:
        return Reconciling(self.db, self.clock, self.keyring, self.signer, self.jobs, self.meters)

    @cached_property
    def rights(self) -> Rights:
        return Rights(self.db, self.clock, self.keyring)

    @cached_property
    def looking(self) -> Looking:
        return Looking(self.db, self.keyring, self.picker)

    @cached_property
    def opening(self) -> Opening:
        return Opening(
            self.db,
            self.clock,
            self.signer,
            self.weather,
            self.geo,
            self.apple,
            self.settings.trusted_proxies,
            self.meters,
        )

    @cached_property
    def feedback(self) -> Feedback:
        return Feedback(self.db, self.clock, self.signer, self.settings.trusted_proxies, self.meters)

    @cached_property
    def viewing(self) -> Viewing:
        return Viewing(
            self.db,
            self.clock,
            self.keyring,
            self.signer,
            self.picker,
            self.shelf,
            self.letters,
            self.weather,
            self.settings.public_url,
        )

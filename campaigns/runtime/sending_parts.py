"""The parts that bring mails on their way, and account for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.link_probe import SERVICE as LINK_SERVICE
from campaigns.compose.link_probe import LinkProbe, WebLinkProbe
from campaigns.compose.links import LinkMaker
from campaigns.compose.spam_judge import SpamJudge, installed_judge
from campaigns.copywriting.crew import Crew
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.usage import Prices
from campaigns.core.public_http import PublicHttp
from campaigns.delivery.buckets import Buckets
from campaigns.delivery.capture import CaptureTransport
from campaigns.delivery.gate import Gate
from campaigns.delivery.outlet import Outlet
from campaigns.delivery.patience import Patience
from campaigns.delivery.provider_marks import MarkingTransport
from campaigns.delivery.relay_plan import Relay, RelayPlan, load_relay_plan
from campaigns.delivery.relays import RelaysTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Transport
from campaigns.flows.copy.copy_answers import AnswersInDatabase
from campaigns.flows.copy.copy_batches import CopyBatches
from campaigns.flows.copy.copy_fallback import FallbackStop
from campaigns.flows.copy.copy_forecast import CopyForecast
from campaigns.flows.copy.copy_planned import PlannedAudience
from campaigns.flows.copy.copy_writing import CopyWriting
from campaigns.flows.copy.model_servers import WaysInDatabase
from campaigns.flows.copy.wording import CopyShelf
from campaigns.flows.copy.wordsmith import Wordsmith
from campaigns.flows.describing.campaigns import Campaigns
from campaigns.flows.feedback.bounces import Policy
from campaigns.flows.previewing.preflight import Preflight
from campaigns.flows.previewing.preflight_keeping import PreflightKeeping
from campaigns.flows.reports.reporting import Reporting
from campaigns.flows.sending.admission import Admission
from campaigns.flows.sending.batches import BatchLine
from campaigns.flows.sending.claims import Claims
from campaigns.flows.sending.left_behind import LeftBehind
from campaigns.flows.sending.letters import Letters
from campaigns.flows.sending.pace_samples import PaceSamples
from campaigns.flows.sending.picking import Picker
from campaigns.flows.sending.reconciling import Reconciling
from campaigns.flows.sending.recovery import Recovery
from campaigns.flows.sending.self_pause import SelfPause, Thresholds
from campaigns.flows.sending.sending import Sending
from campaigns.flows.sending.sent_today import SentToday
from campaigns.flows.sending.tailoring import Tailor
from campaigns.recommend.rules_check import load_shop_terms
from campaigns.recommend.rules_file import ShopTerms
from campaigns.runtime.basis import Basis


class SendingParts(Basis):
    """From a planned send to what became of it."""

    @cached_property
    def model_writer(self) -> ModelWriter | None:
        """The language model, if one is set; whoever writes with it in this process shares its pace."""
        settings = self.settings
        if not settings.uses_model:
            return None
        return ModelWriter(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            model=settings.llm_model,
            timeout=settings.llm_timeout,
            most=settings.llm_concurrency,
            answers=AnswersInDatabase(self.db),
            ways=WaysInDatabase(self.db),
        )

    @cached_property
    def desk(self) -> CopyDesk:
        return CopyDesk(self.model_writer, OfflineWriter())

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

    def _transport(self) -> Transport:
        relays = self.relay_plan.relays
        if relays:
            patience = Patience(self.stopping)  # one for all relays
            make = {relay.name: partial(self._relay, relay, patience) for relay in relays}
            return RelaysTransport(make, self.gate)
        return CaptureTransport(self.settings.captured_mail)

    def _relay(self, relay: Relay, patience: Patience) -> Transport:
        name, connections = self.settings.helo_name, relay.connections
        transport = SmtpTransport(relay.address, name, connections=connections, patience=patience)
        return MarkingTransport(transport, relay.provider) if relay.provider else transport

    @cached_property
    def dkim(self) -> DkimSigner | None:
        settings = self.settings
        key = settings.dkim_private_key()
        if key is None or not settings.dkim_selector or not settings.dkim_domain:
            return None
        second, selector = settings.dkim_second_key(), settings.dkim_ed25519_selector
        return DkimSigner(
            key,
            settings.dkim_selector,
            settings.dkim_domain,
            ed25519=(second, selector) if second and selector else None,
        )

    @cached_property
    def spam_judge(self) -> SpamJudge | None:
        return installed_judge()

    @cached_property
    def link_probe(self) -> LinkProbe:
        return WebLinkProbe(PublicHttp(f"Tailormail (+{self.settings.public_url})", LINK_SERVICE))

    @cached_property
    def preflight(self) -> Preflight:
        return Preflight(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            picker=self.picker,
            shelf=self.shelf,
            offline=OfflineWriter(),
            letters=self.letters,
            links=self.link_probe,
            judge=self.spam_judge,
            public_url=self.settings.public_url,
        )

    @cached_property
    def preflights(self) -> PreflightKeeping:
        # Made late: it loads the recommender.
        return PreflightKeeping(self.db, self.clock, self.jobs, lambda number: self.preflight.run(number))

    @cached_property
    def campaigns(self) -> Campaigns:
        # Asked for only when somebody approves: a preflight loads the recommender.
        return Campaigns(
            self.db,
            self.clock,
            self.jobs,
            self.settings.cap,
            lambda number: self.preflights.for_approval(number),
            self.shop_terms,
            self.prices,
            lambda: self.shelf.model,
            self.still_missing,
            self.audience_now,
            self.settings.four_eyes,
        )

    def still_missing(self, campaign_id: int) -> list[str]:
        """What keeps a draft from being approved; those who know drafts say it (draft_parts.py)."""
        return []

    def audience_now(self, campaign_id: int) -> Mapping[str, Any]:
        """Whom a campaign that has not begun would reach; those who look ahead say it (draft_parts.py)."""
        return {"planned": 0, "held_back": {}}

    @cached_property
    def letters(self) -> Letters:
        links = LinkMaker(self.signer, self.settings.public_url, self.clock)
        return Letters(links, self.signer, self.clock, self.dkim, self.settings.bounce_domain)

    @cached_property
    def shop_terms(self) -> ShopTerms:
        return load_shop_terms(self.settings.picking_path)

    @cached_property
    def picker(self) -> Picker:
        return Picker(self.db, self.shop_terms)

    @cached_property
    def prices(self) -> Prices:
        """What the model costs, as far as the settings say."""
        settings = self.settings
        return Prices(
            settings.llm_input_price,
            settings.llm_cached_price,
            settings.llm_output_price,
            settings.llm_currency,
        )

    @cached_property
    def shelf(self) -> CopyShelf:
        return CopyShelf(self.db, self.desk, self.prices)

    @cached_property
    def copy_writing(self) -> CopyWriting:
        crew = Crew(self.desk, self.settings.llm_concurrency, self.stopping)
        return CopyWriting(self.db, self.shelf, crew, self.picker, self.prices, self.stopping)

    @cached_property
    def copy_forecast(self) -> CopyForecast:
        audience = PlannedAudience(self.db, self.clock, self.keyring, self.picker, self.settings.cap)
        concurrency = self.settings.llm_concurrency
        return CopyForecast(self.db, self.clock, audience, self.shelf, self.prices, concurrency)

    @cached_property
    def copy_batches(self) -> CopyBatches:
        return CopyBatches(
            db=self.db,
            clock=self.clock,
            writer=self.model_writer,
            shelf=self.shelf,
            planned=lambda number: self.copy_forecast.planned_requests(number),
            prices=self.prices,
        )

    @property
    def lease(self) -> timedelta:
        """How long a worker may hold sends without a sign of life."""
        return timedelta(seconds=self.settings.lease_seconds)

    @cached_property
    def tailor(self) -> Tailor:
        cap = self.settings.cap
        return Tailor(
            self.db, self.clock, self.keyring, self.picker, self.shelf, self.copy_writing, self.meters, cap
        )

    @cached_property
    def claims(self) -> Claims:
        return Claims(self.lease)

    @cached_property
    def bounce_policy(self) -> Policy:
        return Policy(self.keyring, self.meters, self.settings.soft_bounce_limit)

    @cached_property
    def pace_samples(self) -> PaceSamples:
        return PaceSamples(self.redis)

    @cached_property
    def line(self) -> BatchLine:
        return BatchLine(
            db=self.db,
            clock=self.clock,
            bounce_policy=self.bounce_policy,
            tailor=self.tailor,
            letters=self.letters,
            outlet=self.outlet,
            admission=Admission(self.gate, self.clock, self.meters, self.settings.timezone),
            meters=self.meters,
            lease=self.lease,
            remember_picks=self.offers.remember,
            answered=self.pace_samples.add,
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
            self_pause=self.self_pause,
            batch_size=self.settings.batch_size,
            default_zone=self.settings.timezone,
            stopping=self.stopping,
            cap=self.settings.cap,
            words_elsewhere=self.shelf.slow,
        )

    @cached_property
    def self_pause(self) -> SelfPause:
        settings = self.settings
        thresholds = Thresholds(
            settings.pause_bounce_percent, settings.pause_complaint_percent, settings.pause_after_mails
        )
        return SelfPause(self.db, self.clock, self.meters, thresholds)

    @cached_property
    def wordsmith(self) -> Wordsmith:
        return Wordsmith(
            db=self.db,
            clock=self.clock,
            jobs=self.jobs,
            tailor=self.tailor,
            claims=self.claims,
            outlet=self.outlet,
            fallback=FallbackStop(self.db, self.clock, self.meters),
            lease=self.lease,
            crew=self.settings.llm_concurrency,
            stopping=self.stopping,
        )

    @cached_property
    def recovery(self) -> Recovery:
        left_behind = LeftBehind(self.db, self.clock, self.bounce_policy, self.journals, self.host)
        return Recovery(
            self.db, self.clock, self.jobs, self.campaigns, self.sending, left_behind,
            self.settings.batch_size, self.meters, self.reconciling, self.shelf.slow,
        )  # fmt: skip

    @cached_property
    def reporting(self) -> Reporting:
        return Reporting(self.db, self.clock)

    @cached_property
    def reconciling(self) -> Reconciling:
        return Reconciling(
            self.db, self.clock, self.keyring, self.signer, self.jobs, self.meters,
            self.settings.soft_bounce_limit,
        )  # fmt: skip

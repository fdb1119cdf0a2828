"""The parts that keep what customers agreed to, and hear what becomes of mail."""

from __future__ import annotations

from functools import cached_property

from campaigns.delivery.hooks.receivers import receiver_of
from campaigns.delivery.hooks.sns import PublicSns
from campaigns.flows.console.api_keys import ApiKeys
from campaigns.flows.customers.erasures import Erasures, Folders
from campaigns.flows.customers.notices import Notices
from campaigns.flows.customers.preferences import Preferences
from campaigns.flows.customers.signing_up import SigningUp
from campaigns.flows.customers.signup_forms import SignupForms
from campaigns.flows.customers.suppressing import Suppressing
from campaigns.flows.customers.unsubscribing import Unsubscribing
from campaigns.flows.feedback.engagement import Engagement
from campaigns.flows.feedback.inbound import Inbound
from campaigns.flows.feedback.provider_hooks import ProviderHooks
from campaigns.flows.feedback.provider_payloads import ProviderPayloads
from campaigns.runtime.opening_parts import OpeningParts
from campaigns.runtime.sending_parts import SendingParts


class ConsentParts(SendingParts, OpeningParts):
    """Sign-ups, preferences, privacy rights, suppression, and what comes back from other mail servers."""

    @cached_property
    def unsubscribing(self) -> Unsubscribing:
        folder = self.settings.folder / "unsubscribes"
        return Unsubscribing(self.db, self.clock, self.signer, self.meters, folder)

    @cached_property
    def engagement(self) -> Engagement:
        settings = self.settings
        return Engagement(
            self.db, self.clock, settings.snooze_after, settings.sunset_days, stopping=self.stopping
        )

    @cached_property
    def preferences(self) -> Preferences:
        return Preferences(
            db=self.db,
            clock=self.clock,
            signer=self.signer,
            open_states=self.open_states,
            meters=self.meters,
        )

    @cached_property
    def notices(self) -> Notices:
        return Notices(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            signer=self.signer,
            dkim=self.dkim,
            gate=self.gate,
            make_transport=self._transport,
            meters=self.meters,
            stopping=self.stopping,
        )

    @cached_property
    def inbound(self) -> Inbound:
        return Inbound(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            signer=self.signer,
            meters=self.meters,
            unsubscribing=self.unsubscribing,
            soft_limit=self.settings.soft_bounce_limit,
        )

    @cached_property
    def erasures(self) -> Erasures:
        return Erasures(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            redis_client=self.redis,
            offers=self.offers,
            draining=self.draining,
            folders=Folders(self.settings.captured_mail, self.spools, self.journals),
            host=self.host,
        )

    @cached_property
    def suppressing(self) -> Suppressing:
        return Suppressing(self.db, self.clock, self.keyring)

    @cached_property
    def api_keys(self) -> ApiKeys:
        return ApiKeys(self.db, self.clock)

    @cached_property
    def signup_forms(self) -> SignupForms:
        return SignupForms(self.db, self.clock)

    @cached_property
    def signing_up(self) -> SigningUp:
        return SigningUp(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            signer=self.signer,
            jobs=self.jobs,
            open_states=self.open_states,
            meters=self.meters,
            public_url=self.settings.public_url,
        )

    @cached_property
    def provider_hooks(self) -> ProviderHooks:
        agent = f"Tailormail (+{self.settings.public_url})"
        return ProviderHooks(
            self.db,
            self.clock,
            self.keyring,
            self.jobs,
            self.meters,
            lambda provider: receiver_of(provider, self.settings, lambda: PublicSns(agent)),
        )

    @cached_property
    def provider_payloads(self) -> ProviderPayloads:
        return ProviderPayloads(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            signer=self.signer,
            jobs=self.jobs,
            meters=self.meters,
            receiver=self.provider_hooks.receiver,
            self_pause=self.self_pause,
            soft_limit=self.settings.soft_bounce_limit,
            stopping=self.stopping,
        )

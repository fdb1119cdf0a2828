"""What programs of the shop ask for and are told."""

from __future__ import annotations

from functools import cached_property

from campaigns.core.public_http import Origin, PublicHttp, origin_of
from campaigns.flows.console.idempotency import Idempotency
from campaigns.flows.describing.product_search import ProductSearch
from campaigns.flows.messages.message_sending import MessageSending
from campaigns.flows.messages.message_templates import MessageTemplates
from campaigns.flows.messages.messages import Messages
from campaigns.flows.shop.recommending import Recommending
from campaigns.flows.webhooks.webhook_collecting import WebhookCollecting
from campaigns.flows.webhooks.webhook_delivery import SERVICE, WebhookDelivering
from campaigns.flows.webhooks.webhooks import Webhooks
from campaigns.runtime.consent_parts import ConsentParts


class ApiParts(ConsentParts):
    """What programs of the shop ask for and are told."""

    @cached_property
    def idempotency(self) -> Idempotency:
        return Idempotency(self.db, self.clock, self.keyring)

    @cached_property
    def messages(self) -> Messages:
        return Messages(self.db, self.clock, self.keyring, self.jobs)

    @cached_property
    def message_templates(self) -> MessageTemplates:
        return MessageTemplates(self.db, self.clock)

    @cached_property
    def message_sending(self) -> MessageSending:
        return MessageSending(
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
    def product_search(self) -> ProductSearch:
        return ProductSearch(self.db)

    @cached_property
    def recommending(self) -> Recommending:
        return Recommending(self.db, self.clock, self.signer, self.picker)

    @cached_property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.db, self.clock, self.keyring, self._private_receivers)

    @cached_property
    def webhook_collecting(self) -> WebhookCollecting:
        return WebhookCollecting(self.db, self.clock)

    @cached_property
    def webhook_delivery(self) -> WebhookDelivering:
        http = PublicHttp(f"Tailormail (+{self.settings.public_url})", SERVICE, self._private_receivers)
        return WebhookDelivering(self.db, self.clock, self.keyring, http, self.meters, self.stopping)

    @property
    def _private_receivers(self) -> frozenset[Origin]:
        named = (origin_of(one) for one in self.settings.webhook_private.split(",") if one)
        return frozenset(origin for origin in named if origin is not None)

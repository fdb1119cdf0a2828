"""The webhooks that are set up: those whose secret is in the settings."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.core.settings import Settings
from campaigns.delivery.hooks.mailgun import Mailgun
from campaigns.delivery.hooks.postmark import Postmark
from campaigns.delivery.hooks.sendgrid import SendGrid
from campaigns.delivery.hooks.ses import Ses
from campaigns.delivery.hooks.sns import SnsMessages, SnsSite
from campaigns.delivery.hooks.vocabulary import Receiver

PROVIDERS = ("ses", "sendgrid", "postmark", "mailgun")


def receiver_of(provider: str, settings: Settings, sns: Callable[[], SnsSite]) -> Receiver | None:
    """The provider's webhook; None where its secret is not set, or for a provider that is not known.

    Raises:
        NotConfigured: its secret is malformed.
    """
    if provider == "ses" and settings.ses_topic_arns:
        topics = (topic.strip() for topic in settings.ses_topic_arns.split(","))
        return Ses(SnsMessages(frozenset(topic for topic in topics if topic), sns()))
    if provider == "sendgrid" and settings.sendgrid_public_key:
        return SendGrid(settings.sendgrid_public_key)
    if provider == "postmark" and settings.postmark_webhook_auth:
        return Postmark(settings.postmark_webhook_auth)
    if provider == "mailgun" and settings.mailgun_signing_key:
        return Mailgun(settings.mailgun_signing_key)
    return None

"""A shop that has sent a campaign, with all webhooks set up, and a way to tell it what providers tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text

from campaigns.audience.suppression import is_suppressed
from campaigns.compose.identity import message_id
from campaigns.core.settings import Settings
from campaigns.delivery.hooks.receivers import receiver_of
from campaigns.delivery.hooks.sns import FakeSns
from campaigns.delivery.provider_marks import mark_of
from campaigns.flows.feedback.provider_hooks import ProviderHooks
from campaigns.flows.sending.addressees import load_addressees
from campaigns.models import ConsentState, Event, Send
from campaigns.runtime import Runtime
from tests.delivery.provider_requests import (
    CERTIFICATE_URL,
    MAILGUN_KEY,
    POSTMARK_AUTH,
    TOPIC,
    Request,
    SendGridSender,
    SnsSender,
    mailgun,
    mailgun_event,
    postmark,
    postmark_bounce,
    sendgrid_event,
    ses_bounce,
)

SNS = SnsSender()
SENDGRID = SendGridSender()
SECRETS: dict[str, object] = {
    "ses_topic_arns": TOPIC,
    "sendgrid_public_key": SENDGRID.public_key,
    "postmark_webhook_auth": POSTMARK_AUTH,
    "mailgun_signing_key": MAILGUN_KEY,
}


@dataclass(frozen=True)
class Mail:
    """One mail that went out."""

    campaign: int
    send: int
    customer: int
    address: str
    message_id: str

    @property
    def mark(self) -> str:
        return mark_of(self.message_id)


def know_sns(runtime: Runtime) -> FakeSns:
    """Let the webhook of SES ask a fake in the place of Amazon; returns it."""
    fake = FakeSns({CERTIFICATE_URL: SNS.certificate(runtime.clock.now())})
    runtime.provider_hooks = hooks_with(runtime, runtime.settings, fake)
    return fake


def hooks_with(runtime: Runtime, settings: Settings, sns: FakeSns) -> ProviderHooks:
    """The webhooks of this runtime with these secrets, and a fake in the place of Amazon."""
    return ProviderHooks(
        runtime.db,
        runtime.clock,
        runtime.keyring,
        runtime.jobs,
        runtime.meters,
        lambda provider: receiver_of(provider, settings, lambda: sns),
    )


def mails(runtime: Runtime, campaign: int) -> list[Mail]:
    """Those of the campaign that were sent, in the order of their numbers."""
    with runtime.db.transaction() as session:
        found = session.execute(
            select(Send.id, Send.customer_id)
            .where(Send.campaign_id == campaign, Send.status == "sent")
            .order_by(Send.id)
        ).all()
        people = load_addressees(session, runtime.keyring, [row.customer_id for row in found])
    return [
        Mail(
            campaign,
            send,
            customer,
            people[customer].email,
            f"<{message_id(runtime.signer, campaign, send, 'fjellandfern.example')}>",
        )
        for send, customer in found
    ]


def request(provider: str, mail: Mail, at: datetime, now: datetime, name: str = "bounced") -> Request:
    """A bounce (for good, no such mailbox), a delivery or a complaint of this mail, as the provider tells it."""
    words = {"bounced": "bounce", "complained": "spamreport", "delivered": "delivered"}
    if provider == "ses":
        return SNS.notification(
            ses_bounce(mail.message_id, mail.address, at, feedback_id=f"f{mail.send}"), now
        )
    if provider == "sendgrid":
        more = {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"}
        event = sendgrid_event(words[name], mail.message_id, mail.address, at, tailormail=mail.mark, **more)
        return SENDGRID.batch([event], now)
    if provider == "postmark":
        return postmark(postmark_bounce(mail.mark, mail.address, at))
    failed = {"severity": "permanent", "delivery-status": {"code": 550, "enhanced-code": "5.1.1"}}
    event_name = "failed" if name == "bounced" else name
    return mailgun(mailgun_event(event_name, mail.message_id, mail.address, at, **failed), now)


def tell(runtime: Runtime, provider: str, what: Request) -> int:
    """Hand a request to the webhook and let a worker handle it; how many messages were new."""
    new = runtime.provider_hooks.take(provider, *what)
    runtime.provider_payloads.work()
    return new


def suppressed(runtime: Runtime, mail: Mail) -> bool:
    """Whether the address is suppressed."""
    with runtime.db.transaction() as session:
        return is_suppressed(session, runtime.keyring, mail.address)


def reason(runtime: Runtime) -> list[tuple[str, str]]:
    """(reason, source) of all suppressed addresses."""
    with runtime.db.transaction() as session:
        rows = session.execute(text("select reason, source from suppressions order by reason, source"))
        return [(row.reason, row.source) for row in rows]


def wants_mail(runtime: Runtime, mail: Mail) -> bool:
    """Whether marketing is granted."""
    with runtime.db.transaction() as session:
        return session.get_one(ConsentState, (mail.customer, "marketing")).granted


def events(runtime: Runtime, mail: Mail) -> Counter[str]:
    """How many events of which name are recorded of the mail."""
    with runtime.db.transaction() as session:
        names = session.scalars(
            select(Event.name).where(Event.campaign_id == mail.campaign, Event.send_id == mail.send)
        )
        return Counter(names)


def days(n: float) -> timedelta:
    return timedelta(days=n)

"""Webhooks: who is believed, and what each provider's words come down to."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.core.errors import BadInput, NotConfigured
from campaigns.core.settings import load_settings
from campaigns.delivery.bounce_blame import Blame, judge
from campaigns.delivery.hooks.mailgun import Mailgun
from campaigns.delivery.hooks.postmark import Postmark
from campaigns.delivery.hooks.receivers import PROVIDERS, receiver_of
from campaigns.delivery.hooks.sendgrid import SIGNATURE, TIMESTAMP, SendGrid
from campaigns.delivery.hooks.ses import Ses
from campaigns.delivery.hooks.sns import FakeSns, SnsMessages
from campaigns.delivery.hooks.vocabulary import HookEvent, NotAuthentic, Receiver
from tests.delivery.provider_requests import (
    CERTIFICATE_URL,
    MAILGUN_KEY,
    POSTMARK_AUTH,
    TOPIC,
    SendGridSender,
    SnsSender,
    mailgun,
    mailgun_event,
    postmark,
    postmark_bounce,
    sendgrid_event,
    ses_bounce,
    ses_mail,
)  # fmt: skip

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ID = "<12.345.0123456789abcdef@mail.example.com>"
MARK = "12-345-0123456789abcdef"
WHO = "kari@customers.example"
SENDGRID = SendGridSender()
SES = Ses(SnsMessages(frozenset([TOPIC]), FakeSns()))
RECEIVERS: dict[str, Receiver] = {
    "ses": SES,
    "sendgrid": SendGrid(SENDGRID.public_key),
    "postmark": Postmark(POSTMARK_AUTH),
    "mailgun": Mailgun(MAILGUN_KEY),
}


def told(provider: str, record: object) -> list[HookEvent]:
    return RECEIVERS[provider].events(json.dumps(record).encode())


def ses(**part: object) -> dict[str, object]:
    return {"mail": ses_mail(ID, WHO), **part}


AT = NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z")
FAILED: dict[str, Any] = {
    "severity": "permanent",
    "reason": "generic",
    "delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": "no such user"},
}

# provider, record, our name, whose fault it is, and whether it is for good
MEANINGS: list[tuple[str, dict[str, object], str, Blame | None, bool]] = [
    ("ses", ses_bounce(ID, WHO, NOW), "bounced", Blame.DEAD, True),
    ("ses", ses_bounce(ID, WHO, NOW, shape="notificationType"), "bounced", Blame.DEAD, True),
    ("ses", ses_bounce(ID, WHO, NOW, subtype="NoEmail", status="", words=""), "bounced", Blame.DEAD, True),
    ("ses", ses_bounce(ID, WHO, NOW, subtype="OnAccountSuppressionList", status="", words="known"), "bounced",
     Blame.DEAD, True),
    ("ses", ses_bounce(ID, WHO, NOW, kind="Transient", subtype="MailboxFull", status="", words=""), "bounced",
     Blame.SOFT, False),
    ("ses", ses_bounce(ID, WHO, NOW, kind="Transient", status="4.4.7", words="smtp; 421 4.4.7 expired"), "bounced",
     Blame.SOFT, False),
    ("ses", ses_bounce(ID, WHO, NOW, kind="Transient", subtype="ContentRejected", status="", words=""), "bounced",
     Blame.SENDER, False),
    ("ses", ses_bounce(ID, WHO, NOW, status="5.7.26", words="smtp; 550 5.7.26 unauthenticated"), "bounced",
     Blame.SENDER, True),
    ("ses", ses_bounce(ID, WHO, NOW, kind="Undetermined", subtype="Undetermined", status="", words=""), "bounced",
     Blame.SOFT, False),
    ("ses", ses(eventType="Complaint", complaint={
        "complainedRecipients": [{"emailAddress": WHO}], "timestamp": AT, "feedbackId": "f",
        "complaintFeedbackType": "abuse"}), "complained", None, True),
    ("ses", ses(notificationType="Delivery", delivery={
        "timestamp": AT, "recipients": [WHO], "smtpResponse": "250 2.6.0 ok"}), "delivered", None, True),
    ("ses", ses(eventType="DeliveryDelay", deliveryDelay={
        "timestamp": AT, "delayType": "MailboxFull", "delayedRecipients": [
            {"emailAddress": WHO, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 full"}]}),
     "deferred", None, False),
    ("ses", ses(eventType="Reject", reject={"reason": "Bad content"}), "bounced", Blame.SENDER, True),
    ("ses", ses(eventType="Subscription", subscription={
        "timestamp": AT, "newTopicPreferences": {"unsubscribeAll": True}}), "unsubscribed", None, True),
    ("sendgrid", sendgrid_event("delivered", ID, WHO, NOW, response="250 OK"), "delivered", None, True),
    ("sendgrid", sendgrid_event("deferred", ID, WHO, NOW, response="451 4.7.1 later"), "deferred", None, False),
    ("sendgrid", sendgrid_event("bounce", ID, WHO, NOW, type="bounce", status="5.1.1", reason="550 5.1.1 unknown"),
     "bounced", Blame.DEAD, True),
    ("sendgrid", sendgrid_event("bounce", ID, WHO, NOW, type="bounce", status="5.1.1", reason="550 unknown user"),
     "bounced", Blame.DEAD, True),
    ("sendgrid", sendgrid_event("bounce", ID, WHO, NOW, type="bounce", status="5.0.0", reason="550 unknown user"),
     "bounced", Blame.SOFT, True),
    ("sendgrid", sendgrid_event("bounce", ID, WHO, NOW, type="blocked", status="5.7.1", reason="554 5.7.1 listed"),
     "bounced", Blame.SENDER, False),
    ("sendgrid", sendgrid_event("dropped", ID, WHO, NOW, reason="Bounced Address"), "bounced", Blame.DEAD, True),
    ("sendgrid", sendgrid_event("dropped", ID, WHO, NOW, reason="Spam Content"), "bounced", Blame.SENDER, True),
    ("sendgrid", sendgrid_event("dropped", ID, WHO, NOW, reason="Unsubscribed Address"), "unsubscribed", None, True),
    ("sendgrid", sendgrid_event("dropped", ID, WHO, NOW, reason="Spam Reporting Address"), "complained", None, True),
    ("sendgrid", sendgrid_event("dropped", ID, WHO, NOW, reason="a new one"), "bounced", Blame.SOFT, False),
    ("sendgrid", sendgrid_event("spamreport", "", WHO, NOW, tailormail=MARK), "complained", None, True),
    ("sendgrid", sendgrid_event("unsubscribe", "", WHO, NOW, tailormail=MARK), "unsubscribed", None, True),
    ("sendgrid", sendgrid_event("group_unsubscribe", ID, WHO, NOW), "unsubscribed", None, True),
    ("postmark", postmark_bounce(MARK, WHO, NOW), "bounced", Blame.DEAD, True),
    ("postmark", postmark_bounce(MARK, WHO, NOW, details="smtp;550 5.1.1 does not exist"), "bounced", Blame.DEAD, True),
    ("postmark", postmark_bounce(MARK, WHO, NOW, details="smtp;550 5.7.1 reputation"), "bounced", Blame.SENDER, True),
    ("postmark", postmark_bounce(MARK, WHO, NOW, "SoftBounce"), "bounced", Blame.SOFT, False),
    ("postmark", postmark_bounce(MARK, WHO, NOW, "Transient"), "bounced", Blame.SOFT, False),
    ("postmark", postmark_bounce(MARK, WHO, NOW, "Blocked"), "bounced", Blame.SENDER, True),
    ("postmark", postmark_bounce(MARK, WHO, NOW, "DMARCPolicy"), "bounced", Blame.SENDER, True),
    ("postmark", postmark_bounce(MARK, WHO, NOW, "SomethingNew"), "bounced", Blame.SOFT, False),
    ("postmark", postmark_bounce(MARK, WHO, NOW, "SpamComplaint"), "complained", None, True),
    ("postmark", {**postmark_bounce(MARK, WHO, NOW, "SpamComplaint"), "RecordType": "SpamComplaint"}, "complained",
     None, True),
    ("postmark", {"RecordType": "Delivery", "Recipient": WHO, "DeliveredAt": AT, "Details": "250 ok",
                  "Metadata": {"tailormail": MARK}}, "delivered", None, True),
    ("postmark", {"RecordType": "SubscriptionChange", "Recipient": WHO, "ChangedAt": AT, "SuppressSending": True,
                  "SuppressionReason": "ManualSuppression", "Metadata": {"tailormail": MARK}}, "unsubscribed", None,
     True),
    ("postmark", {"RecordType": "SubscriptionChange", "Recipient": WHO, "ChangedAt": AT, "SuppressSending": True,
                  "SuppressionReason": "HardBounce", "Metadata": {"tailormail": MARK}}, "bounced", Blame.DEAD, True),
    ("mailgun", mailgun_event("delivered", ID, WHO, NOW), "delivered", None, True),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, **FAILED), "bounced", Blame.DEAD, True),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, **{**FAILED, "severity": "temporary"}), "deferred", None, False),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, severity="permanent", reason="suppress-bounce",
                              **{"delivery-status": {"code": 605, "message": ""}}), "bounced", Blame.DEAD, True),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, severity="permanent", reason="suppress-unsubscribe"),
     "unsubscribed", None, True),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, severity="permanent", reason="suppress-complaint"),
     "complained", None, True),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, severity="permanent", reason="espblock"), "bounced",
     Blame.SENDER, True),
    ("mailgun", mailgun_event("failed", ID, WHO, NOW, severity="permanent", reason="old",
                              **{"delivery-status": {"code": 452, "message": "full"}}), "bounced", Blame.SOFT, False),
    ("mailgun", mailgun_event("complained", ID, WHO, NOW), "complained", None, True),
    ("mailgun", mailgun_event("unsubscribed", ID, WHO, NOW), "unsubscribed", None, True),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "record", "name", "blame", "permanent"), MEANINGS)
def test_what_a_record_comes_down_to(
    provider: str, record: dict[str, object], name: str, blame: Blame | None, permanent: bool
) -> None:
    (event,) = told(provider, record)
    assert (event.name, event.permanent) == (name, permanent)
    assert event.recipient == WHO
    assert {ID, ID.strip("<>"), MARK} & set(event.references)
    assert abs(event.at - NOW) < timedelta(seconds=1)
    if blame is not None:
        assert judge(event.reply, event.permanent).blame is blame, event.reply


@pytest.mark.parametrize(
    ("provider", "record"),
    [
        ("ses", ses(eventType="Open", open={"timestamp": AT})),
        ("ses", ses(eventType="Click", click={"timestamp": AT})),
        ("ses", ses(eventType="Send", send={})),
        ("ses", ses(eventType="Complaint", complaint={"complaintFeedbackType": "not-spam", "timestamp": AT})),
        ("sendgrid", sendgrid_event("open", ID, WHO, NOW)),
        ("sendgrid", sendgrid_event("click", ID, WHO, NOW)),
        ("sendgrid", sendgrid_event("processed", ID, WHO, NOW)),
        ("postmark", {"RecordType": "Open", "Recipient": WHO}),
        ("postmark", {"RecordType": "Click", "Recipient": WHO}),
        ("postmark", postmark_bounce(MARK, WHO, NOW, "AutoResponder")),
        ("postmark", {"RecordType": "SubscriptionChange", "SuppressSending": False, "ChangedAt": AT}),
        ("mailgun", mailgun_event("opened", ID, WHO, NOW)),
        ("mailgun", mailgun_event("clicked", ID, WHO, NOW)),
        ("mailgun", mailgun_event("accepted", ID, WHO, NOW)),
    ],
)
def test_opens_clicks_and_small_talk_are_passed_over(provider: str, record: dict[str, object]) -> None:
    assert told(provider, record) == []


def test_the_greeting_of_ses_is_no_event() -> None:
    assert SES.events(b"Successfully validated SNS topic for Amazon SES event publishing.") == []


def test_the_mark_of_ses_stands_before_its_own_message_id() -> None:
    (event,) = told("ses", ses_bounce(ID, WHO, NOW, mark=MARK))
    assert event.references == (MARK, ID, "0102019a-ses-number-000000")


def test_sendgrid_signs_timestamp_and_body() -> None:
    receiver = RECEIVERS["sendgrid"]
    events = [sendgrid_event("delivered", ID, WHO, NOW), sendgrid_event("open", ID, WHO, NOW)]
    headers, body = SENDGRID.batch(events, NOW)
    received = receiver.receive(headers, body, NOW)
    assert len({item.event_id for item in received.items}) == 2
    again = receiver.receive(*SENDGRID.batch([{**event, "sg_event_id": "x"} for event in events], NOW), NOW)
    assert [item.event_id for item in again.items] == [item.event_id for item in received.items], (
        "SendGrid numbers an event anew when it sends it again"
    )
    late = str(int(NOW.timestamp()) + 1)
    for forged, text in (
        ({}, body),
        ({**headers, TIMESTAMP: late}, body),
        ({**headers, SIGNATURE: "AAAA"}, body),
        ({**headers, SIGNATURE: "\u2603"}, body),
        (headers, body + b" "),
        (SendGridSender().batch(events, NOW)[0], body),
    ):
        with pytest.raises(NotAuthentic):
            receiver.receive(forged, text, NOW)


def test_one_bad_event_of_a_batch_keeps_no_other_from_counting() -> None:
    good = sendgrid_event("delivered", ID, WHO, NOW)
    request = SENDGRID.batch([good, 7, {"event": "delivered"}, good], NOW)
    received = RECEIVERS["sendgrid"].receive(*request, NOW)
    assert len(received.items) == 3
    assert received.problems == ("event 2 is no object",)
    assert RECEIVERS["sendgrid"].events(received.items[0].payload)
    with pytest.raises(BadInput, match="timestamp"):
        RECEIVERS["sendgrid"].events(received.items[1].payload)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_old_requests_are_refused(minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)
    for provider, request in (
        ("sendgrid", SENDGRID.batch([], at)),
        ("mailgun", mailgun(mailgun_event("delivered", ID, WHO, NOW), at)),
    ):
        with pytest.raises(NotAuthentic, match="too old"):
            RECEIVERS[provider].receive(*request, NOW)
        RECEIVERS[provider].receive(*request, at + timedelta(minutes=4))


def test_postmark_knows_the_password() -> None:
    receiver = RECEIVERS["postmark"]
    record = postmark_bounce(MARK, WHO, NOW)
    headers, body = postmark(record)
    first, second = (receiver.receive(headers, body, NOW).items[0] for _ in range(2))
    assert first == second, "what Postmark sends again is known again"
    wrong = base64.b64encode(POSTMARK_AUTH.encode()).decode()
    for authorization in (
        "", "Basic", "Basic !", "Basic " + wrong[:-4], f"Bearer {wrong}", postmark(record, "hooks:")[0]["Authorization"],
        postmark(record, POSTMARK_AUTH + "x")[0]["Authorization"], "Basic \u2603",
    ):  # fmt: skip
        with pytest.raises(NotAuthentic):
            receiver.receive({"Authorization": authorization}, body, NOW)
    with pytest.raises(NotAuthentic):
        receiver.receive({}, body, NOW)


def test_mailgun_signs_a_token_that_counts_once() -> None:
    receiver = RECEIVERS["mailgun"]
    event = mailgun_event("delivered", ID, WHO, NOW)
    received = receiver.receive(*mailgun(event, NOW, token="t" * 50), NOW)
    assert [item.event_id for item in received.items] == [event["id"]]
    again = receiver.receive(*mailgun(mailgun_event("complained", ID, WHO, NOW), NOW, token="t" * 50), NOW)
    assert received.once == again.once and received.once
    for body in (
        mailgun(event, NOW, key="another key")[1],
        json.dumps({"event-data": event}).encode(),
        json.dumps({"signature": {"timestamp": "1", "token": "", "signature": ""}}).encode(),
        b"[]", b"{", b"\xff",
    ):  # fmt: skip
        with pytest.raises(NotAuthentic):
            receiver.receive({}, body, NOW)


def test_what_is_not_set_up_is_not_there() -> None:
    settings = load_settings({})
    assert [receiver_of(one, settings, FakeSns) for one in (*PROVIDERS, "nobody")] == [None] * 5
    settings = load_settings(
        {
            "ses_topic_arns": f"{TOPIC}, arn:aws-cn:sns:cn-north-1:123456789012:mail",
            "sendgrid_public_key": SENDGRID.public_key,
            "postmark_webhook_auth": POSTMARK_AUTH,
            "mailgun_signing_key": MAILGUN_KEY,
        }
    )
    assert all(receiver_of(one, settings, FakeSns) for one in PROVIDERS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ses_topic_arns", "mail"),
        ("postmark_webhook_auth", "only-a-user"),
        ("postmark_webhook_auth", ":only a password"),
    ],
)
def test_malformed_secrets_are_named_at_the_start(name: str, value: str) -> None:
    with pytest.raises(NotConfigured, match=f"TAILORMAIL_{name.upper()}") as error:
        load_settings({name: value})
    assert value.strip(":") not in str(error.value) or name == "ses_topic_arns"


def test_a_key_that_is_none_is_named() -> None:
    for key in ("x", "\u2603", base64.b64encode(b"no key").decode()):
        with pytest.raises(NotConfigured, match="TAILORMAIL_SENDGRID_PUBLIC_KEY"):
            SendGrid(key)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([AT, ID, MARK, WHO]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
FIELDS = st.sampled_from(
    sorted({name for _, record, *_ in MEANINGS for name in (*record, "bounce", "complaint", "tags")})
)


@given(st.sampled_from(sorted(RECEIVERS)), st.binary(max_size=200))
def test_any_bytes_are_refused_and_nothing_breaks(provider: str, body: bytes) -> None:
    with pytest.raises((NotAuthentic, BadInput)):
        RECEIVERS[provider].receive(
            {TIMESTAMP: "1", SIGNATURE: "AAAA", "Authorization": "Basic AAAA"}, body, NOW
        )


@example(MEANINGS[0], dict.fromkeys(("reason", "response", "Details", "Description"), "4.2.2 \U00018d09"))
@given(st.sampled_from(MEANINGS), st.dictionaries(FIELDS, JSON, max_size=4))
def test_any_fields_are_read_or_named_as_unreadable(
    meaning: tuple[str, dict[str, object], str, Blame | None, bool], changed: dict[str, object]
) -> None:
    provider, record, *_ = meaning
    with contextlib.suppress(BadInput):
        for event in told(provider, {**record, **changed}):
            assert event.at.tzinfo is not None
            assert event.reply.isprintable() and len(event.reply) < 2100
            event.reply.encode()
            judge(event.reply, event.permanent)


def test_a_signed_message_of_sns_reaches_its_events() -> None:
    sender = SnsSender()
    receiver = Ses(SnsMessages(frozenset([TOPIC]), FakeSns({CERTIFICATE_URL: sender.certificate(NOW)})))
    received = receiver.receive(*sender.notification(ses_bounce(ID, WHO, NOW), NOW), NOW)
    assert [event.name for event in receiver.events(received.items[0].payload)] == ["bounced"]

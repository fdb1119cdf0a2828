"""`/hooks/<provider>` over HTTP: who is let in, what is answered, and that nothing is kept of anybody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from web_story import Story

from campaigns.compose.identity import message_id
from campaigns.delivery.hooks.sns import FakeSns
from campaigns.models import ProviderPayload
from tests.delivery.provider_requests import (
    CERTIFICATE_URL,
    Request,
    mailgun,
    mailgun_event,
    postmark,
    postmark_bounce,
    sendgrid_event,
    ses_bounce,
)
from tests.flows.flows_provider_mail import SECRETS, SENDGRID, SNS, hooks_with
from tests.tables import without

PROVIDERS = ("ses", "sendgrid", "postmark", "mailgun")


@pytest.fixture
def hooked(story: Story, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """The story with all webhooks set up; what they kept is gone afterwards."""
    runtime = story.runtime
    fake = FakeSns({CERTIFICATE_URL: SNS.certificate(runtime.clock.now())})
    secrets = runtime.settings.model_copy(update=SECRETS)
    monkeypatch.setattr(runtime, "provider_hooks", hooks_with(runtime, secrets, fake))
    yield story
    with runtime.db.transaction() as session:
        session.execute(text("delete from provider_payloads"))


def requests(story: Story) -> dict[str, Request]:
    """One bounce a provider, about a mail of the story."""
    now = story.runtime.clock.now()
    send = story.sends()[0]
    ours = f"<{message_id(story.runtime.signer, send.campaign_id, send.send_id, 'x.example')}>"
    who = "somebody@customers.example"
    return {
        "ses": SNS.notification(ses_bounce(ours, who, now), now),
        "sendgrid": SENDGRID.batch([sendgrid_event("delivered", ours, who, now)], now),
        "postmark": postmark(postmark_bounce("1-2-0123456789abcdef", who, now)),
        "mailgun": mailgun(mailgun_event("delivered", ours, who, now), now),
    }


def kept(story: Story) -> int:
    with story.runtime.db.transaction() as session:
        return session.scalar(select(func.count()).select_from(ProviderPayload)) or 0


def test_what_is_genuine_is_kept_and_answered(hooked: Story, client: FlaskClient) -> None:
    for number, (provider, (headers, body)) in enumerate(requests(hooked).items(), start=1):
        response = client.post(f"/hooks/{provider}", data=body, headers=headers)
        assert (response.status_code, response.get_json()) == (200, {"kept": 1}), provider
        assert kept(hooked) == number + (provider == "mailgun"), "one more for Mailgun: its token"
        assert "Set-Cookie" not in response.headers


def test_a_repeat_is_answered_and_not_kept_again(hooked: Story, client: FlaskClient) -> None:
    for provider, (headers, body) in requests(hooked).items():
        client.post(f"/hooks/{provider}", data=body, headers=headers)
        before = kept(hooked)
        again = client.post(f"/hooks/{provider}", data=body, headers=headers)
        assert again.status_code == (406 if provider == "mailgun" else 200)
        assert kept(hooked) == before


def test_who_is_not_the_provider_is_refused_and_keeps_nothing(hooked: Story, client: FlaskClient) -> None:
    statuses = {"ses": 403, "sendgrid": 403, "postmark": 401, "mailgun": 406}
    for provider, (headers, body) in requests(hooked).items():
        changed = body.replace(b"customers", b"attackers") if provider != "mailgun" else b'{"event-data": {}}'
        given = {} if provider == "postmark" else headers
        response = client.post(f"/hooks/{provider}", data=changed, headers=given)
        assert response.status_code == statuses[provider], provider
    assert kept(hooked) == 0


def test_what_cannot_be_read_is_named_to_who_may_speak(hooked: Story, client: FlaskClient) -> None:
    now = hooked.runtime.clock.now()
    headers, body = SENDGRID.batch(b"{", now)
    response = client.post("/hooks/sendgrid", data=body, headers=headers)
    assert (response.status_code, response.get_json()) == (400, {"error": "is no JSON"})


def test_a_webhook_without_a_secret_is_not_there(story: Story, client: FlaskClient) -> None:
    for provider in (*PROVIDERS, "nobody"):
        assert client.post(f"/hooks/{provider}", data=b"{}").status_code == 404
    assert client.get("/hooks/ses").status_code == 405


def test_more_than_a_megabyte_is_not_read(hooked: Story, client: FlaskClient) -> None:
    headers, body = requests(hooked)["postmark"]
    response = client.post("/hooks/postmark", data=body + b" " * 1_000_000, headers=headers)
    assert response.status_code == 413
    assert kept(hooked) == 0


def test_while_postgresql_is_away_the_provider_is_told_when_to_come_again(
    hooked: Story, client: FlaskClient
) -> None:
    for provider, (headers, body) in requests(hooked).items():
        with without(hooked.runtime.db):
            response = client.post(f"/hooks/{provider}", data=body, headers=headers)
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert client.post(f"/hooks/{provider}", data=body, headers=headers).status_code == 200


def test_no_token_of_a_form_is_asked_for(hooked: Story, app: Flask) -> None:
    assert app.config.get("WTF_CSRF_ENABLED", True)
    headers, body = requests(hooked)["sendgrid"]
    assert app.test_client().post("/hooks/sendgrid", data=body, headers=headers).status_code == 200


def test_the_campaign_page_says_why_it_paused_itself(story: Story, signed_in: FlaskClient) -> None:
    why = "12 of 240 mails bounced (5 %; the limit is 5 %)"
    with story.runtime.db.transaction() as session:
        session.execute(text("update campaigns set status = 'paused' where id = :c"), {"c": story.sent})
        session.execute(
            text(
                "insert into campaign_transitions (campaign_id, from_status, to_status, at, by, why, figures)"
                " values (:c, 'sending', 'paused', now(), 'tailormail', :why, '{\"mails\": 240}')"
            ),
            {"c": story.sent, "why": why},
        )
    try:
        page = signed_in.get(f"/console/campaigns/{story.sent}").get_data(as_text=True)
    finally:
        with story.runtime.db.transaction() as session:
            session.execute(text("update campaigns set status = 'sent' where id = :c"), {"c": story.sent})
            session.execute(text("delete from campaign_transitions where figures is not null"))
    assert "<b>Paused itself:</b> " + why in page
    assert "until somebody resumes it" in page
    assert "Resume" in page

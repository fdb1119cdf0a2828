"""Notices: promptly, with nothing in them that watches, tried again, and forgotten when they are out."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select

from campaigns.compose.notices import LANGUAGES, render_notice
from campaigns.core.clock import FixedClock
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput, ServiceUnavailable
from campaigns.core.jobs import RecordedJobs
from campaigns.delivery.capture import list_captured
from campaigns.delivery.gate import Ask, Pass
from campaigns.flows.customers.notices import queue_notice
from campaigns.models import Notice
from campaigns.runtime import Runtime
from tests.delivery.delivery_servers import Relay, ScriptedRelay
from tests.shop import make_runtime

ADDRESS = "astrid@newcomers.example"
VALUES = {
    "url": "https://mail.example/s/news/" + "a" * 70,
    "until": "2026-11-23T14:05:00+00:00",
    "postal_address": "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway",
}


def queue(runtime: Runtime, **changes: Any) -> int:
    """One notice that waits; returns its number."""
    given: dict[str, Any] = {
        "kind": "confirm_signup",
        "email": ADDRESS,
        "language": "de",
        "sender": "Fjell & Fern <hello@fjellandfern.example>",
        "values": VALUES,
        "now": runtime.clock.now(),
        "lives": timedelta(hours=48),
        "jobs": runtime.jobs,
        **changes,
    }
    with runtime.db.transaction() as session:
        return queue_notice(session, runtime.keyring, **given)


def row(runtime: Runtime, number: int) -> Notice:
    with runtime.db.transaction() as session:
        return session.get_one(Notice, number)


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def later(runtime: Runtime, **passed: float) -> None:
    """Let so much time pass for the notices."""
    runtime.notices._clock = FixedClock(runtime.notices._clock.now() + timedelta(**passed))


def over_smtp(servers: EmbeddedUrls, runtime: Runtime, port: int, **settings: object) -> Runtime:
    """The same data with a relay."""
    url = f"smtp://127.0.0.1:{port}?tls=none"
    return make_runtime(servers, runtime.settings.folder, smtp_url=url, **settings)


def test_a_hint_is_given_after_the_commit_and_none_after_a_rollback(runtime: Runtime) -> None:
    assert isinstance(runtime.jobs, RecordedJobs)
    queue(runtime)
    assert ("send_notices", 0) in runtime.jobs.hints
    runtime.jobs.hints.clear()
    with pytest.raises(RuntimeError), runtime.db.transaction() as session:
        queue_notice(
            session,
            runtime.keyring,
            kind="confirm_signup",
            email=ADDRESS,
            language="en",
            sender="A <a@shop.example>",
            values=VALUES,
            now=runtime.clock.now(),
            lives=timedelta(hours=1),
            jobs=runtime.jobs,
        )
        raise RuntimeError
    assert runtime.jobs.hints == []
    runtime.notices.work()
    assert len(list_captured(runtime.settings.captured_mail)) == 1


def test_what_goes_out_is_a_plain_signed_mail_without_any_tracker(
    servers: EmbeddedUrls, runtime: Runtime
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    number = queue(runtime)
    with Relay() as relay:
        here = over_smtp(
            servers, runtime, relay.port, dkim_key=pem, dkim_selector="s1", dkim_domain="fjellandfern.example"
        )
        assert here.notices.work().sent == 1
        here.close()
    (mail,) = relay.received
    assert (mail.sender, mail.recipient) == ("hello@fjellandfern.example", ADDRESS)
    message = parsed(mail.content)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "Fjell & Fern <hello@fjellandfern.example>"
    assert message["To"] == ADDRESS and f"To: <{ADDRESS}>".encode() in mail.content
    assert message["Message-ID"].startswith(f"<notice.{number}.")
    assert message["Message-ID"].endswith("@fjellandfern.example>")
    assert "List-Unsubscribe" not in message and message["Date"] is not None
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    assert "base64" not in (text["Content-Transfer-Encoding"], html["Content-Transfer-Encoding"])
    assert f"<title>{escape(message['Subject'])}</title>" in html.get_content()
    for body in (text.get_content(), html.get_content()):
        assert VALUES["url"] in body and "Tromsø" in body and "23. November 2026, 14:05 UTC" in body
        assert "/o/" not in body and "/c/" not in body
    assert "<img" not in html.get_content() and "url(" not in html.get_content()
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    assert dkim.verify(mail.content, dnsfunc=lambda *_, **__: record)


def test_what_is_out_is_forgotten(runtime: Runtime) -> None:
    number = queue(runtime, customer_id=7)
    runtime.notices.work()
    kept = row(runtime, number)
    assert (kept.outcome, kept.attempts, kept.customer_id) == ("sent", 1, 7)
    assert kept.sent_at is not None
    assert kept.email_cipher is None and kept.email_hmac is None and kept.values == {}
    assert runtime.notices.work().sent == 0
    assert len(list_captured(runtime.settings.captured_mail)) == 1


def test_a_busy_relay_is_asked_again_until_it_is_too_late(servers: EmbeddedUrls, runtime: Runtime) -> None:
    number = queue(runtime, lives=timedelta(hours=6))
    with Relay(refuse=lambda phase, _: "451 4.7.1 greylisted" if phase == "rcpt" else None) as relay:
        here = over_smtp(servers, runtime, relay.port)
        assert here.notices.work().later == 1
        first = row(runtime, number)
        assert first.outcome == "" and first.email_cipher is not None
        assert first.next_try_at > runtime.clock.now() + timedelta(seconds=10)
        assert here.notices.work().later == 0, "not before its time"
        later(here, hours=1)
        assert here.notices.work().later == 1
        assert row(runtime, number).attempts == 2
        later(here, hours=6)
        assert here.notices.work().given_up == 1
        here.close()
    last = row(runtime, number)
    assert last.outcome == "expired" and last.email_cipher is None and last.sent_at is None


def test_a_relay_that_is_away_loses_nothing(servers: EmbeddedUrls, runtime: Runtime) -> None:
    number = queue(runtime)
    with Relay() as gone:
        port = gone.port
    here = over_smtp(servers, runtime, port)
    assert here.notices.work().later == 1
    here.close()
    assert row(runtime, number).outcome == ""
    later(runtime, hours=1)
    assert runtime.notices.work().sent == 1


def test_a_refused_address_is_given_up_and_does_not_stop_the_others(
    servers: EmbeddedUrls, runtime: Runtime
) -> None:
    refused, fine = queue(runtime, email="nobody@newcomers.example"), queue(runtime)
    with Relay(refuse=lambda p, a: "550 5.1.1 unknown" if p == "rcpt" and "nobody" in a else None) as relay:
        here = over_smtp(servers, runtime, relay.port)
        result = here.notices.work()
        here.close()
    assert (result.sent, result.given_up) == (1, 1)
    assert row(runtime, refused).outcome == "rejected 550 5.1.1"
    assert row(runtime, fine).outcome == "sent"


def test_one_that_cannot_be_read_any_more_does_not_stop_the_others(runtime: Runtime) -> None:
    damaged, strange, fine = queue(runtime), queue(runtime), queue(runtime)
    with runtime.db.transaction() as session:
        session.get_one(Notice, damaged).email_cipher = b"x" * 60
        session.get_one(Notice, strange).kind = "no_such_kind"
    result = runtime.notices.work()
    assert (result.sent, result.given_up) == (1, 2)
    assert row(runtime, damaged).outcome == row(runtime, strange).outcome == "cannot be composed"
    assert row(runtime, damaged).email_cipher is None
    assert row(runtime, fine).outcome == "sent"


def test_a_claim_whose_worker_died_is_taken_up_and_keeps_its_message_id(runtime: Runtime) -> None:
    number = queue(runtime)
    other = make_runtime_like(runtime)
    (claimed,) = other.notices._claim()
    assert claimed.id == number
    assert runtime.notices.work().sent == 0, "somebody else is at it"
    later(runtime, minutes=7)
    assert runtime.notices.work().sent == 1
    assert row(runtime, number).attempts == 2
    # The dead one had handed it over before it died, say: the second copy is known as one by its Message-ID.
    other.notices._send(other._transport(), [claimed])
    assert len(list_captured(runtime.settings.captured_mail)) == 1


def make_runtime_like(runtime: Runtime) -> Runtime:
    """Another process on the same data."""
    return Runtime(runtime.settings, RecordedJobs())


def test_two_workers_share_what_waits(runtime: Runtime) -> None:
    numbers = {queue(runtime, email=f"person{n}@newcomers.example") for n in range(15)}
    other = make_runtime_like(runtime)
    mine = {notice.id for notice in runtime.notices._claim()}
    theirs = {notice.id for notice in other.notices._claim()}
    assert mine.isdisjoint(theirs) and mine | theirs == numbers
    other.close()


def test_a_process_that_is_asked_to_end_gives_back_what_it_has_not_sent(runtime: Runtime) -> None:
    number = queue(runtime)
    asked = iter([False, True])
    runtime.notices._stopping = lambda: next(asked, True)
    result = runtime.notices.work()
    assert (result.sent, result.later) == (0, 1)
    kept = row(runtime, number)
    assert kept.claimed_until is None and kept.attempts == 0
    runtime.notices._stopping = lambda: False
    assert runtime.notices.work().sent == 1


class FullGate:
    """Limits that leave no room, or cannot be asked."""

    def __init__(self, away: bool) -> None:
        self._away = away

    def admit(self, asks: list[Ask]) -> list[Pass]:
        if self._away:
            raise ServiceUnavailable("Redis", "away")
        return [Pass("", 90.0) for _ in asks]


@pytest.mark.parametrize("away", [False, True])
def test_limits_of_sending_let_it_wait(runtime: Runtime, away: bool) -> None:
    number = queue(runtime)
    runtime.notices._gate = FullGate(away)  # type: ignore[assignment]
    assert runtime.notices.work().later == 1
    kept = row(runtime, number)
    assert kept.outcome == "" and kept.next_try_at > runtime.clock.now() + timedelta(seconds=15)


def test_a_relay_that_never_answers_after_the_mail_gets_it_once_more(
    servers: EmbeddedUrls, runtime: Runtime
) -> None:
    number = queue(runtime)
    with ScriptedRelay(({"dot": "<close>"}, {})) as relay:
        here = over_smtp(servers, runtime, relay.port)
        here.notices.work()
        assert row(runtime, number).outcome == ""
        later(here, hours=1)
        assert here.notices.work().sent == 1
        here.close()
    first, second = (parsed(content)["Message-ID"] for content in [*relay.kept, *relay.accepted][:2])
    assert first == second


def test_withheld_leaves_the_same_row_and_no_mail(runtime: Runtime) -> None:
    number = queue(runtime, withheld="suppressed")
    assert runtime.notices.work() == runtime.notices.work()
    kept = row(runtime, number)
    assert kept.outcome == "suppressed" and kept.email_cipher is None and kept.values == {}
    assert list_captured(runtime.settings.captured_mail) == []


def test_old_ones_are_deleted_and_waiting_ones_are_not(runtime: Runtime) -> None:
    queue(runtime)
    runtime.notices.work()
    waiting = queue(runtime, lives=timedelta(days=60))
    later(runtime, days=40)
    assert runtime.notices.forget_old() == 1
    with runtime.db.transaction() as session:
        assert list(session.scalars(select(Notice.id))) == [waiting]


@pytest.mark.parametrize("kind", ["confirm_signup", "confirm_export", "confirm_erasure"])
def test_every_kind_exists_in_every_language(kind: str) -> None:
    rendered = {language: render_notice(kind, language, "Fjell & Fern", VALUES) for language in LANGUAGES}
    assert (
        len({one.subject for one in rendered.values()}) == len({one.text for one in rendered.values()}) == 5
    )
    for language, one in rendered.items():
        assert VALUES["url"] in one.html and VALUES["url"] in one.text
        assert "{" not in one.text and "Fjell &amp; Fern" in one.html
        assert f'<html lang="{"nb" if language == "no" else language}">' in one.html
    assert render_notice(kind, "nb_NO", "A", VALUES) == render_notice(kind, "no", "A", VALUES)
    assert render_notice(kind, "ja", "A", VALUES) == render_notice(kind, "en", "A", VALUES)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "no_such_kind"},
        {"kind": "../notices"},
        {"values": {}},
        {"values": {**VALUES, "url": "javascript:alert(1)"}},
        {"values": {**VALUES, "until": "soon"}},
        {"values": {**VALUES, "until": "2026-11-23T14:05:00"}},
        {"sender": "nobody"},
    ],
)
def test_what_cannot_become_a_mail_is_told_when_it_is_queued(
    runtime: Runtime, changes: dict[str, Any]
) -> None:
    with pytest.raises(BadInput):
        queue(runtime, **changes)


def test_marks_in_a_brand_are_text(runtime: Runtime) -> None:
    queue(runtime, sender='"<b>Fjell</b> {until}" <hello@fjellandfern.example>')
    runtime.notices.work()
    (mail,) = list_captured(runtime.settings.captured_mail)
    html = parsed(mail.path.read_bytes()).get_body(("html",))
    assert html is not None and "<b>" not in html.get_content() and "{until}" in html.get_content()

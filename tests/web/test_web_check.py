"""The last step of the editor: the preflight that a worker runs, test mails, and the approval."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select
from web_story import Story, description, picture

from campaigns.delivery.capture import read_captured
from campaigns.models import AuditEntry, Campaign, ConsentEntry, Customer, Event, Send, TestMail


@pytest.fixture
def draft(story: Story) -> int:
    """A draft of the test's own."""
    story.runtime.spam_judge = None
    pictures = {name: picture("teal") for name in ("neutral", "rain", "snow")}
    return story.runtime.campaigns.create(description("Checked"), pictures)


def check(number: int, more: str = "") -> str:
    return f"/console/campaigns/{number}/edit/check{more}"


def page(client: FlaskClient, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status, response.get_data(as_text=True)[-500:]
    return response.get_data(as_text=True)


def send_test(client: FlaskClient, number: int, addresses: str, **more: str) -> Any:
    form = {"addresses": addresses, **more}
    if not more.keys() & {"customer", "other"}:
        found = re.search(r'<option value="([^"]+)"', page(client, check(number)))
        assert found
        form["customer"] = found[1]
    return client.post(check(number, "/test-mails"), data=form)


def counted(story: Story, *tables: Any) -> list[int]:
    with story.runtime.db.transaction() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_a_preflight_is_asked_for_run_by_a_worker_and_kept(
    signed_in: FlaskClient, story: Story, draft: int
) -> None:
    assert "Nobody has run one yet" in page(signed_in, check(draft))
    assert signed_in.post(check(draft, "/preflight")).status_code == 302
    assert "Running" in page(signed_in, check(draft))
    assert signed_in.get(check(draft, ".json")).get_json()["waits"] is True
    assert story.runtime.preflights.work() >= 1
    html = page(signed_in, check(draft))
    assert "Nothing stands in the way of approval" in html and "Link not checked" in html
    assert signed_in.get(check(draft, ".json")).get_json()["waits"] is False
    with story.runtime.db.transaction() as session:
        session.get_one(Campaign, draft).postal_address = " "
    assert "The campaign has changed since" in page(signed_in, check(draft))


def test_the_old_page_leads_to_the_step(signed_in: FlaskClient, story: Story) -> None:
    answer = signed_in.get(f"/console/campaigns/{story.draft}/preflight")
    assert answer.status_code == 302 and answer.headers["Location"].endswith("/edit/check#preflight")
    page(signed_in, check(999999), 404)


def test_looking_at_the_page_runs_nothing(
    signed_in: FlaskClient, story: Story, draft: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(number: int) -> None:
        raise AssertionError("a page load ran a preflight")

    monkeypatch.setattr(story.runtime.preflight, "run", never)
    page(signed_in, check(draft))
    page(signed_in, f"/console/campaigns/{draft}/preview")


def test_an_approval_goes_by_the_kept_preflight_until_the_campaign_changes(
    signed_in: FlaskClient, story: Story, draft: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.runtime.preflights.run(draft)
    runs: list[int] = []
    real = story.runtime.preflight.run

    def watched(number: int) -> Any:
        runs.append(number)
        return real(number)

    monkeypatch.setattr(story.runtime.preflight, "run", watched)
    with story.runtime.db.transaction() as session:
        session.get_one(Campaign, draft).postal_address = " "
    answer = signed_in.post(check(draft, "/approve"))
    assert answer.status_code == 409 and runs == [draft]
    html = answer.get_data(as_text=True)
    assert "It was not approved" in html and "no-postal-address" in html
    with story.runtime.db.transaction() as session:
        session.get_one(Campaign, draft).postal_address = "Shop, Street 1, Town"
    story.runtime.preflights.run(draft)
    runs.clear()
    assert signed_in.post(check(draft, "/approve")).status_code == 302
    assert runs == [], "it was fresh"
    assert story.runtime.campaigns.status(draft) == "approved"
    assert "Send now" in page(signed_in, check(draft))


@pytest.mark.parametrize(
    ("name", "preflight", "tests", "approve"),
    [("viewer", 403, 403, 403), ("author", 302, 302, 403), ("approver", 302, 302, 302)],
)
def test_roles(
    signed_in: FlaskClient,
    story: Story,
    role: Any,
    draft: int,
    name: str,
    preflight: int,
    tests: int,
    approve: int,
) -> None:
    role(name)
    html = page(signed_in, check(draft))
    assert ("Send the test mail" in html) == (tests == 302)
    assert bool(re.search(r"<button[^>]*>Approve<", html)) == (approve == 302)
    assert signed_in.post(check(draft, "/preflight")).status_code == preflight
    with story.runtime.db.transaction() as session:
        someone = session.scalars(select(Customer.external_id).limit(1)).one()
    form = {"addresses": f"{name}@shop.example", "customer": someone}
    assert signed_in.post(check(draft, "/test-mails"), data=form).status_code == tests
    assert signed_in.post(check(draft, "/approve")).status_code == approve
    with story.runtime.db.transaction() as session:
        session.execute(delete(TestMail))


def test_a_test_mail_shows_the_mail_and_does_nothing_else(
    signed_in: FlaskClient, client: FlaskClient, story: Story, draft: int
) -> None:
    runtime = story.runtime
    before = counted(story, Send, Event, ConsentEntry)
    answer = send_test(signed_in, draft, "anna@shop.example", weather="snow")
    assert answer.status_code == 302
    assert "on its way" in page(signed_in, check(draft))
    assert runtime.test_mails.work() >= 1
    [shown] = runtime.test_mails.listed(draft)
    assert (shown.state, shown.address) == ("sent", "anna@shop.example")
    html = page(signed_in, check(draft))
    assert f"/console/outbox/{shown.message_id}" in html
    assert page(signed_in, f"/console/outbox/{shown.message_id}")
    raw = read_captured(runtime.settings.captured_mail, shown.message_id)
    mail = message_from_bytes(raw, policy=policy.default)
    assert str(mail["Subject"]).startswith("[Test] ")
    assert mail["To"] == "anna@shop.example" and mail["X-Tailormail-Test"] == "yes"
    body = mail.get_body(("html",))
    assert body is not None
    content = body.get_content()
    own = runtime.settings.public_url
    assert f"{own}/o/" not in content and f"{own}/c/" not in content, "nothing is recorded"
    assert f"{own}/i/" in content
    for link in set(
        re.findall(rf"{re.escape(own)}(/[upv]/[^\"<\s]+)", content + str(mail["List-Unsubscribe"]))
    ):
        path = link.rstrip(">,")
        assert client.get(path).status_code < 500
        if path.startswith("/u/"):
            assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert counted(story, Send, Event, ConsentEntry) == before


def test_what_was_typed_stays_and_the_mistake_is_named(
    signed_in: FlaskClient, story: Story, draft: int
) -> None:
    answer = send_test(signed_in, draft, "anna@shop.example\nnot an address")
    html = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert "No test mail was sent" in html and "anna@shop.example" in html and "not" in html
    for addresses, told in (
        ("", "needs the address"),
        (" ".join(f"a{n}@shop.example" for n in range(11)), "takes 10 addresses at once"),
    ):
        answer = send_test(signed_in, draft, addresses)
        assert answer.status_code == 400 and told in answer.get_data(as_text=True)
    answer = send_test(signed_in, draft, "anna@shop.example", other="nobody-of-this-number")
    assert answer.status_code == 404
    answer = send_test(signed_in, draft, "anna@shop.example", weather="frogs")
    assert answer.status_code == 400
    assert not story.runtime.test_mails.listed(draft)


def test_the_last_addresses_are_offered_again_and_who_asked_is_recorded(
    signed_in: FlaskClient, story: Story, draft: int
) -> None:
    send_test(signed_in, draft, "anna@shop.example, bert@shop.example")
    html = page(signed_in, check(draft))
    field = html.partition('id="addresses"')[2].partition("</textarea>")[0]
    assert "anna@shop.example" in field and "bert@shop.example" in field
    with story.runtime.db.transaction() as session:
        entry = session.scalars(
            select(AuditEntry).where(
                AuditEntry.subject == f"campaign {draft}", AuditEntry.action == "test_mail.asked"
            )
        ).one()
        assert entry.detail["mails"] == 2 and "@" not in str(entry.detail)

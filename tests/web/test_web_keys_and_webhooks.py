"""The console's pages of API keys and webhooks: for admins, secrets shown once, nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from web_story import Story

from campaigns.models import Role

PATHS = ("/console/api-keys", "/console/webhooks")


@pytest.fixture(autouse=True)
def emptied(story: Story) -> Iterator[None]:
    yield
    with story.runtime.db.transaction() as session:
        for table in ("api_keys", "webhook_deliveries", "webhook_endpoints"):
            session.execute(text(f"delete from {table}"))


def secret_on(page: str) -> str:
    found = re.search(r'<code class="once"[^>]*>([^<]+)</code>', page)
    assert found, page
    return found[1]


def demote(story: Story, role: Role) -> None:
    with story.runtime.db.transaction() as session:
        session.execute(text("update console_users set role = :role"), {"role": role.value})


def test_only_admins_reach_them_and_authors_the_description(signed_in: FlaskClient, story: Story) -> None:
    assert [signed_in.get(path).status_code for path in PATHS] == [200, 200]
    demote(story, Role.APPROVER)
    assert [signed_in.get(path).status_code for path in PATHS] == [403, 403]
    assert (
        signed_in.post("/console/api-keys", data={"name": "x", "scopes": "read", "lasts": "0"}).status_code
        == 403
    )
    assert signed_in.get("/console/api").headers["Location"] == "/api/v1/docs"
    assert "/console/api" in signed_in.get("/console/").get_data(as_text=True)
    demote(story, Role.VIEWER)
    assert signed_in.get("/console/api").status_code == 403


def test_a_key_is_shown_once_works_and_is_revoked(signed_in: FlaskClient, story: Story) -> None:
    made = signed_in.post(
        "/console/api-keys",
        data={"name": "web shop", "scopes": ["read", "events"], "lasts": "30", "per_minute": "50"},
    )
    key = secret_on(made.get_data(as_text=True))
    assert made.headers["Cache-Control"] == "no-store"
    holder = story.runtime.api_keys.holder(key)
    assert holder is not None and (holder.scopes, holder.per_minute) == ({"read", "events"}, 50)
    listed = signed_in.get("/console/api-keys").get_data(as_text=True)
    assert key not in listed and f"<code>{key[-4:]}</code>" in listed and "events, read" in listed
    signed_in.post("/console/api-keys/revoke", data={"name": "web shop"})
    assert story.runtime.api_keys.holder(key) is None
    with story.runtime.db.transaction() as session:
        entries = session.execute(
            text("select action, detail from audit_entries where subject = 'key web shop' order by id")
        ).all()
    assert [row.action for row in entries] == ["api_key.created", "api_key.revoked"]
    assert key not in str(entries)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"name": "", "scopes": "read", "lasts": "0"}, "Say what the key is for."),
        ({"name": "till", "lasts": "90"}, "Tick at least one thing that it may do."),
        ({"name": "till", "scopes": "everything", "lasts": "90"}, "not"),
        (
            {"name": "till", "scopes": "read", "lasts": "90", "per_minute": "a lot"},
            "Not a valid integer value.",
        ),
    ],
)
def test_what_was_typed_stays_with_what_is_wrong_beside_it(
    signed_in: FlaskClient, typed: dict[str, str], says: str
) -> None:
    answer = signed_in.post("/console/api-keys", data=typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400 and says in page
    assert f'value="{typed["name"]}"' in page
    if typed.get("scopes") == "read":
        assert 'value="read" checked' in page


def test_a_webhook_is_made_tested_changed_and_removed(signed_in: FlaskClient, story: Story) -> None:
    typed = {
        "url": "https://shop.example/hooks",
        "description": "Till",
        "events": ["mail.clicked", "mail.bounced"],
    }
    secret = secret_on(signed_in.post("/console/webhooks", data=typed).get_data(as_text=True))
    assert secret.startswith("whsec_")
    (hook,) = story.runtime.webhooks.list()
    path = f"/console/webhooks/{hook['id']}"
    assert secret not in signed_in.get(path).get_data(as_text=True)
    signed_in.post(f"{path}/test")
    page = signed_in.get(path).get_data(as_text=True)
    assert "1 × test" in page and "Waiting" in page
    again = secret_on(signed_in.post(f"{path}/secret").get_data(as_text=True))
    assert again != secret and "signs as well until" in signed_in.get(path).get_data(as_text=True)
    bad = signed_in.post(path, data={**typed, "url": "http://shop.example/hooks"})
    assert bad.status_code == 400 and "It must begin with https://." in bad.get_data(as_text=True)
    assert 'value="http://shop.example/hooks"' in bad.get_data(as_text=True)
    signed_in.post(path, data={**typed, "events": ["mail.sent"]})
    assert story.runtime.webhooks.show(hook["id"])["events"] == ["mail.sent"]
    signed_in.post(f"{path}/off")
    assert "switched off by" in signed_in.get(path).get_data(as_text=True)
    assert signed_in.post(f"{path}/test").status_code == 409
    signed_in.post(f"{path}/on")
    assert signed_in.post(f"{path}/remove").status_code == 409, "the box was not ticked"
    signed_in.post(f"{path}/remove", data={"meant": "yes"})
    assert story.runtime.webhooks.list() == [] and signed_in.get(path).status_code == 404


@pytest.mark.parametrize(
    ("url", "events", "says"),
    [
        ("https://10.1.2.3/x", ["mail.sent"], "inside a private network"),
        ("https://shop.example/x", [], "Tick at least one thing that it is told."),
        ("", ["mail.sent"], "Type an address."),
    ],
)
def test_a_webhook_that_does_not_fit_is_explained(
    signed_in: FlaskClient, url: str, events: list[str], says: str
) -> None:
    answer = signed_in.post("/console/webhooks", data={"url": url, "description": "Till", "events": events})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400 and says in page and 'value="Till"' in page


def test_the_description_is_a_page_without_scripts(client: FlaskClient) -> None:
    answer = client.get("/api/v1/docs")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200 and "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert "<script" not in page and "style=" not in page
    assert "/messages" in page and "Idempotency-Key" in page and "Scope: send" in page

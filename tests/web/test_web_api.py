"""The API: keys and their scopes, what it answers, and that it is what its OpenAPI description says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import select, text
from web_story import Story

from campaigns.commands.api_key_command import SCOPES as SCOPES_OF_THE_COMMAND
from campaigns.compose.message_template import MessageSource
from campaigns.flows.console.api_keys import KeyHolder
from campaigns.flows.messages.messages import MessageOrder
from campaigns.models import ApiKey, ConsentEntry, Customer
from campaigns.models.api_key import SCOPES
from campaigns.runtime import Runtime
from tests.shop import Command
from web.limits import WRONG_KEY_LIMIT

Key = Callable[..., dict[str, str]]


@pytest.fixture
def key(story: Story) -> Iterator[Key]:
    """Headers with a fresh key of these scopes."""
    made: list[str] = []

    def make(*scopes: str) -> dict[str, str]:
        made.append(f"test {len(made)}")
        return {"Authorization": f"Bearer {story.runtime.api_keys.create(made[-1], scopes)}"}

    yield make
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from api_keys"))


def error_of(answer: Any) -> str:
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    assert answer.json["type"].startswith("urn:tailormail:problem:")
    assert answer.json["trace"] == answer.headers["X-Request-ID"]
    return str(answer.json["error"])


def test_without_a_key_nothing_is_told(client: Any, key: Key) -> None:
    wrong = [{}, {"Authorization": "Bearer tm_" + "A" * 43}, {"Authorization": "Basic YTpi"}]
    for headers in wrong:
        answer = client.get("/api/v1/campaigns", headers=headers)
        assert (answer.status_code, error_of(answer)) == (401, "Unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "Set-Cookie" not in answer.headers


def test_a_key_opens_what_its_scopes_say(client: Any, key: Key) -> None:
    reader = key("read")
    assert client.get("/api/v1/campaigns", headers=reader).status_code == 200
    for path in ("/api/v1/campaigns/1/pause", "/api/v1/imports/orders", "/api/v1/customers/export"):
        assert client.post(path, headers=reader, json={"email": "a@b.example"}).status_code == 403
    assert client.get("/api/v1/campaigns", headers=key("write", "privacy")).status_code == 403


def test_a_revoked_key_opens_nothing(client: Any, story: Story, key: Key) -> None:
    headers = key("read")
    assert client.get("/api/v1/campaigns", headers=headers).status_code == 200
    story.runtime.api_keys.revoke("test 0")
    assert client.get("/api/v1/campaigns", headers=headers).status_code == 401


def test_only_the_hash_of_a_key_is_kept(story: Story, key: Key) -> None:
    secret = key("read")["Authorization"].removeprefix("Bearer ")
    with story.runtime.db.transaction() as session:
        (row,) = session.execute(select(ApiKey.__table__)).mappings().all()
    assert secret not in repr(dict(row)) and secret.removeprefix("tm_").encode() not in bytes(row["key_hash"])


def test_who_tries_keys_is_slowed_down(client: Any, key: Key) -> None:
    allowed = int(WRONG_KEY_LIMIT.split()[0])
    answers = [
        client.get("/api/v1/campaigns", headers={"Authorization": f"Bearer tm_{n:043}"}).status_code
        for n in range(allowed + 3)
    ]
    assert answers == [401] * allowed + [429] * 3
    assert client.get("/api/v1/campaigns", headers=key("read")).status_code == 429, "that address waits"


def test_campaigns_and_their_reports(client: Any, story: Story, key: Key) -> None:
    headers = key("read")
    listed = client.get("/api/v1/campaigns", headers=headers).json["campaigns"]
    numbers = [row["id"] for row in listed]
    assert numbers == sorted(numbers, reverse=True)
    assert {story.draft, story.sent} <= set(numbers)
    shown = client.get(f"/api/v1/campaigns/{story.sent}", headers=headers).json
    assert (shown["status"], shown["counts"]["sent"]) == (
        "sent",
        len(story.sends()) + len(story.sends(False)),
    )
    report = client.get(f"/api/v1/campaigns/{story.sent}/report", headers=headers).json
    assert report["sent"] == shown["counts"]["sent"]
    missing = client.get("/api/v1/campaigns/999999", headers=headers)
    assert missing.status_code == 404 and "999999" in error_of(missing)


def test_what_is_not_allowed_now_is_a_conflict(client: Any, story: Story, key: Key) -> None:
    answer = client.post(f"/api/v1/campaigns/{story.sent}/pause", headers=key("write"))
    assert answer.status_code == 409 and "cannot become paused" in error_of(answer)


def test_csv_is_imported_and_bad_rows_are_named(client: Any, story: Story, key: Key) -> None:
    headers = key("write") | {"Content-Type": "text/csv"}
    customers = "external_id,email,locale\napi-1,api1@people.example,nb-NO\napi-2,not an address,en\n"
    answer = client.post("/api/v1/imports/customers", data=customers, headers=headers)
    assert answer.status_code == 200
    assert {name: answer.json[name] for name in ("rows_read", "inserted", "skipped")} == {
        "rows_read": 2, "inserted": 1, "skipped": 1
    }  # fmt: skip
    assert [error["line"] for error in answer.json["errors"]] == [3]
    consents = (
        "customer_id,purpose,action,wording,source,at\napi-1,marketing,granted,Yes,app,2026-11-01T00:00:00Z\n"
    )
    again = [client.post("/api/v1/imports/consents", data=consents, headers=headers).json for _ in range(2)]
    assert [one["inserted"] for one in again] == [1, 0]
    with story.runtime.db.transaction() as session:
        found = select(ConsentEntry.action).join(Customer, Customer.id == ConsentEntry.customer_id)
        assert session.scalars(found.where(Customer.external_id == "api-1")).all() == ["granted"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "says"),
    [
        (b"external_id,email\n", "application/json", 415, "text/csv"),
        (b"", "text/csv", 400, "is empty"),
        (b"\xff\xfe\x00", "text/csv", 400, "UTF-8"),
        (b"\x1f\x8b\x08\x00", "text/csv", 400, "UTF-8"),
        (b"a,b\n", "text/csv", 400, "external_id"),
    ],
)
def test_what_is_no_csv_is_refused(
    client: Any, key: Key, body: bytes, content_type: str, status: int, says: str
) -> None:
    answer = client.post(
        "/api/v1/imports/customers", data=body, headers=key("write") | {"Content-Type": content_type}
    )
    assert answer.status_code == status
    assert says in error_of(answer)


def test_a_body_that_is_too_large_is_refused(app: Flask, key: Key) -> None:
    app.extensions["tailormail-api"].config["MAX_CONTENT_LENGTH"] = 1000
    headers = key("write") | {"Content-Type": "text/csv"}
    answer = app.test_client().post("/api/v1/imports/customers", data=b"a" * 1001, headers=headers)
    assert answer.status_code == 413


def test_rights_by_address_in_the_body(client: Any, story: Story, key: Key) -> None:
    headers = key("privacy", "write")
    data = "external_id,email\nrights-1,Rights1@people.example\n"
    client.post("/api/v1/imports/customers", data=data, headers=headers | {"Content-Type": "text/csv"})
    who = {"email": "rights1@people.example"}
    exported = client.post("/api/v1/customers/export", json=who, headers=headers)
    assert exported.json["profile"]["external_id"] == "rights-1"
    assert client.post("/api/v1/customers/erase", json=who, headers=headers).json == {"erased": True}
    assert client.post("/api/v1/customers/export", json=who, headers=headers).status_code == 404
    assert client.post("/api/v1/customers/export", json={}, headers=headers).json["fields"] == {
        "email": ["Field required"]
    }


def test_suppressions(client: Any, key: Key) -> None:
    headers = key("privacy", "write")
    for what in ("gone@people.example", "@gone.example"):
        made = [
            client.post("/api/v1/suppressions", json={"what": what}, headers=headers).json for _ in range(2)
        ]
        assert [one["new"] for one in made] == [True, False]
        (entry,) = client.post("/api/v1/suppressions/check", json={"what": what}, headers=headers).json[
            "entries"
        ]
        assert (entry["reason"], entry["source"]) == ("manual", "api:test 0")
        lifted = client.post("/api/v1/suppressions/lift", json={"what": what}, headers=headers)
        assert len(lifted.json["entries"]) == 1
        checked = client.post("/api/v1/suppressions/check", json={"what": what}, headers=headers)
        assert checked.json == {"entries": []}
    bad = client.post("/api/v1/suppressions", json={"what": "nobody"}, headers=headers)
    assert bad.status_code == 400 and "an address, or @ and a domain, is wanted" in error_of(bad)


def test_the_description_is_for_everybody_and_names_every_way(client: Any) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json["info"]["title"] == "Tailormail"
    assert answer.json["servers"] == [{"url": "/api/v1"}]
    assert {"/campaigns/{campaign_id}/approve", "/messages", "/recommendations", "/webhooks"} <= set(
        answer.json["paths"]
    )
    secured = [
        operation.get("security") for path in answer.json["paths"].values() for operation in path.values()
    ]
    assert all(secured), "and each one needs a key"


def test_the_scopes_of_the_command_are_those_of_keys() -> None:
    assert SCOPES_OF_THE_COMMAND == SCOPES


def things_that_are_there(story: Story, path: str, changes: bool) -> dict[str, Any]:
    """For the blanks of a way: what is really there, made anew where asking may change it."""
    runtime = story.runtime
    hook = runtime.webhooks.create("https://shop.example/x", ["mail.clicked"], "test").number
    words = MessageSource("Order", "It is here.")
    order = MessageOrder(
        "fuzz", address="q@w.example", source=words, category="order", sender="Shop <a@b.example>"
    )
    body = {"category": "order", "sender": "S <a@b.example>", "subject": "x", "text": "{{ n }}"}
    runtime.message_templates.save("fuzz", body, "test")
    with runtime.db.transaction() as session:
        customer = session.scalar(text("select external_id from customers where erased_at is null limit 1"))
        sku = session.scalar(text("select sku from products limit 1"))
        session.execute(text("delete from segments where name = 'Fuzz'"))
    numbers = {
        "segments": runtime.segments.create("Fuzz", {}, "test"),
        "webhooks": hook,
        "messages": runtime.messages.order(order, "test").message["id"],
    }
    return {
        "campaign_id": runtime.drafts.copy_of(story.draft, "test") if changes else story.sent,
        "number": next((number for name, number in numbers.items() if name in path), 1),
        "delivery": runtime.webhooks.test(hook, "test"),
        "name": "fuzz" if "template" in path else "picks",
        "external_id": customer,
        "sku": sku,
    }


def ask_often(operation: Any, headers: dict[str, str], there: dict[str, Any], asked: Counter[str]) -> None:
    """Every second time of something that is there."""

    @settings(
        max_examples=24, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        asked[case.operation.label] += 1
        if asked[case.operation.label] % 2:
            case.path_parameters.update({k: v for k, v in there.items() if k in case.path_parameters})
        case.call_and_validate(
            headers=headers,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    ask()


@pytest.mark.slow
def test_whatever_is_asked_the_answers_are_as_described(app: Flask, key: Key, story: Story) -> None:
    """Schemathesis makes requests from the description, fitting and unfitting ones, half of them of what is there."""
    headers = key(*SCOPES)
    app.extensions["tailormail-api"].extensions["tailormail-limits"].limiter.enabled = False
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    asked: Counter[str] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        ask_often(
            operation, headers, things_that_are_there(story, operation.path, operation.method != "get"), asked
        )
        with story.runtime.db.transaction() as session:
            session.execute(text("update webhook_endpoints set removed_at = now()"))
    assert len(asked) >= 75, asked
    assert min(asked.values()) >= 2, asked
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from messages"))
        session.execute(
            text(
                "delete from segments where id not in (select segment_id from campaigns where segment_id is not null)"
            )
        )


def test_the_command_makes_lists_and_revokes(command: Command, runtime: Runtime) -> None:
    status, key, _ = command("api-key", "create", "shop", "--scope", "read", "--scope", "write")
    assert status == 0
    holder = runtime.api_keys.holder(key.strip())
    assert holder == KeyHolder("shop", frozenset({"read", "write"}), None)
    status, _, said = command("api-key", "create", "shop")
    assert status == 1 and "take another name" in said
    (listed,) = json.loads(command("api-key", "list", "--json")[1])
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("shop", ["read", "write"], None)
    assert listed["last_used_at"] is not None
    assert command("api-key", "revoke", "shop")[0] == 0
    assert runtime.api_keys.holder(key.strip()) is None
    status, _, said = command("api-key", "revoke", "nobody")
    assert status == 1 and 'no key named "nobody"' in said

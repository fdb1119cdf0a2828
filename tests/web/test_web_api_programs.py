"""What programs of a shop ask of the API: once though asked twice, for who may, within their rate, and nothing personal told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from web_story import COLOURS, Story, description, picture

from campaigns.core.clock import FixedClock
from campaigns.models import ApiKey
from web.app import create_app

Headers = dict[str, str]


@pytest.fixture
def may(story: Story) -> Iterator[Callable[..., Headers]]:
    """Headers with a fresh key of these scopes."""
    made: list[str] = []

    def make(*scopes: str, **terms: Any) -> Headers:
        made.append(f"program {len(made)}")
        return {"Authorization": f"Bearer {story.runtime.api_keys.create(made[-1], scopes, **terms)}"}

    yield make
    with story.runtime.db.transaction() as session:
        for table in ("api_keys", "idempotent_requests", "messages", "order_returns", "segments"):
            session.execute(text(f"delete from {table}"))
        session.execute(text("update order_lines set returned = 0"))


def post(client: Any, path: str, headers: Headers, body: Any = None, **more: Any) -> Any:
    return client.post(f"/api/v1{path}", json=body, headers=headers, **more)


# Keys


def test_a_key_that_has_ended_opens_nothing(client: Any, story: Story, may: Callable[..., Headers]) -> None:
    headers = may("read", expires_at=story.runtime.clock.now() + timedelta(hours=1))
    assert client.get("/api/v1/campaigns", headers=headers).status_code == 200
    with story.runtime.db.transaction() as session:
        session.execute(text("update api_keys set expires_at = now() - interval '1 second'"))
    assert client.get("/api/v1/campaigns", headers=headers).status_code == 401


def test_each_key_has_its_own_rate(client: Any, may: Callable[..., Headers]) -> None:
    slow, other = may("read", per_minute=3), may("read")
    codes = [client.get("/api/v1/campaigns", headers=slow).status_code for _ in range(5)]
    assert codes == [200] * 3 + [429] * 2
    refused = client.get("/api/v1/campaigns", headers=slow)
    assert refused.headers["Retry-After"] == "60" and "wait a minute" in refused.json["detail"]
    assert client.get("/api/v1/campaigns", headers=other).status_code == 200


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("write", "post", "/campaigns/1/approve"),
        ("write", "post", "/campaigns/1/send"),
        ("write", "post", "/messages"),
        ("read", "get", "/customers/c-1"),
        ("read", "get", "/campaigns/1/preview?customer=c-1"),
        ("events", "get", "/campaigns"),
        ("events", "post", "/segments"),
        ("read", "get", "/webhooks"),
        ("read", "get", "/audit"),
        ("write", "get", "/recommendations"),
        ("recommend", "post", "/orders"),
    ],
)
def test_a_key_reaches_what_its_scope_says_and_no_more(
    client: Any, may: Callable[..., Headers], scope: str, method: str, path: str
) -> None:
    answer = getattr(client, method)(
        f"/api/v1{path}", headers=may(scope), **({"json": {}} if method == "post" else {})
    )
    assert answer.status_code == 403, answer.json


# Once


def test_asked_twice_with_one_idempotency_key_it_is_made_once(
    client: Any, story: Story, may: Callable[..., Headers]
) -> None:
    headers = may("write", "read") | {"Idempotency-Key": "a-key"}
    body = {"name": "Norwegians", "rules": {}}
    first, again = (post(client, "/segments", headers, body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201) and first.json == again.json
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    other = post(client, "/segments", headers, {**body, "name": "Swedes"})
    assert other.status_code == 422 and "another request" in other.json["detail"]
    assert len(client.get("/api/v1/segments", headers=headers).json["segments"]) == 1
    stranger = may("write") | {"Idempotency-Key": "a-key"}
    assert post(client, "/segments", stranger, {**body, "name": "Danes"}).status_code == 201
    with story.runtime.db.transaction() as session:
        kept = session.execute(text("select answer from idempotent_requests")).scalars().all()
    assert all(b"Norwegians" not in bytes(one) for one in kept), "answers are encrypted"


def test_a_request_that_came_to_nothing_may_be_repeated_and_one_in_progress_may_not(
    client: Any, story: Story, may: Callable[..., Headers]
) -> None:
    headers = may("write") | {"Idempotency-Key": "again"}
    assert post(client, "/segments", headers, {"name": "x", "rules": {"no such rule": 1}}).status_code == 400
    assert post(client, "/segments", headers, {"name": "Fine", "rules": {}}).status_code == 201
    flow, now = story.runtime.idempotency, story.runtime.clock.now()
    assert flow.begin("program 0", "slow", b"d" * 32) is None
    with pytest.raises(Exception, match="still being answered"):
        flow.begin("program 0", "slow", b"d" * 32)
    flow._clock = FixedClock(now + timedelta(minutes=11))
    assert flow.begin("program 0", "slow", b"d" * 32) is None, "whoever answered it is dead"
    flow._clock = FixedClock(now + timedelta(hours=25))
    assert flow.forget_old() >= 2
    del story.runtime.__dict__["idempotency"]


# Messages


def test_a_message_is_taken_found_and_said_to_be_the_same(client: Any, may: Callable[..., Headers]) -> None:
    headers = may("send")
    body = {
        "idempotency_key": "order-1", "address": "kari@orders.example", "category": "order",
        "sender": "Shop <orders@shop.example>", "subject": "Order {{ n }}", "text": "Here is {{ n }}.", "data": {"n": 1},
    }  # fmt: skip
    taken, again = (post(client, "/messages", headers, body) for _ in range(2))
    assert (taken.status_code, again.status_code) == (202, 200) and taken.json["id"] == again.json["id"]
    assert "kari" not in taken.get_data(as_text=True)
    found = client.get("/api/v1/messages?idempotency_key=order-1", headers=headers)
    assert (
        found.json["status"]
        == "queued"
        == client.get(f"/api/v1/messages/{taken.json['id']}", headers=headers).json["status"]
    )
    changed = post(client, "/messages", headers, {**body, "data": {"n": 2}})
    assert changed.status_code == 409
    wrong = post(client, "/messages", headers, {**body, "idempotency_key": "b", "data": {}})
    assert wrong.status_code == 400 and "'n' is undefined" in wrong.json["detail"]


# The shop's products, orders and returns


def test_products_change_by_what_is_given_with_a_result_for_each(
    client: Any, may: Callable[..., Headers]
) -> None:
    headers = may("events", "read")
    made = client.put(
        "/api/v1/products/API-1",
        json={"title": "A lamp", "price": "19.90", "currency": "eur"},
        headers=headers,
    )
    assert made.json == {"sku": "API-1", "result": "inserted", "reason": ""}
    posted = [
        {"sku": "API-1", "stock": 3},
        {"sku": "API-1", "price": "19.999"},
        {"sku": "API-2", "stock": 1},
        {"sku": "API-3", "title": "Twice"},
        {"sku": "API-3", "brand": "Fern", "tags": ["new", "blue"]},
        {"sku": "API-1", "url": "javascript:alert(1)"},
    ]
    results = post(client, "/products", headers, {"products": posted}).json["results"]
    assert [one["result"] for one in results] == [
        "updated",
        "refused",
        "refused",
        "inserted",
        "updated",
        "refused",
    ]
    assert "two decimals" in results[1]["reason"] and "title" in results[2]["reason"]
    lamp = client.get("/api/v1/products/API-1", headers=headers).json
    assert (lamp["price"], lamp["currency"], lamp["stock"], lamp["title"]) == ("19.90", "EUR", 3, "A lamp")
    again = post(client, "/products", headers, {"products": [{"sku": "API-1", "stock": 3}]}).json["results"]
    assert again[0]["result"] == "unchanged"
    unknown = client.put("/api/v1/products/API-1", json={"stock": None}, headers=headers)
    assert unknown.json["result"] == "updated"
    found = client.get("/api/v1/products?search=a lam", headers=headers).json
    assert [one["sku"] for one in found["products"]] == ["API-1"] and found["next"] is None
    page = client.get("/api/v1/products?size=2", headers=headers).json
    assert len(page["products"]) == 2 and page["next"] == page["products"][1]["sku"]


def test_what_comes_back_is_taken_off_once_and_never_more_than_was_bought(
    client: Any, story: Story, may: Callable[..., Headers]
) -> None:
    headers = may("events")
    with story.runtime.db.transaction() as session:
        order = session.execute(
            text(
                "select l.order_id, p.sku, l.quantity, l.id from order_lines l join products p on p.id = l.product_id"
                " order by l.id limit 1"
            )
        ).one()
    one = {
        "id": "r-1",
        "order_id": order.order_id,
        "sku": order.sku,
        "quantity": 1,
        "returned_at": "2026-11-01T10:00:00Z",
    }
    bad = [
        {**one, "id": "r-2", "quantity": 10_000},
        {**one, "id": "r-3", "order_id": "nobody's"},
        {**one, "id": "r-4", "returned_at": "2199-01-01T00:00:00Z"},
    ]
    told = post(client, "/returns", headers, {"returns": [one, one, *bad]}).json
    assert (told["inserted"], told["unchanged"]) == (1, 1)
    assert {problem["where"] for problem in told["problems"]} == {"returns[2]", "returns[3]", "returns[4]"}
    assert post(client, "/returns", headers, {"returns": [one]}).json["unchanged"] == 1
    with story.runtime.db.transaction() as session:
        returned = session.scalar(text("select returned from order_lines where id = :id"), {"id": order.id})
    assert returned == 1


# Recommendations


def customer(story: Story, consents: bool) -> str:
    found = (
        "select c.external_id from customers c where c.erased_at is null and "
        f"{'' if consents else 'not '}exists (select 1 from consent_states s where s.customer_id = c.id"
        " and s.purpose = 'profiling' and s.granted)"
        " and exists (select 1 from order_lines o where o.customer_id = c.id) order by c.id limit 1"
    )
    with story.runtime.db.transaction() as session:
        return str(session.execute(text(found)).scalar_one())


def test_recommendations_keep_to_consent_and_to_the_page(
    client: Any, story: Story, may: Callable[..., Headers]
) -> None:
    headers = may("recommend")

    def asked(**query: str) -> Any:
        return client.get("/api/v1/recommendations", query_string={"n": "3", **query}, headers=headers)

    own = asked(customer=customer(story, True))
    assert (own.json["basis"], own.json["personal"]) == ("profile", True)
    assert own.headers["Cache-Control"].startswith("private") and "Authorization" in own.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in own.headers
    plain, visitor = asked(customer=customer(story, False)), asked()
    assert (plain.json["basis"], plain.json["personal"]) == ("no_consent_to_profiling", False)
    skus = [one["sku"] for one in visitor.json["recommendations"]]
    assert [one["sku"] for one in plain.json["recommendations"]] == skus, "best-sellers, the same for all"
    assert all(
        one["reason"] == "best_seller" and one["why"] and one["title"]
        for one in visitor.json["recommendations"]
    )
    cart = asked(cart=skus[0], without=skus[1])
    assert not {skus[0], skus[1]} & {one["sku"] for one in cart.json["recommendations"]}
    similar = asked(similar=skus[0])
    assert similar.json["basis"] == "product" and skus[0] not in {
        one["sku"] for one in similar.json["recommendations"]
    }
    assert asked(similar="nothing").status_code == asked(customer="nobody").status_code == 404


def test_a_browser_asks_with_a_token_from_the_shops_own_pages_alone(
    story: Story, may: Callable[..., Headers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story.runtime.settings, "shop_origins", "https://shop.example")
    app: Flask = create_app(story.runtime)
    client = app.test_client()
    key = may("recommend")
    token = post(
        client, "/recommendations/tokens", key, {"customer": customer(story, True), "seconds": 60}
    ).json["token"]
    headers = {"Authorization": f"Bearer {token}", "Origin": "https://shop.example"}
    path = "/api/v1/recommendations/mine?n=2"
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200 and answer.json and answer.json["personal"]
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    before = client.options(
        path, headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    )
    assert before.headers["Access-Control-Allow-Headers"] == "Authorization"
    elsewhere = client.get(path, headers={**headers, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in elsewhere.headers
    assert client.get("/api/v1/campaigns", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get(path, headers=key).status_code == 401, "a key is no token"
    assert client.get(path, headers={"Authorization": f"Bearer {token[:-2]}AA"}).status_code == 401
    flow = story.runtime.recommending
    monkeypatch.setattr(flow, "_clock", FixedClock(story.runtime.clock.now() + timedelta(minutes=2)))
    assert client.get(path, headers=headers).status_code == 401, "its time is over"


# Drafts


def test_a_campaign_is_made_from_json_or_a_form_and_changed_section_by_section(
    client: Any, story: Story, may: Callable[..., Headers]
) -> None:
    headers = may("write", "read")
    wanted = description("By a program")
    pictures = {name: picture(colour) for name, colour in COLOURS.items()}
    coded = {name: base64.b64encode(content).decode() for name, content in pictures.items()}
    made = post(client, "/campaigns", headers, {"campaign": wanted, "files": coded})
    assert made.status_code == 201, made.json
    form = {"campaign": json.dumps({**wanted, "name": "By a form"})}
    files = {name: (BytesIO(content), name) for name, content in pictures.items()}
    by_form = client.post("/api/v1/campaigns", data={**form, **files}, headers=headers)
    assert by_form.status_code == 201, by_form.json
    bad = post(client, "/campaigns", headers, {"campaign": {"name": "x", "template": "y"}})
    assert bad.status_code == 400 and "sender" in bad.json["detail"]
    path = f"/api/v1/campaigns/{made.json['id']}/sections/picks"
    seen = client.get(path, headers=headers)
    tag = {"If-Match": seen.headers["ETag"]}
    value = {**seen.json["value"]}
    first = client.put(path, json={"value": value}, headers=headers | tag)
    assert first.status_code == 200 and first.headers["ETag"] != seen.headers["ETag"]
    late = client.put(path, json={"value": value}, headers=headers | tag)
    assert late.status_code == 412
    assert client.put(path, json={"value": value}, headers=headers).status_code == 200, (
        "nobody asked to be careful"
    )
    with story.runtime.db.transaction() as session:
        by = session.scalar(text("select changed_by from campaigns where id = :id"), {"id": made.json["id"]})
    assert by == "api:program 0"
    page = client.get("/api/v1/campaigns?size=1&search=By a", headers=headers).json
    assert page["campaigns"][0]["name"] == "By a form" and page["next"] == by_form.json["id"]


def test_everything_a_key_does_is_in_the_audit_log_under_its_name(
    client: Any, story: Story, may: Callable[..., Headers]
) -> None:
    headers = may("write", "send", "admin", "read")
    copy = post(client, f"/campaigns/{story.draft}/copy", headers).json["id"]
    assert post(client, f"/campaigns/{copy}/approve", headers).json["status"] == "approved"
    assert post(client, f"/campaigns/{copy}/reopen", headers).json["status"] == "draft"
    assert (
        post(client, f"/campaigns/{copy}/cancel", headers, {"why": "only a test"}).json["status"]
        == "cancelled"
    )
    entries = client.get(f"/api/v1/audit?subject=campaign {copy}", headers=headers).json["entries"]
    assert {entry["by"] for entry in entries} == {"api:program 0"}
    assert {"campaign.created", "campaign.approved", "campaign.cancelled"} <= {
        entry["action"] for entry in entries
    }


def test_old_keys_have_no_new_power(story: Story, client: Any, may: Callable[..., Headers]) -> None:
    """A key from before scopes were many keeps what it had."""
    headers = may("read", "write", "privacy")
    with story.runtime.db.transaction() as session:
        row = session.query(ApiKey).one()
        row.hint, row.created_by = "", ""
    assert client.get("/api/v1/campaigns", headers=headers).status_code == 200
    assert post(client, f"/campaigns/{story.draft}/approve", headers).status_code == 403

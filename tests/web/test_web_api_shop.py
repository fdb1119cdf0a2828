"""Orders, views and carts through the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from web_story import Story

from campaigns.models import ConsentState, Customer, OrderLine, Product, Signal
from web.api.events import MOST_EVENTS
from web.api.orders import MOST_ORDERS


@pytest.fixture
def headers(story: Story) -> Iterator[dict[str, str]]:
    """A key that may write; what was posted with it is gone afterwards."""
    yield {"Authorization": f"Bearer {story.runtime.api_keys.create('a shop', ['write'])}"}
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from api_keys"))
        session.execute(text("delete from signals where key like 'api-%'"))
        session.execute(text("delete from order_lines where order_id like 'api-%'"))


@pytest.fixture
def who(story: Story) -> str:
    """The external id of somebody who consented to profiling."""
    with story.runtime.db.transaction() as session:
        granted = select(Customer.external_id).join(ConsentState, ConsentState.customer_id == Customer.id)
        return session.scalars(
            granted.where(ConsentState.purpose == "profiling", ConsentState.granted).order_by(Customer.id)
        ).first() or pytest.fail("nobody consented")


@pytest.fixture
def skus(story: Story) -> list[str]:
    with story.runtime.db.transaction() as session:
        return list(session.scalars(select(Product.sku).order_by(Product.id).limit(3)))


def ordered(number: str, who: str, *lines: dict[str, Any], at: str = "") -> dict[str, Any]:
    return {
        "order_id": number,
        "customer_id": who,
        "ordered_at": at or datetime.now(UTC).isoformat(),
        "lines": list(lines),
    }


def event(number: str, kind: str, who: str, sku: str) -> dict[str, str]:
    return {"id": number, "kind": kind, "customer_id": who, "sku": sku, "at": datetime.now(UTC).isoformat()}


def test_orders_are_kept_once_and_corrected_when_they_change(
    client: Any, story: Story, headers: dict[str, str], who: str, skus: list[str]
) -> None:
    at = "2026-11-01T10:00:00+01:00"
    lines: list[dict[str, Any]] = [{"sku": skus[0], "quantity": 2, "unit_price": "19.90"}, {"sku": skus[1]}]
    post = {"orders": [ordered("api-1", who, *lines, at=at)]}
    answers = [client.post("/api/v1/orders", json=post, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json["inserted"] for answer in answers] == [2, 0]
    assert answers[1].json == {"inserted": 0, "updated": 0, "unchanged": 2, "problems": []}
    lines[0]["quantity"] = 3
    changed = client.post(
        "/api/v1/orders", json={"orders": [ordered("api-1", who, *lines, at=at)]}, headers=headers
    )
    assert (changed.json["updated"], changed.json["unchanged"]) == (1, 1)
    with story.runtime.db.transaction() as session:
        kept = session.scalars(
            select(OrderLine).where(OrderLine.order_id == "api-1").order_by(OrderLine.product_id)
        ).all()
    assert [(row.quantity, str(row.unit_price)) for row in kept] == [(3, "19.90"), (1, "None")]
    assert {row.ordered_at.astimezone(UTC).hour for row in kept} == {9}


def test_bad_rows_are_named_by_their_place(
    client: Any, headers: dict[str, str], who: str, skus: list[str]
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    post = {
        "orders": [
            ordered("api-2", "nobody", {"sku": skus[0]}),
            ordered("api-3", who, {"sku": skus[0]}, {"sku": "nothing"}),
            ordered("api-4", who, {"sku": skus[0]}, at=tomorrow),
        ]
    }
    answer = client.post("/api/v1/orders", json=post, headers=headers)
    assert (answer.status_code, answer.json["inserted"]) == (200, 1)
    assert {problem["where"]: problem["reason"] for problem in answer.json["problems"]} == {
        "orders[0]": 'customer_id "nobody" is not known; import the customer first',
        "orders[1].lines[1]": 'sku "nothing" is not known; import its product first',
        "orders[2]": "ordered_at is in the future",
    }


def test_events_are_kept_once_and_never_without_consent(
    client: Any, story: Story, headers: dict[str, str], who: str, skus: list[str]
) -> None:
    with story.runtime.db.transaction() as session:
        granted = select(ConsentState.customer_id).where(
            ConsentState.purpose == "profiling", ConsentState.granted
        )
        other = session.scalars(select(Customer.external_id).where(Customer.id.not_in(granted))).first()
    post = {
        "events": [
            event("api-1", "view", who, skus[0]),
            event("api-2", "cart", who, skus[1]),
            event("api-3", "uncart", who, skus[1]),
            event("api-4", "cart", str(other), skus[1]),
            event("api-5", "cart", who, "nothing"),
        ]
    }
    first, again = (client.post("/api/v1/events", json=post, headers=headers) for _ in range(2))
    assert (first.json["inserted"], first.json["unchanged"], first.json["not_kept"]) == (3, 0, 1)
    assert [problem["where"] for problem in first.json["problems"]] == ["events[4]"]
    assert (again.json["inserted"], again.json["unchanged"]) == (0, 3)
    with story.runtime.db.transaction() as session:
        kept = session.execute(select(Signal.key, Signal.kind).where(Signal.key.like("api-%"))).all()
    assert sorted(map(tuple, kept)) == [("api-1", "view"), ("api-2", "cart"), ("api-3", "uncart")]


@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/events"])
def test_only_a_key_that_may_write_tells_anything(client: Any, story: Story, path: str) -> None:
    assert client.post(path, json={}).status_code == 401
    reader = {"Authorization": f"Bearer {story.runtime.api_keys.create('a reader', ['read', 'privacy'])}"}
    assert client.post(path, json={}, headers=reader).status_code == 403
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from api_keys"))


def test_what_does_not_fit_is_refused_as_a_whole_and_named(
    client: Any, headers: dict[str, str], who: str, skus: list[str]
) -> None:
    good = ordered("api-6", who, {"sku": skus[0]})
    bad: list[tuple[str, dict[str, Any], str]] = [
        ("orders", {"orders": []}, "orders"),
        ("orders", {"orders": [good] * (MOST_ORDERS + 1)}, "orders"),
        ("orders", {"orders": [good, {**good, "lines": []}]}, "orders.1.lines"),
        (
            "orders",
            {"orders": [{**good, "lines": [{"sku": skus[0], "quantity": 0}]}]},
            "orders.0.lines.0.quantity",
        ),
        ("orders", {"orders": [{**good, "ordered_at": "2026-11-01T10:00:00"}]}, "orders.0.ordered_at"),
        ("orders", {"orders": [{**good, "coupon": "x"}]}, "orders.0.coupon"),
        ("events", {"events": [event("api-7", "bought", who, skus[0])]}, "events.0.kind"),
        ("events", {"events": [event("api-7", "view", who, skus[0])] * (MOST_EVENTS + 1)}, "events"),
    ]
    for path, body, field in bad:
        answer = client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == 422, body
        assert list(answer.json["fields"]) == [field]


def test_a_body_that_is_too_large_is_refused(app: Flask, headers: dict[str, str]) -> None:
    app.extensions["tailormail-api"].config["MAX_CONTENT_LENGTH"] = 1000
    body = b'{"orders": ["' + b"a" * 1000 + b'"]}'
    answer = app.test_client().post(
        "/api/v1/orders", data=body, headers=headers | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


def test_they_are_described(client: Any) -> None:
    paths = client.get("/api/v1/openapi.json").json["paths"]
    for path in ("/orders", "/events"):
        assert {"200", "401", "403", "413", "422", "429", "503"} <= set(paths[path]["post"]["responses"])

"""Models, catalogue and histories in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, outdoor_catalogue, outdoor_lines
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from campaigns.models import Customer, OrderLine, Product, RecommenderModelRow
from campaigns.recommend import bulk
from campaigns.recommend.interactions import load_interactions, share_within
from campaigns.recommend.model import train
from campaigns.recommend.recommender import Recommender
from campaigns.recommend.storage import load_active, load_catalogue, load_histories
from campaigns.recommend.versions import keep_model


def fill(session: Session) -> tuple[list[int], dict[str, int]]:
    """The outdoor shop; returns customer ids by number and product ids by sku."""
    catalogue = outdoor_catalogue()
    lines = outdoor_lines()
    products = session.execute(
        insert(Product).returning(Product.sku, Product.id),
        [
            {"sku": p.sku, "title": p.title, "category": p.category, "price": p.price, "currency": "EUR",
             "stock": p.stock, "tags": ["outdoor"]}
            for p in catalogue.values()
        ],
    ).all()  # fmt: skip
    by_sku = {row.sku: row.id for row in products}
    people = add_customers(session, sorted({customer for customer, _, _ in lines}))
    session.execute(
        insert(OrderLine),
        [
            {"order_id": f"O{customer}-{n}", "customer_id": people[customer], "product_id": by_sku[f"S{key}"],
             "quantity": 1, "ordered_at": TODAY - timedelta(days=ago)}
            for n, (customer, key, ago) in enumerate(lines)
        ],
    )  # fmt: skip
    return people, by_sku


def add_customers(session: Session, numbers: Sequence[int]) -> list[int]:
    rows = [{"external_id": f"C{number:05}"} for number in numbers]
    session.execute(insert(Customer), rows)
    return list(session.scalars(select(Customer.id).order_by(Customer.external_id)))


def test_orders_come_back_as_they_went_in(session: Session) -> None:
    people, by_sku = fill(session)
    loaded = load_interactions(session)
    key_of = {key: int(sku[1:]) for sku, key in by_sku.items()}
    number_of = {key: number for number, key in enumerate(people)}
    got = sorted(
        (number_of[int(loaded.customer_ids[c])], key_of[int(loaded.catalogue.ids[p])], float(day))
        for c, p, day in zip(loaded.customer, loaded.product, loaded.day, strict=True)
    )
    today = TODAY.timestamp() / 86400
    sent = sorted((c, p, today - ago) for c, p, ago in outdoor_lines())
    assert [row[:2] for row in got] == [row[:2] for row in sent]
    assert [row[2] for row in got] == pytest.approx([row[2] for row in sent], abs=1e-6)
    assert len(np.unique(loaded.order)) == len(outdoor_lines())
    assert loaded.catalogue.texts[0].startswith("Ridge Tent Camping")


def test_until_leaves_later_orders_out(session: Session) -> None:
    fill(session)
    moment = TODAY - timedelta(days=60)
    expected = sum(ago > 60 for _, _, ago in outdoor_lines())
    assert len(load_interactions(session, until=moment).day) == expected


def test_a_sample_has_all_lines_of_some_customers_and_always_the_same(session: Session) -> None:
    fill(session)
    every, few = load_interactions(session), load_interactions(session, share=300)
    again = load_interactions(session, share=300)
    assert 0 < len(few.customer_ids) < len(every.customer_ids) / 2
    np.testing.assert_array_equal(few.customer_ids, again.customer_ids)
    theirs = every.lines(np.isin(every.customer_ids[every.customer], few.customer_ids))
    np.testing.assert_array_equal(np.sort(few.day), np.sort(theirs.day))
    assert set(few.customer_ids) < set(load_interactions(session, share=600).customer_ids)
    assert len(load_interactions(session, share=1024).day) == len(every.day)


def test_of_a_small_shop_no_sample_is_needed(session: Session) -> None:
    lines = len(outdoor_lines())
    fill(session)
    assert share_within(session, lines) is None
    assert share_within(session, lines // 2) == pytest.approx(512, abs=1)
    assert share_within(session, 0) == 1, "never nobody"


@given(data=st.data(), at_once=st.integers(1, 3000), rows=st.integers(0, 200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_the_same_however_they_arrive(
    monkeypatch: pytest.MonkeyPatch, data: st.DataObject, at_once: int, rows: int
) -> None:
    # PostgreSQL sends a message for each row today; nothing promises that.
    kind = np.dtype([("n", ">i4"), ("half", ">f8")])
    sent = np.array([(n, n / 2) for n in range(rows)], kind)
    payload = b"h" * bulk._HEADER_BYTES + sent.tobytes() + b"tt"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=30)))
    blocks = [payload[start:end] for start, end in pairwise([0, *cuts, len(payload)])]
    monkeypatch.setattr(bulk, "_AT_ONCE_BYTES", at_once)
    np.testing.assert_array_equal(np.concatenate(list(bulk._rows_of(blocks, kind))), sent)


def test_numbers_of_all_kinds_come_back(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_AT_ONCE_BYTES", 4096)
    query = "select n::int8 as n, mod(n, 7)::int4 as rest, n / 8.0::float8 as eighth from generate_series(0, %(most)s) n"
    rows = bulk.read_columns(session, query, {"most": 5000}, {"n": "i8", "rest": "i4", "eighth": "f8"})
    n = np.arange(5001)
    for name, expected in (("n", n), ("rest", n % 7), ("eighth", n / 8)):
        np.testing.assert_array_equal(rows[name], expected)
    none = bulk.read_columns(session, query, {"most": -1}, {"n": "i8", "rest": "i4", "eighth": "f8"})
    assert len(none) == 0 and none.dtype.names == ("n", "rest", "eighth")


def test_an_erased_customer_teaches_nothing(session: Session) -> None:
    people, _ = fill(session)
    before = load_interactions(session)
    session.execute(text("update customers set erased_at = now() where id = :id"), {"id": people[0]})
    after = load_interactions(session)
    assert people[0] in before.customer_ids
    assert people[0] not in after.customer_ids


def test_an_empty_database_gives_empty_arrays(session: Session) -> None:
    loaded = load_interactions(session)
    assert (len(loaded.day), len(loaded.catalogue.ids)) == (0, 0)
    assert load_active(session) is None
    assert load_catalogue(session) == {}
    assert load_histories(session, [], []) == []
    assert keep_model(session, train(loaded, TODAY), use=True) > 0


def test_the_newest_model_is_the_active_one(session: Session) -> None:
    fill(session)
    interactions = load_interactions(session)
    first = keep_model(session, train(interactions, TODAY), use=True)
    later = train(interactions, TODAY + timedelta(days=1))
    second = keep_model(session, later, use=True)
    loaded = load_active(session)
    assert loaded is not None
    assert second > first
    assert loaded.meta == later.meta
    np.testing.assert_array_equal(loaded.weights, later.weights)
    active = select(func.count()).where(RecommenderModelRow.active)
    assert session.scalar(active) == 1


def test_an_unreadable_model_counts_as_none(session: Session) -> None:
    session.add(RecommenderModelRow(active=True, blob=b"from the future", meta={}))
    session.flush()
    assert load_active(session) is None


def test_histories_in_order_and_nothing_read_without_consent(session: Session) -> None:
    people, by_sku = fill(session)
    asked = [people[5], people[2], people[3], 10**12]
    histories = load_histories(session, asked, [True, False, True, True], now=TODAY)
    assert [(h.customer_id, h.personal) for h in histories] == list(
        zip(asked, [True, False, True, True], strict=True)
    )
    bought = {by_sku[f"S{key}"]: ago for customer, key, ago in outdoor_lines() if customer == 5}
    assert set(histories[0].products.tolist()) == set(bought)
    newest = {
        key: min(ago for c, k, ago in outdoor_lines() if c == 5 and by_sku[f"S{k}"] == key) for key in bought
    }
    for key, ago in zip(histories[0].products.tolist(), histories[0].days_ago.tolist(), strict=True):
        assert ago == pytest.approx(newest[key], abs=1e-4)
    assert len(histories[1].products) == 0
    assert len(histories[2].products) > 0
    assert len(histories[3].products) == 0


def test_unknown_stock_is_plenty_and_no_price_is_not_for_sale(session: Session) -> None:
    session.execute(
        insert(Product),
        [
            {"sku": "plenty", "title": "Plenty", "price": Decimal("9.90"), "stock": None},
            {"sku": "priceless", "title": "Priceless", "price": None, "stock": 3},
            {"sku": "gone", "title": "Gone", "price": Decimal(1), "stock": 0},
        ],
    )
    by_sku = {facts.sku: facts for facts in load_catalogue(session).values()}
    assert by_sku["plenty"].stock > 1000
    assert by_sku["plenty"].price == Decimal("9.90")
    assert by_sku["priceless"].stock == 0
    assert by_sku["gone"].stock == 0


def test_from_the_database_to_picks(session: Session) -> None:
    people, _ = fill(session)
    keep_model(session, train(load_interactions(session), TODAY), use=True)
    model = load_active(session)
    assert model is not None
    recommender = Recommender(model, load_catalogue(session))
    for picks in recommender.pick_batch(load_histories(session, people, [True] * len(people), TODAY), 4):
        assert len(picks) == 4

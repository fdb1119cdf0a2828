"""Training: a new model is used only where it is not worse, only where something is new, and one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select, text, update

from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.core.errors import NotFound, Refused
from campaigns.flows.sending.picking import Picker
from campaigns.flows.shop import training as training_flow
from campaigns.flows.shop.training import Training
from campaigns.models import Customer, OrderLine, Product, RecommenderModelRow
from campaigns.recommend.interactions import load_interactions
from campaigns.recommend.learning import BEST_SELLERS, Learned
from campaigns.recommend.model import RecommenderModel, train
from campaigns.recommend.storage import load_active
from campaigns.recommend.versions import KEPT, keep_model
from tests.shop import Command

NOW = datetime(2025, 3, 1, tzinfo=UTC)
WORLDS, IN_WORLD, MANY = 3, 6, 360


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def training(db: Database, clock: FixedClock) -> Iterator[Training]:
    """On an empty shop; it does not tune."""
    yield Training(db, clock)


def add_products(db: Database) -> list[int]:
    rows = [
        {"sku": f"S{n}", "title": f"a usual thing{n}", "stock": 9, "price": 1, "currency": "EUR"}
        for n in range(WORLDS * IN_WORLD)
    ]  # fmt: skip
    with db.transaction() as session:
        return list(session.scalars(insert(Product).returning(Product.id), rows))


def add_orders(db: Database, products: list[int], customers: int, first: int = 0) -> None:
    """Customers who keep to one world; each buys of it three times long ago, and once lately."""
    rng = np.random.default_rng(first)
    names = [{"external_id": f"C{n}", "locale": "en"} for n in range(first, first + customers)]
    with db.transaction() as session:
        people = list(session.scalars(insert(Customer).returning(Customer.id), names))
        session.execute(
            insert(OrderLine),
            [
                {"order_id": f"O{person}-{n}", "customer_id": person, "product_id": products[own], "quantity": 1,
                 "ordered_at": NOW - timedelta(days=ago)}
                for place, person in enumerate(people)
                for n, (own, ago) in enumerate(
                    zip(place % WORLDS * IN_WORLD + rng.permutation(IN_WORLD)[:4], (400, 300, 200, 10), strict=True)
                )
            ],
        )  # fmt: skip


def rows_of(db: Database) -> list[tuple[int, bool]]:
    with db.transaction() as session:
        return [
            (row.id, row.active)
            for row in session.execute(
                select(RecommenderModelRow.id, RecommenderModelRow.active).order_by(RecommenderModelRow.id)
            )
        ]


def active_model(db: Database) -> RecommenderModel:
    with db.transaction() as session:
        model = load_active(session)
    assert model
    return model


def test_taste_that_is_proven_is_used_and_written_down(db: Database, training: Training) -> None:
    add_orders(db, add_products(db), MANY)
    trained = training.run()
    assert trained.outcome == "used"
    assert "best-sellers" in trained.verdict
    meta = training.versions()[0].meta
    assert meta["check"]["ndcg@10"] > meta["check"]["best_sellers_ndcg@10"]
    assert meta["check"]["above_best_sellers"]["low"] > 0
    assert meta["method"] != BEST_SELLERS and meta["lines"] == 4 * MANY
    assert meta["settings"] and meta["verdict"] == trained.verdict
    assert (active_model(db).weights > 0).any()


def test_thin_data_get_best_sellers_and_say_so(db: Database, training: Training) -> None:
    add_orders(db, add_products(db), 9)
    trained = training.run()
    assert trained.outcome == "used" and trained.meta["method"] == BEST_SELLERS
    assert "the data are thin: only 6 customers" in trained.verdict
    model = active_model(db)
    assert not model.weights.any() and not model.trend.any() and model.buyers.any()
    assert model.area_favourites("GB") is None
    with db.transaction() as session:
        person = session.scalars(select(Customer.id)).first()
    assert person
    picks = Picker(db).pick({person: True}, 3)[1][person]
    assert len(picks) == 3, "there is something to show all the same"
    assert {pick.reason.kind for pick in picks} <= {"best_seller", "from_our_shop"}


def test_a_shop_without_orders_keeps_what_its_texts_say(db: Database, training: Training) -> None:
    add_products(db)
    assert training.run().verdict == "there are no orders to check it on yet"
    assert (active_model(db).weights > 0).any()


def test_nothing_new_trains_nothing(db: Database, training: Training, clock: FixedClock) -> None:
    products = add_products(db)
    add_orders(db, products, 30)
    first = training.run()
    assert training.is_current()
    again = training.run()
    assert (again.outcome, again.model_id) == ("nothing_new", first.model_id)
    assert len(rows_of(db)) == 1
    add_orders(db, products, 3, first=100)
    assert not training.is_current()
    assert training.run().outcome == "used"
    clock.moment += timedelta(days=2)
    assert training.run().outcome != "nothing_new", "the trend of two days ago is stale"
    assert training.run(anew=True).outcome != "nothing_new"


def test_an_erased_customer_makes_it_new(db: Database, training: Training) -> None:
    add_orders(db, add_products(db), 30)
    training.run()
    with db.transaction() as session:
        session.execute(update(Customer).where(Customer.external_id == "C1").values(erased_at=NOW))
    assert training.run().meta["customers"] == 29


def add_noise(db: Database, products: list[int], customers: int) -> None:
    """Customers of long ago who bought across the worlds, such as an import gone wrong leaves."""
    rng = np.random.default_rng(1)
    names = [{"external_id": f"N{n}"} for n in range(customers)]
    with db.transaction() as session:
        people = list(session.scalars(insert(Customer).returning(Customer.id), names))
        session.execute(
            insert(OrderLine),
            [
                {"order_id": f"N{person}", "customer_id": person, "product_id": products[own], "quantity": 1,
                 "ordered_at": NOW - timedelta(days=45 + place % 95)}
                for place, person in enumerate(people)
                for own in rng.choice(len(products) // 2, 3, replace=False) * 2 + place % 2
            ],
        )  # fmt: skip


def test_a_model_that_does_worse_is_kept_and_not_used(
    db: Database, training: Training, clock: FixedClock
) -> None:
    products = add_products(db)
    add_orders(db, products, MANY)
    clock.moment = NOW - timedelta(days=150)
    good = training.run()
    assert good.outcome == "used"
    clock.moment = NOW
    add_noise(db, products, 600)
    bad = training.run()
    assert bad.outcome == "kept"
    assert f"it does worse than model {good.model_id}, which stays in use" in bad.verdict
    assert rows_of(db) == [(good.model_id, True), (bad.model_id, False)]
    assert training.versions()[0].meta["check"]["above_in_use"]["high"] < 0
    assert training.run().outcome == "nothing_new", "the same orders would only be as bad again"
    with db.transaction() as session:
        session.execute(text("delete from order_lines where order_id like 'N%'"))
    assert training.run().outcome == "used", "without them the new one is as good"


def test_a_model_that_finishes_late_does_not_push_a_newer_one_out(
    db: Database, training: Training, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = add_products(db)
    add_orders(db, products, 30)
    honest = training_flow.learn
    newer = []

    def overtaken(*arguments: object) -> Learned:
        assert db.engine.pool.checkedout() == 0, "a connection is held through minutes of arithmetic"  # type: ignore[attr-defined]
        learned = honest(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(training_flow, "learn", honest)
        clock.moment += timedelta(minutes=1)
        newer.append(training.run())
        return learned

    monkeypatch.setattr(training_flow, "learn", overtaken)
    late = training.run()
    assert newer[0].outcome == "used"
    assert late.outcome == "kept" and "another training finished meanwhile" in late.verdict
    assert (newer[0].model_id, True) in rows_of(db) and (late.model_id, False) in rows_of(db)


def test_old_models_go_and_the_one_in_use_stays(db: Database, training: Training) -> None:
    add_orders(db, add_products(db), 9)
    first = training.run().model_id
    later = [training.run(anew=True).model_id for _ in range(KEPT)]
    assert [number for number, _ in rows_of(db)] == later
    assert training.use(later[0]).in_use
    with pytest.raises(NotFound, match=f"no model {first}; kept are: {later[-1]}"):
        training.use(first)
    for _ in range(KEPT):
        keep_another(db)
    assert (later[0], True) in rows_of(db) and len(rows_of(db)) == KEPT + 1


def keep_another(db: Database) -> None:
    with db.transaction() as session:
        model = load_active(session)
        assert model
        keep_model(session, model, use=False)


def test_a_damaged_model_is_not_put_into_use(db: Database, training: Training) -> None:
    add_orders(db, add_products(db), 9)
    first = training.run().model_id
    with db.transaction() as session:
        session.add(RecommenderModelRow(active=False, blob=b"nonsense", meta={}))
    damaged = training.versions()[0].id
    with pytest.raises(Refused, match="damaged"):
        training.use(damaged)
    assert (first, True) in rows_of(db)


def test_a_model_that_cannot_be_read_is_replaced(db: Database, training: Training) -> None:
    add_orders(db, add_products(db), MANY)
    first = training.run().model_id
    with db.transaction() as session:
        session.execute(update(RecommenderModelRow).values(blob=b"of another version"))
    second = training.run()
    assert second.outcome == "used" and second.model_id > first
    assert (active_model(db).weights > 0).any()


def test_tuning_is_repeated_only_when_it_is_due(db: Database, clock: FixedClock) -> None:
    training = Training(db, clock, tuning_seconds=0.2)
    products = add_products(db)
    add_orders(db, products, MANY)
    first = training.run()
    assert first.meta["tuned"] is True
    add_orders(db, products, 5, first=500)
    second = training.run()
    assert second.meta["tuned"] is False, "5 customers among so many change little"
    assert second.meta["settings"] == first.meta["settings"]
    assert second.meta["tuned_at"] == first.meta["tuned_at"] == NOW.isoformat()
    add_orders(db, products, 80, first=600)
    assert training.run().meta["tuned"] is True, "a fifth more orders"
    clock.moment += timedelta(days=15)
    assert training.run().meta["tuned"] is True, "two weeks have gone by"


def test_a_model_from_before_checks_is_replaced_by_one_that_is_checked(
    db: Database, training: Training
) -> None:
    add_orders(db, add_products(db), MANY)
    with db.transaction() as session:
        old = keep_model(session, train(load_interactions(session), NOW - timedelta(days=1)), use=True)
    new = training.run()
    assert new.outcome == "used" and rows_of(db) == [(old, False), (new.model_id, True)]
    assert "the model before" in new.verdict


def test_the_commands_train_list_choose_and_evaluate(
    db: Database, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILORMAIL_TRAINING_SECONDS", "0")
    add_orders(db, add_products(db), MANY)
    with db.transaction() as session:
        session.execute(text("update order_lines set ordered_at = ordered_at + (now() - :now)"), {"now": NOW})
    status, out, _ = command("train", "--json")
    trained = json.loads(out)
    assert status == 0 and trained["outcome"] == "used" and trained["check"]["customers"] == MANY
    status, out, _ = command("train")
    assert (status, out) == (
        0,
        f"model {trained['model']} stays in use: nothing new since the last training\n",
    )
    anew = json.loads(command("train", "--anew", "--json")[1])
    assert [m["in_use"] for m in json.loads(command("models", "--json")[1])] == [True, False]
    assert command("train", "--use", trained["model"])[1] == f"model {trained['model']} is in use\n"
    out = command("models")[1]
    assert f"{anew['model']} " in out and "in use" in out and "kept" in out
    assert command("train", "--use", 10**9)[0] == 1
    assert command("train", "--use", 1, "--anew")[0] == 2
    assert_evaluates(command)


def assert_evaluates(command: Command) -> None:
    status, out, _ = command("evaluate", "--split", "last-order", "--json")
    found = json.loads(out)
    assert status == 0 and found["discover"]["ours"]["customers"] == MANY
    status, out, _ = command("evaluate", "--split", "last-order")
    assert status == 0 and out.startswith("* The data suffice")
    for row in ("ours", "best sellers", "recent favourites", "TF-IDF", "BM25", "iALS", "EASE"):
        assert f"\n{row} " in out, row
    for arguments, told in (
        (("--cut", "yesterday"), "--cut: 'yesterday' is not a date; write it like"),
        (("--cut", "1999-01-01"), "no orders before 1999-01-01 to learn from"),
        (("--days", "-1"), "--days: must be a number of days"),
        (("--split", "last-order", "--days", "3"), "--days: belongs to --split time"),
    ):
        status, _, err = command("evaluate", *arguments)
        assert status == 1 and told in err, arguments
    assert command("evaluate", "--split", "random")[0] == 2


def test_evaluating_an_empty_shop_is_refused_with_a_hint(db: Database, command: Command) -> None:
    status, _, err = command("evaluate")
    assert status == 1 and "no orders to evaluate on; run `tailormail import orders FILE`" in err
    assert command("models")[1].startswith("there is no model yet")

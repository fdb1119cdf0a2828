"""Orders, carts and clicks as they happen: they move the next mail at once, without training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, update

from campaigns.audience.posted import Landed
from campaigns.audience.posted_orders import PostedLine, PostedOrder
from campaigns.audience.posted_signals import KEPT, PostedSignal, keep_signals
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.jobs import RecordedJobs
from campaigns.flows.shop.shop_events import TRAINING_HINT_SECONDS
from campaigns.models import (
    Campaign,
    ConsentState,
    Customer,
    Event,
    OrderLine,
    Product,
    RecommenderModelRow,
    Send,
    Signal,
)
from campaigns.recommend.scoring import History
from campaigns.recommend.storage import load_histories
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import fill_shop, make_runtime
from tests.tables import empty_tables

PICKS = 6


@pytest.fixture(scope="module")
def live(
    servers: EmbeddedUrls,
    database: Database,
    sample: SampleFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runtime]:
    """The sample shop with a model that picks by taste, filled once; every test takes a customer of its own."""
    empty_tables(database)
    runtime = make_runtime(servers, tmp_path_factory.mktemp("live") / "data").start()
    fill_shop(runtime, sample)
    yield runtime
    runtime.close()
    empty_tables(database)


class Customers:
    """Profiled customers with purchases, each handed out once."""

    def __init__(self, runtime: Runtime) -> None:
        with runtime.db.transaction() as session:
            bought = select(OrderLine.customer_id).group_by(OrderLine.customer_id).having(func.count() > 3)
            found = (
                select(Customer.id, Customer.external_id)
                .join(ConsentState, ConsentState.customer_id == Customer.id)
                .where(ConsentState.purpose == "profiling", ConsentState.granted, Customer.id.in_(bought))
                .order_by(Customer.id)
            )
            self._waiting = [(number, name) for number, name in session.execute(found)]

    def next(self) -> tuple[int, str]:
        return self._waiting.pop()


@pytest.fixture(scope="module")
def customers(live: Runtime) -> Customers:
    return Customers(live)


def now() -> datetime:
    return datetime.now(UTC)


def picks(runtime: Runtime, customer_id: int, n: int = PICKS) -> list[str]:
    return [pick.product.sku for pick in runtime.picker.pick({customer_id: True}, n)[1][customer_id]]


def history(runtime: Runtime, customer_id: int) -> History:
    with runtime.db.transaction() as session:
        return load_histories(session, [customer_id], [True])[0]


def number_of(runtime: Runtime, sku: str) -> int:
    with runtime.db.transaction() as session:
        return session.scalars(select(Product.id).where(Product.sku == sku)).one()


def order(runtime: Runtime, number: str, customer: str, *skus: str) -> Landed:
    lines = [PostedLine(sku) for sku in skus]
    return runtime.shop_events.orders([PostedOrder(number, customer, now(), lines)])


def tell(
    runtime: Runtime, number: str, kind: str, customer: str, sku: str, at: datetime | None = None
) -> Landed:
    return runtime.shop_events.signals([PostedSignal(number, kind, customer, sku, at or now())])


def models(runtime: Runtime) -> int:
    with runtime.db.transaction() as session:
        return session.scalar(select(func.count()).select_from(RecommenderModelRow)) or 0


def test_what_was_ordered_a_moment_ago_is_gone_from_the_next_picks(
    live: Runtime, customers: Customers
) -> None:
    customer_id, name = customers.next()
    before, trained = picks(live, customer_id), models(live)
    assert order(live, "A-1", name, before[0]).inserted == 1
    after = picks(live, customer_id)
    assert before[0] not in after and len(after) == PICKS
    assert models(live) == trained, "nothing was trained for it"


def test_what_lies_in_the_cart_comes_first_until_it_is_taken_out(live: Runtime, customers: Customers) -> None:
    customer_id, name = customers.next()
    wanted = picks(live, customer_id, 40)[30]
    before = picks(live, customer_id)
    assert wanted not in before
    tell(live, "c-1", "cart", name, wanted)
    assert picks(live, customer_id)[0] == wanted
    assert history(live, customer_id).carted.tolist() == [number_of(live, wanted)]
    tell(live, "c-2", "uncart", name, wanted)
    assert picks(live, customer_id) == before


def test_what_goes_with_the_cart_rises(live: Runtime, customers: Customers) -> None:
    customer_id, name = customers.next()
    listed = picks(live, customer_id, 60)
    moved = 0
    for number, wanted in enumerate(listed[20:26]):
        tell(live, f"n-{number}", "cart", name, wanted)
        after = [sku for sku in picks(live, customer_id, 60) if sku != wanted]
        moved += after != [sku for sku in listed if sku != wanted][: len(after)]
        tell(live, f"m-{number}", "uncart", name, wanted)
    assert moved >= 4, "a cart says something of taste, and not only of itself"


def test_buying_empties_the_cart_and_answers_the_look(live: Runtime, customers: Customers) -> None:
    customer_id, name = customers.next()
    first, second = picks(live, customer_id, 40)[30:32]
    tell(live, "b-1", "cart", name, first, now() - timedelta(minutes=5))
    tell(live, "b-2", "view", name, second, now() - timedelta(minutes=5))
    told = history(live, customer_id)
    assert told.carted.tolist() == [number_of(live, first)]
    assert told.clicked.tolist() == [number_of(live, second)]
    order(live, "B-1", name, first, second)
    told = history(live, customer_id)
    assert (len(told.carted), len(told.clicked)) == (0, 0)


def test_old_carts_and_looks_say_nothing(live: Runtime, customers: Customers) -> None:
    customer_id, name = customers.next()
    sku = picks(live, customer_id)[0]
    tell(live, "o-1", "cart", name, sku, now() - timedelta(days=31))
    tell(live, "o-2", "view", name, sku, now() - timedelta(days=15))
    told = history(live, customer_id)
    assert (len(told.carted), len(told.clicked)) == (0, 0)


def test_the_same_posted_twice_changes_nothing(live: Runtime, customers: Customers) -> None:
    _, name = customers.next()
    skus = ["one", "two"]
    with live.db.transaction() as session:
        skus = list(session.scalars(select(Product.sku).order_by(Product.id).limit(2)))
    lines = [PostedLine(skus[0], 2), PostedLine(skus[0], 1), PostedLine(skus[1])]
    posted = [PostedOrder("T-1", name, now(), lines)]
    first, again = live.shop_events.orders(posted), live.shop_events.orders(posted)
    assert (first.inserted, first.unchanged) == (3, 0)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 3)
    corrected = [PostedOrder("T-1", name, posted[0].ordered_at, [PostedLine(skus[0], 5), *lines[1:]])]
    assert live.shop_events.orders(corrected).updated == 1
    events = [PostedSignal("t-1", "view", name, skus[0], now())] * 2
    assert [live.shop_events.signals(events).inserted for _ in range(2)] == [1, 0]


def test_what_cannot_be_kept_is_named_and_the_rest_lands(live: Runtime, customers: Customers) -> None:
    _, name = customers.next()
    with live.db.transaction() as session:
        sku = session.scalars(select(Product.sku).limit(1)).one()
    good, tomorrow = [PostedLine(sku)], now() + timedelta(days=2)
    landed = live.shop_events.orders(
        [
            PostedOrder("P-1", "nobody", now(), good),
            PostedOrder("P-2", name, tomorrow, good),
            PostedOrder("P-3", name, now(), [PostedLine("no\0thing"), *good]),
            PostedOrder("P-3", name, now(), good),
            PostedOrder("  ", name, now(), good),
            PostedOrder("P-4\0", name, now(), good),
            PostedOrder("P-5\ud800", name, now(), good),
        ]
    )
    assert landed.inserted == 1
    told = {problem.where: problem.reason for problem in landed.problems}
    assert sorted(told) == [f"orders[{n}]" for n in (0, 1)] + ["orders[2].lines[0]"] + [
        f"orders[{n}]" for n in (3, 4, 5, 6)
    ]
    assert told["orders[0]"] == 'customer_id "nobody" is not known; import the customer first'
    assert told["orders[1]"] == "ordered_at is in the future"
    assert "is not known; import its product first" in told["orders[2].lines[0]"]
    assert "twice" in told["orders[3]"] and "is empty" in told["orders[4]"]
    landed = live.shop_events.signals(
        [
            PostedSignal("p-1", "view", name, "nothing", now()),
            PostedSignal("p-2", "view", name, sku, now() - KEPT - timedelta(days=1)),
            PostedSignal("p-3", "view", name, sku, now() + timedelta(hours=1)),
            PostedSignal("p-4", "view", name, sku, now()),
        ]
    )
    assert landed.inserted == 1
    assert [problem.where for problem in landed.problems] == ["events[1]", "events[2]", "events[0]"]


def test_nothing_is_written_down_of_who_did_not_consent(live: Runtime, customers: Customers) -> None:
    customer_id, name = customers.next()
    sku = picks(live, customer_id)[0]
    assert tell(live, "w-1", "view", name, sku).inserted == 1
    with live.db.transaction() as session:
        state = update(ConsentState).where(
            ConsentState.customer_id == customer_id, ConsentState.purpose == "profiling"
        )
        session.execute(state.values(granted=False))
    landed = tell(live, "w-2", "cart", name, sku)
    assert (landed.inserted, landed.unwanted, landed.problems) == (0, 1, [])
    assert order(live, "W-1", name, sku).inserted == 1, "what was bought is kept in any case"
    live.retention.run()
    with live.db.transaction() as session:
        kept = session.scalar(
            select(func.count()).select_from(Signal).where(Signal.customer_id == customer_id)
        )
        told = load_histories(session, [customer_id], [False])[0]
    assert kept == 0, "what was there before the withdrawal goes too"
    assert (len(told.products), len(told.carted), told.country) == (0, 0, "")


def test_signals_are_forgotten_when_they_say_nothing_any_more(live: Runtime, customers: Customers) -> None:
    customer_id, name = customers.next()
    sku = picks(live, customer_id)[0]
    tell(live, "f-1", "view", name, sku, now() - timedelta(days=1))
    with live.db.transaction() as session:
        session.execute(
            insert(Signal).values(
                key="f-0", customer_id=customer_id, product_id=number_of(live, sku), kind="view",
                at=now() - KEPT - timedelta(hours=1),
            )
        )  # fmt: skip
    live.retention.run()
    with live.db.transaction() as session:
        kept = session.scalars(select(Signal.key).where(Signal.customer_id == customer_id)).all()
    assert kept == ["f-1"]


def test_orders_of_an_hour_are_one_hint_to_train(live: Runtime, customers: Customers) -> None:
    _, name = customers.next()
    jobs = live.jobs
    assert isinstance(jobs, RecordedJobs)
    with live.db.transaction() as session:
        skus = session.scalars(select(Product.sku).limit(5)).all()
    live.redis.flushdb()
    jobs.hints.clear()
    for number, sku in enumerate(skus):
        order(live, f"H-{number}", name, sku)
    order(live, "H-0", name, skus[0])
    assert jobs.hints == [("train", 0)]
    (key,) = live.redis.keys("training:*")
    assert TRAINING_HINT_SECONDS - 60 < live.redis.ttl(key) <= TRAINING_HINT_SECONDS
    live.redis.delete(key)
    order(live, "H-9", name, skus[1])
    assert jobs.hints == [("train", 0)] * 2


def mailed(runtime: Runtime, campaign_id: int, customer_id: int, ids: list[int], ago: timedelta) -> int:
    """As if a mail of a campaign had shown these products; returns the send's number."""
    rows = [[number, "best_seller", 0, "", 0] for number in ids]
    with runtime.db.transaction() as session:
        return session.execute(
            insert(Send)
            .values(
                campaign_id=campaign_id, customer_id=customer_id, status="sent", picks=rows,
                sent_at=now() - ago, personal=True,
            )
            .returning(Send.id)
        ).scalar_one()  # fmt: skip


def clicked(
    runtime: Runtime, campaign_id: int, send_id: int, customer_id: int, number: int, machine: bool
) -> None:
    with runtime.db.transaction() as session:
        session.execute(
            insert(Event).values(
                campaign_id=campaign_id, key=f"clicked:{send_id}:{number}:{machine}", name="clicked",
                send_id=send_id, customer_id=customer_id, at=now(), machine=machine,
                detail={"place": "pick", "number": number, "requester": "x"},
            )
        )  # fmt: skip


@pytest.fixture(scope="module")
def mailings(live: Runtime, sample: SampleFiles) -> list[int]:
    """Campaigns that are on their way, by number; the sends of each are made by the tests."""
    numbers = [live.campaigns.create_from_file(sample.campaign) for _ in range(4)]
    with live.db.transaction() as session:
        begun = update(Campaign).where(Campaign.id.in_(numbers))
        session.execute(begun.values(status="sending", started_at=now() - timedelta(days=90)))
    return numbers


def test_what_was_shown_to_no_avail_fades_and_comes_back(
    live: Runtime, customers: Customers, mailings: list[int]
) -> None:
    customer_id, _ = customers.next()
    before = picks(live, customer_id, 12)
    shown = [number_of(live, sku) for sku in before[:2]]
    for number, campaign_id in enumerate(mailings[:3]):
        mailed(live, campaign_id, customer_id, shown, timedelta(days=number + 1))
    told = history(live, customer_id)
    assert told.ignored.tolist() == told.last_picks.tolist() == sorted(shown)
    assert all(2.5 < times < 3 for times in told.shown)
    places = [picks(live, customer_id, 60).index(sku) for sku in before[:2]]
    assert min(places) > 1, "others come first now"
    with live.db.transaction() as session:
        session.execute(
            update(Send).where(Send.customer_id == customer_id).values(sent_at=now() - timedelta(days=57))
        )
    told = history(live, customer_id)
    assert (len(told.ignored), len(told.last_picks)) == (0, 0)
    assert picks(live, customer_id, 12) == before


def test_a_click_of_a_person_counts_and_one_of_a_machine_does_not(
    live: Runtime, customers: Customers, mailings: list[int]
) -> None:
    customer_id, _ = customers.next()
    ids = [number_of(live, sku) for sku in picks(live, customer_id, 3)]
    send_id = mailed(live, mailings[0], customer_id, ids, timedelta(days=1))
    clicked(live, mailings[0], send_id, customer_id, 1, machine=True)
    told = history(live, customer_id)
    assert (told.clicked.tolist(), told.ignored.tolist()) == ([], sorted(ids))
    clicked(live, mailings[0], send_id, customer_id, 1, machine=False)
    told = history(live, customer_id)
    assert told.clicked.tolist() == [ids[1]]
    assert told.ignored.tolist() == told.last_picks.tolist() == sorted({ids[0], ids[2]})


def test_only_mails_that_were_handed_over_count(
    live: Runtime, customers: Customers, mailings: list[int]
) -> None:
    customer_id, _ = customers.next()
    ids = [number_of(live, sku) for sku in picks(live, customer_id, 2)]
    mailed(live, mailings[0], customer_id, ids[:1], timedelta(days=2))
    mailed(live, mailings[1], customer_id, ids[1:], timedelta(days=1))
    assert history(live, customer_id).last_picks.tolist() == ids[1:], "the last mail is the newest one"
    with live.db.transaction() as session:
        session.execute(
            update(Send).where(Send.customer_id == customer_id, Send.campaign_id == mailings[1]).values(
                status="uncertain"
            )
        )  # fmt: skip
    told = history(live, customer_id)
    assert told.ignored.tolist() == told.last_picks.tolist() == ids[:1]


def test_an_erasure_takes_views_and_carts_along_and_an_export_shows_them(
    live: Runtime, customers: Customers
) -> None:
    customer_id, name = customers.next()
    sku = picks(live, customer_id)[0]
    tell(live, "e-1", "cart", name, sku)
    with live.db.transaction() as session:
        customer = session.get_one(Customer, customer_id)
        email = live.keyring.decrypt(customer.email_cipher or b"", "customers.email")
    (row,) = live.rights.export(email)["signals"]
    assert (row["sku"], row["kind"], row["key"]) == (sku, "cart", "e-1")
    live.rights.erase(email)
    with live.db.transaction() as session:
        left = session.scalar(
            select(func.count()).select_from(Signal).where(Signal.customer_id == customer_id)
        )
        assert left == 0
        landed = keep_signals(session, [PostedSignal("e-2", "view", name, sku, now())], now())
    assert landed.inserted == 0 and "is not known" in landed.problems[0].reason
    assert "is not known" in order(live, "E-1", name, sku).problems[0].reason

"""Prices and stock at the moment of opening: seconds old, and older ones rather than none."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.flows.opening import live_offers
from campaigns.flows.opening.live_offers import FRESH_SECONDS, OLDEST_SECONDS, STALE_SECONDS, LiveOffers
from tests.tables import without
from tests.waiting import in_time, until

AWAY = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
PICTURE = "ab" * 32


@pytest.fixture
def stored(db: Database) -> Database:
    """Products HAT (3 pieces, with a picture of ours), MAP (uncounted) and SOCK (none); mail 1 picks SOCK and HAT."""
    with db.transaction() as session:
        for statement in (
            "insert into products (sku, title, price, currency, url, image_url, stock, tags) values "
            f"('HAT', 'Hat', 19.90, 'EUR', 'https://shop.example/hat', 'https://x.example/i/{PICTURE}.jpg', 3, "
            "'{weather:snow}'), ('MAP', 'Map', 5, 'EUR', 'https://shop.example/map', '', null, '{}'), "
            "('SOCK', 'Sock', 9, 'EUR', 'https://shop.example/sock', 'https://elsewhere.example/s.jpg', 0, '{}')",
            "insert into pictures (sha256, media_type, width, height, body) "
            f"values ('{PICTURE}', 'image/jpeg', 1, 1, 'x')",
            "insert into campaigns (name, template, picks, sender, postal_address, brief, segment, slots) "
            "values ('C', 'outdoor', 2, 'a@shop.example', 'Street 1', '{}', '{}', '[]')",
            "insert into customers (external_id) values ('1')",
            "insert into sends (campaign_id, id, customer_id, status, tracked, picks) values (1, 1, 1, 'sent', true, "
            "(select jsonb_agg(jsonb_build_array(id, 'bought') order by sku desc) from products "
            "where sku in ('HAT', 'SOCK')))",
        ):
            session.execute(text(statement))
    return db


def sell(db: Database, sku: str, left: int) -> None:
    with db.transaction() as session:
        session.execute(
            text("update products set stock = :left where sku = :sku"), {"left": left, "sku": sku}
        )


def test_picks_come_in_their_order_and_as_they_are_now(stored: Database) -> None:
    sock, hat = LiveOffers(stored, AWAY).picks(1, 1)
    assert (sock.sku, sock.stock, sock.picture) == ("SOCK", 0, ""), "a picture of somebody else's is not ours"
    assert (hat.title, hat.price, hat.currency, hat.stock) == ("Hat", Decimal("19.90"), "EUR", 3)
    assert (hat.url, hat.tags, hat.picture) == (
        "https://shop.example/hat",
        frozenset({"weather:snow"}),
        PICTURE,
    )


def test_a_mail_that_is_gone_has_no_picks(stored: Database) -> None:
    assert LiveOffers(stored, AWAY).picks(1, 99) == ()


def test_stock_leaves_out_what_nobody_knows(stored: Database) -> None:
    stock = LiveOffers(stored, AWAY).stock(["HAT", "SOCK", "MAP", "NONE"])
    assert stock == {"HAT": 3, "SOCK": 0, "MAP": None}, "nobody counts maps"


class Watch:
    """The clocks that LiveOffers looks at, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 1_000_000.0 + self.passed

    def time(self) -> float:
        return 1_800_000_000.0 + self.passed


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(live_offers, "time", watch)
    return watch


def settled(offers: LiveOffers) -> bool:
    """Nobody reads behind an answer any more."""
    until(lambda: not offers._refreshing, 5)
    return True


def test_what_is_a_little_old_is_shown_once_more_and_read_behind_the_answer(
    stored: Database, watch: Watch
) -> None:
    offers = LiveOffers(stored, AWAY)
    assert offers.stock(["HAT"]) == {"HAT": 3}
    sell(stored, "HAT", 1)
    statements = stored.statements
    watch.passed += FRESH_SECONDS
    assert offers.stock(["HAT"]) == {"HAT": 3} and stored.statements == statements, "fresh enough"
    watch.passed += 1
    assert offers.stock(["HAT"]) == {"HAT": 3}, "nobody waits"
    assert settled(offers)
    assert offers.stock(["HAT"]) == {"HAT": 1}


def test_what_is_older_is_read_before_it_is_shown(stored: Database, watch: Watch) -> None:
    offers = LiveOffers(stored, AWAY)
    assert offers.stock(["HAT"]) == {"HAT": 3}
    sell(stored, "HAT", 1)
    watch.passed += OLDEST_SECONDS + 1
    assert offers.stock(["HAT"]) == {"HAT": 1}


def test_an_unknown_product_neither_asks_again_nor_keeps_others_old(stored: Database, watch: Watch) -> None:
    offers = LiveOffers(stored, AWAY)
    assert offers.stock(["HAT", "NONE"]) == {"HAT": 3}
    statements = stored.statements
    assert offers.stock(["HAT", "NONE"]) == {"HAT": 3}
    assert stored.statements == statements, "that there is none is remembered"
    sell(stored, "HAT", 1)
    with stored.transaction() as session:
        session.execute(text("update products set sku = 'NONE' where sku = 'MAP'"))
    watch.passed += FRESH_SECONDS + 1
    offers.stock(["HAT", "NONE"])
    assert settled(offers)
    assert offers.stock(["HAT", "NONE"]) == {"HAT": 1, "NONE": None}


def test_what_others_wait_for_is_read_as_well(
    stored: Database, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = LiveOffers(stored, AWAY)
    offers.stock(["HAT", "SOCK"])
    for sku in ("HAT", "SOCK"):
        sell(stored, sku, 7)
    watch.passed += FRESH_SECONDS + 1
    slow, transaction = threading.Event(), stored.transaction

    def later() -> Any:
        slow.wait(5)
        return transaction()

    monkeypatch.setattr(offers._patience, "_seconds", 10.0)
    monkeypatch.setattr(stored, "transaction", later)
    assert offers.stock(["HAT"]) == {"HAT": 3}
    assert offers.stock(["SOCK"]) == {"SOCK": 0}, "while the first is being read"
    slow.set()
    assert settled(offers)
    assert offers.stock(["HAT", "SOCK"]) == {"HAT": 7, "SOCK": 7}


def test_without_postgres_what_is_old_is_shown_for_a_day(stored: Database, watch: Watch) -> None:
    offers = LiveOffers(stored, AWAY)
    assert offers.stock(["HAT"]) == {"HAT": 3}
    with without(stored):
        watch.passed += STALE_SECONDS - 1
        assert offers.stock(["HAT"]) == {"HAT": 3}
        watch.passed += 2
        assert offers.stock(["HAT"]) == {}


def test_what_another_process_has_just_seen_is_not_read_again(
    stored: Database, watch: Watch, redis_client: redis.Redis
) -> None:
    before = LiveOffers(stored, redis_client).picks(1, 1)
    statements = stored.statements
    assert LiveOffers(stored, redis_client).picks(1, 1) == before
    assert stored.statements == statements
    sell(stored, "HAT", 1)
    watch.passed += OLDEST_SECONDS + 1
    assert [product.stock for product in LiveOffers(stored, redis_client).picks(1, 1)] == [0, 1]


def test_a_sku_that_is_a_number_is_not_taken_for_an_id(stored: Database, redis_client: redis.Redis) -> None:
    _, hat = LiveOffers(stored, redis_client).picks(1, 1)
    with stored.transaction() as session:
        session.execute(
            text("update products set sku = :sku where sku = 'MAP'"), {"sku": str(hat.product_id)}
        )
    LiveOffers(stored, redis_client).stock([str(hat.product_id)])
    assert LiveOffers(stored, redis_client).products([hat.product_id]) == (hat,)


def test_without_postgres_another_process_helps_itself_in_redis(
    stored: Database, watch: Watch, redis_client: redis.Redis
) -> None:
    before = LiveOffers(stored, redis_client).picks(1, 1)
    assert LiveOffers(stored, redis_client).stock(["HAT"]) == {"HAT": 3}
    watch.passed += 3600
    with without(stored):
        began = LiveOffers(stored, redis_client)
        assert began.picks(1, 1) == before
        assert began.stock(["HAT", "MAP"]) == {"HAT": 3}, "maps were never asked for"


def test_what_nobody_can_read_in_redis_is_read_anew(stored: Database, redis_client: redis.Redis) -> None:
    LiveOffers(stored, redis_client).stock(["HAT"])
    (key,) = redis_client.keys("tailormail:open:product:sku:*")
    for rubbish in (b"", b"[]", b"{", b'{"at": 1}', b'{"at": "x", "product": {}}'):
        redis_client.set(key, rubbish)
        assert LiveOffers(stored, redis_client).stock(["HAT"]) == {"HAT": 3}, rubbish


def test_what_was_picked_is_forgotten_when_asked_to(stored: Database, redis_client: redis.Redis) -> None:
    offers = LiveOffers(stored, redis_client)
    offers.picks(1, 1)
    assert redis_client.keys("tailormail:open:picks:*")
    offers.forget([1, 2])
    assert not redis_client.keys("tailormail:open:picks:*") and not offers._picks
    LiveOffers(stored, AWAY).forget([1])  # what is away hinders nobody


def test_what_was_picked_is_remembered_at_sending(stored: Database, redis_client: redis.Redis) -> None:
    before = LiveOffers(stored, redis_client).picks(1, 1)
    redis_client.flushdb()
    offers = LiveOffers(stored, redis_client)
    offers.remember({1: [before[1].product_id]})
    assert [product.sku for product in offers.picks(1, 1)] == ["HAT"]


def test_with_both_away_it_takes_no_longer_than_patience(stored: Database) -> None:
    offers = LiveOffers(stored, AWAY)
    with without(stored):
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            offers.picks(1, 1)
        assert offers.products([1, 2]) == ()
    assert in_time(began, 1.0)

"""The shelf of customers' states in Redis: the newer one stays, whoever writes last, and changes are told."""

from __future__ import annotations

from itertools import permutations

import pytest
import redis

from campaigns.opentime.serving.open_state import WITHDRAWN, OpenState
from campaigns.opentime.serving.state_shelf import ALL, CHANGED, StateShelf

GRANTED = OpenState(
    version=5,
    tracking=True,
    location=True,
    latitude=59.9,
    longitude=10.7,
    country="NO",
    timezone="Europe/Oslo",
    language="no",
    tags=frozenset({"vip", "ski"}),
)
GONE = OpenState(version=6)


@pytest.fixture
def shelf(redis_client: redis.Redis) -> StateShelf:
    return StateShelf(redis_client)


def heard(listener: redis.client.PubSub) -> list[int]:
    found = []
    while (message := listener.get_message(timeout=0.3)) is not None:
        if message["type"] == "message":
            found.append(int(message["data"]))
    return found


@pytest.fixture
def listener(redis_client: redis.Redis) -> redis.client.PubSub:
    listener = redis_client.pubsub()
    listener.subscribe(CHANGED)
    assert listener.get_message(timeout=2)
    return listener


@pytest.mark.parametrize("state", [GRANTED, GONE, WITHDRAWN, OpenState(9, True, latitude=-0.1)])
def test_what_is_put_is_read(shelf: StateShelf, state: OpenState) -> None:
    shelf.put({7: state})
    assert shelf.read([7, 8]) == {7: state}


def test_who_allows_nothing_leaves_nothing_behind() -> None:
    careless = OpenState(3, False, True, 59.9, 10.7, "NO", "Europe/Oslo", "no", frozenset({"vip"}))
    assert OpenState.from_bytes(careless.to_bytes()) == OpenState(3)
    assert b"Oslo" not in careless.to_bytes()


@pytest.mark.parametrize(
    "raw",
    [None, b"", b"x", b"[]", b"{}", b"[1]", b"[2,5,1]", b"[1,5,1]", b"[1,null,0]", b"\xff", b'[1,"a",0]'],
)
def test_what_another_version_wrote_is_nothing(raw: bytes | None) -> None:
    assert OpenState.from_bytes(raw) is None


def test_a_withdrawal_is_not_overwritten_by_who_read_before_it(shelf: StateShelf) -> None:
    shelf.put({7: GONE}, changed=True)
    shelf.put({7: GRANTED})
    assert shelf.read([7]) == {7: GONE}


@pytest.mark.parametrize("order", list(permutations([GRANTED, GONE, OpenState(7, True)])))
def test_the_newest_stays_in_every_order(shelf: StateShelf, order: tuple[OpenState, ...]) -> None:
    for state in order:
        shelf.put({7: state}, changed=True)
    assert shelf.read([7])[7].version == 7


def test_a_record_of_another_format_is_not_overwritten_by_an_older_state(
    shelf: StateShelf, redis_client: redis.Redis
) -> None:
    redis_client.set("tailormail:open:state:7", b'[9,6,"of a later release"]')
    shelf.put({7: GRANTED})
    assert shelf.read([7]) == {}
    shelf.put({7: OpenState(6)})
    assert shelf.read([7]) == {7: OpenState(6)}


def test_changes_are_told_and_repeats_are_not(shelf: StateShelf, listener: redis.client.PubSub) -> None:
    shelf.put({7: GRANTED})
    shelf.put({7: GRANTED})
    assert heard(listener) == []
    shelf.put({7: GONE})
    assert heard(listener) == [7]
    shelf.put({7: GRANTED})
    assert heard(listener) == [], "it was refused"


def test_a_change_is_told_also_where_redis_had_forgotten(
    shelf: StateShelf, listener: redis.client.PubSub
) -> None:
    shelf.put({7: GONE, 8: GONE}, changed=True)
    assert sorted(heard(listener)) == [7, 8]


def test_who_has_a_newer_state_is_said(shelf: StateShelf) -> None:
    assert shelf.put({7: GONE, 8: GRANTED}, changed=True) == []
    assert shelf.put({7: GRANTED, 8: GRANTED, 9: GRANTED}, changed=True) == [7]
    assert shelf.past() == (None, GONE.version)


def test_the_highest_version_of_all_is_exact(shelf: StateShelf) -> None:
    version = 2**52 + 1
    shelf.put({number: OpenState(version - number) for number in range(600)})
    assert shelf.past() == (None, version)


def test_a_shelf_that_is_thrown_away_is_empty_and_all_are_told(
    shelf: StateShelf, redis_client: redis.Redis, listener: redis.client.PubSub
) -> None:
    redis_client.set("something else", 1)
    shelf.put(dict.fromkeys(range(600), GRANTED))
    shelf.begin(1.0)
    shelf.clear()
    message = listener.get_message(timeout=1)
    assert message is not None and message["data"] == ALL
    assert redis_client.keys("*") == [b"something else"] and shelf.past() == (None, 0)


def test_many_at_once_and_for_thirty_days(shelf: StateShelf, redis_client: redis.Redis) -> None:
    many = {number: OpenState(number, True) for number in range(1, 1002)}
    shelf.put(many)
    assert shelf.read(many) == many
    assert 29 * 86_400 < int(redis_client.ttl("tailormail:open:state:1001")) <= 30 * 86_400


def test_where_redis_is_away_the_caller_hears_it() -> None:
    away = StateShelf(redis.Redis(host="127.0.0.1", port=1))
    with pytest.raises(redis.RedisError):
        away.read([1])
    with pytest.raises(redis.RedisError):
        away.put({1: GONE})

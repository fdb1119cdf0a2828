"""Numbers added up in Redis by many processes, and kept while Redis is away."""

from __future__ import annotations

import multiprocessing
import socket
import time

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.meters import KEY, METERS, MOST_SERIES, Meters, Sort, buckets
from tests.waiting import in_time


def _work(url: str, rounds: int) -> None:
    meters = Meters(redis.Redis.from_url(url))
    for _ in range(rounds):
        meters.add("mails", 3, kind="sent", relay="main")
        meters.observe("stage_seconds", 0.2, stage="copy")
        assert meters.flush()


@pytest.fixture
def away() -> redis.Redis:
    """A Redis that is not there, asked as Runtime asks."""
    return redis.Redis(port=1, socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))


def test_processes_add_up(servers: EmbeddedUrls, redis_client: redis.Redis) -> None:
    url = (servers.redis_url or "").replace("db=0", "db=9")
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=_work, args=(url, 20)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    values = Meters(redis_client).read()
    assert values["mails", "sent", "main"] == 2 * 20 * 3
    assert buckets(values, ("stage_seconds", "copy"))[0][-1] == ("+Inf", 40)


def test_histograms_count_into_the_bucket_that_holds_the_value(redis_client: redis.Redis) -> None:
    meters = Meters(redis_client)
    for seconds in (0.01, 0.011, 0.3, 400.0):
        meters.observe("stage_seconds", seconds, stage="smtp")
    assert meters.flush()
    counts, total = buckets(meters.read(), ("stage_seconds", "smtp"))
    assert total == pytest.approx(400.321)
    assert dict(counts)["0.01"] == 1, "bounds belong to their bucket"
    assert dict(counts)["0.05"] == 2
    assert dict(counts)["0.5"] == 3
    assert dict(counts)["+Inf"] == 4


def test_a_gauge_is_what_was_said_last(redis_client: redis.Redis) -> None:
    for value in (5.0, 7.0):
        meters = Meters(redis_client)
        meters.set("last_batch_timestamp_seconds", value)
        meters.flush()
    assert Meters(redis_client).read() == {("last_batch_timestamp_seconds",): 7.0}


def test_what_was_not_flushed_is_told_by_its_own_process(redis_client: redis.Redis) -> None:
    meters = Meters(redis_client)
    meters.add("letters_failed", 2)
    meters.flush()
    meters.add("letters_failed")
    assert meters.read() == {("letters_failed",): 3}
    assert Meters(redis_client).read() == {("letters_failed",): 2}


def test_nothing_is_lost_while_redis_is_away(redis_client: redis.Redis, away: redis.Redis) -> None:
    meters = Meters(away)
    meters.add("claimed_sends", 5)
    meters.set("last_batch_timestamp_seconds", 1.0)
    assert not meters.flush()
    meters.add("claimed_sends", 2)
    meters._redis, meters._not_before = redis_client, 0.0
    assert meters.flush()
    assert Meters(redis_client).read() == {("claimed_sends",): 7, ("last_batch_timestamp_seconds",): 1.0}


def test_a_redis_that_hangs_costs_its_time_limit_once() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = redis.Redis(
            port=silent.getsockname()[1], socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0)
        )  # fmt: skip
        meters = Meters(client)
        begin = time.monotonic()
        for _ in range(200):
            meters.add("claimed_sends")
            meters.flush()
        assert in_time(begin, 1.0)
        assert meters.pending() == {("claimed_sends",): 200}


def test_memory_is_bounded(away: redis.Redis) -> None:
    meters = Meters(away)
    for n in range(MOST_SERIES + 100):
        meters.add("smtp_replies", reply="2xx", relay=f"relay-{n}")
    assert len(meters.pending()) == MOST_SERIES
    meters.add("smtp_replies", reply="2xx", relay="relay-0")
    assert meters.pending()["smtp_replies", "2xx", "relay-0"] == 2, "what is known goes on counting"


def test_only_what_is_declared_can_be_counted(away: redis.Redis) -> None:
    meters = Meters(away)
    for wrong in (
        lambda: meters.add("nothing"),
        lambda: meters.add("mails", kind="sent"),
        lambda: meters.add("mails", kind="sent", relay="a", customer="b"),
        lambda: meters.add("stage_seconds", stage="copy"),
        lambda: meters.set("mails", 1, kind="sent", relay="a"),
        lambda: meters.observe("mails", 1, kind="sent", relay="a"),
    ):
        with pytest.raises(ValueError, match="METERS"):
            wrong()


def test_what_another_release_wrote_is_passed_over(redis_client: redis.Redis) -> None:
    redis_client.hset(KEY, mapping={"of-tomorrow\x1fx": "4", "mails\x1fsent": "4", "letters_failed": "1"})
    assert Meters(redis_client).read() == {("letters_failed",): 1.0}


def test_declarations_are_whole() -> None:
    for name, meter in METERS.items():
        assert meter.help.endswith("."), name
        assert (meter.sort is Sort.HISTOGRAM) == bool(meter.bounds), name
        assert list(meter.bounds) == sorted(set(meter.bounds)), name
        assert not {"customer", "email", "address", "campaign"} & set(meter.labels), "too many, or personal"


def test_timed_observes_also_what_fails(away: redis.Redis) -> None:
    meters = Meters(away)
    with pytest.raises(KeyError), meters.timed("copy"):
        raise KeyError
    assert buckets(meters.pending(), ("stage_seconds", "copy"))[0][-1][1] == 1

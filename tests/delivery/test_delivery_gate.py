"""The gate: shares of relays by weight, their health, and all limits taken together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.clock import FixedClock
from campaigns.delivery.bucket_arithmetic import Limit
from campaigns.delivery.buckets import Buckets
from campaigns.delivery.gate import Ask, Gate
from campaigns.delivery.relay_choice import RUN, RelayChoice
from campaigns.delivery.relay_health import RelayHealth
from campaigns.delivery.relay_plan import RelayPlan

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


class Ticker:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingBuckets(Buckets):
    """Real buckets that also count how often they are asked."""

    calls = 0

    def take(self, wants: Sequence[Sequence[Limit]]) -> list[float]:
        self.calls += 1
        return super().take(wants)


def a_plan(*relays: dict[str, Any], **more: Any) -> RelayPlan:
    named = [{"name": f"r{n}", "url": f"smtp://r{n}.example", **relay} for n, relay in enumerate(relays, 1)]
    return RelayPlan.model_validate({"relays": named, **more})


def a_gate(
    client: redis.Redis | None, *relays: dict[str, Any], ticker: Ticker | None = None, **more: Any
) -> tuple[Gate, CountingBuckets]:
    plan = a_plan(*relays, **more)
    buckets = CountingBuckets(client, lambda subject: 0, monotonic=ticker or Ticker())
    health = RelayHealth([relay.name for relay in plan.relays], ticker or Ticker())
    return Gate(plan, buckets, FixedClock(NOON), health), buckets


def asks(count: int, per_second: float | None = None, to: str = "x.example") -> list[Ask]:
    return [Ask(n, 7, per_second, "news.example.com", to) for n in range(count)]


def test_without_limits_everything_goes_and_redis_is_not_asked() -> None:
    gate, buckets = a_gate(None, {})
    assert {(p.relay, p.wait) for p in gate.admit(asks(100))} == {("r1", 0.0)}
    assert buckets.calls == 0
    assert gate.admit([]) == []


def test_without_relays_the_limits_hold_all_the_same() -> None:
    gate, _ = a_gate(None)
    passes = gate.admit(asks(30, per_second=10))
    assert {p.relay for p in passes} == {""}
    assert [p.wait > 0 for p in passes[:3]] == [False, True, True]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.lists(st.integers(1, 70), max_size=40))
def test_relays_share_by_weight(weights: list[int], groups: list[int]) -> None:
    gate, _ = a_gate(None, *({"weight": weight} for weight in weights))
    seen: Counter[str] = Counter()
    for count in groups:
        seen.update(p.relay for p in gate.admit(asks(count)))
    for number, weight in enumerate(weights, 1):
        share = sum(groups) * weight / sum(weights)
        assert abs(seen[f"r{number}"] - share) <= RUN + len(weights)


def test_mails_of_one_relay_come_in_runs() -> None:
    gate, _ = a_gate(None, {}, {})
    relays = [p.relay for p in gate.admit(asks(200))]
    changes = sum(1 for one, other in pairwise(relays) if one != other)
    assert changes <= 200 / RUN * 1.5


def test_a_relay_that_was_at_its_limit_is_not_flooded_afterwards() -> None:
    choice = RelayChoice({"a": 1, "b": 1})
    for _ in range(500):
        choice.used("b", ["a", "b"])
    chosen = []
    for _ in range(100):
        chosen.append(choice.next(["a", "b"]))
        choice.used(chosen[-1], ["a", "b"])
    assert chosen.count("a") <= 50 + 2 * RUN


def test_all_limits_of_a_mail_are_taken_together_in_one_call(redis_client: redis.Redis) -> None:
    gate, buckets = a_gate(redis_client, {"per_second": 100}, domains={"gmail.com": 5.0})
    mixed = [
        Ask(n, n % 2, 50.0, "news.example.com", "gmail.com" if n < 5 else f"d{n}.example") for n in range(10)
    ]
    passes = gate.admit(mixed)
    assert buckets.calls == 1
    assert passes[0].wait == 0.0
    # 1 of 5 a second for gmail, of whom the others wait 0.2 s and more, one after the other.
    waits = [p.wait for p in passes[1:5]]
    assert waits == sorted(waits) and waits[0] > 0.15


def test_domains_of_one_provider_share_a_limit() -> None:
    gate, _ = a_gate(None, {}, domains={"googlemail.com": 1.0})
    first, second, third = gate.admit([*asks(1, to="gmail.com"), *asks(1, to="GoogleMail.com"), *asks(1)])
    assert (first.wait, third.wait) == (0.0, 0.0)
    assert second.wait > 0.9


def test_a_limit_for_all_other_domains_counts_each_by_itself() -> None:
    gate, _ = a_gate(None, {}, domains={"*": 1.0, "gmail.com": 100.0})
    passes = gate.admit([*asks(2, to="a.example"), *asks(2, to="b.example")])
    assert [p.wait > 0.9 for p in passes] == [False, True, False, True]


def test_a_relay_that_fails_twice_is_left_alone_and_tried_again_by_one_mail() -> None:
    ticker = Ticker()
    gate, _ = a_gate(None, {}, {}, ticker=ticker)
    gate.report("r1", ok=False)
    assert "r1" in {p.relay for p in gate.admit(asks(100))}
    gate.report("r1", ok=False)
    assert {p.relay for p in gate.admit(asks(100))} == {"r2"}
    for pause in (2.0, 4.0, 8.0):
        ticker.now += pause - 0.1
        assert {p.relay for p in gate.admit(asks(100))} == {"r2"}
        ticker.now += 0.2
        assert "r1" in {p.relay for p in gate.admit(asks(30))}
        assert {p.relay for p in gate.admit(asks(30))} == {"r2"}  # while the trial is under way
        gate.report("r1", ok=False)
        gate.report("r1", ok=False)
    ticker.now += 16.1
    gate.admit(asks(30))
    gate.report("r1", ok=True)
    shares = Counter(p.relay for p in gate.admit(asks(200)))
    assert 80 <= shares["r1"] <= 120


def test_when_all_relays_are_down_the_likeliest_is_named() -> None:
    ticker = Ticker()
    gate, _ = a_gate(None, {}, {}, ticker=ticker)
    for relay in ("r2", "r1"):
        gate.report(relay, ok=False)
        gate.report(relay, ok=False)
        ticker.now += 1
    assert {(p.relay, p.wait) for p in gate.admit(asks(20))} == {("r2", 0.0)}


def test_who_steps_in_for_a_lost_relay_gives_its_own_tokens() -> None:
    gate, _ = a_gate(None, {}, {"per_second": 1}, {"weight": 3})
    assert gate.instead({"r1"}) in ("r2", "r3")
    assert gate.instead({"r1", "r2", "r3"}) == ""
    assert [gate.spare("r2"), gate.spare("r2"), gate.spare("r3"), gate.spare("r3")] == [
        True,
        False,
        True,
        True,
    ]


WARM_UP = {"news.example.com": {"start": "2026-03-30", "per_day": [50, 24]}}


@pytest.mark.parametrize(
    ("day", "hour", "granted", "wait"),
    [
        (29, 12, 0, 12 * 3600),  # not before its first day
        (30, 0, 1, 24 * 3600 / 49),
        (31, 12, 1, 12 * 3600 / 23),  # the second half of a day has room for all of its mails
        (31, 23, 1, 600),  # but not all at once: never quicker than a day's mails in four hours
    ],
)
def test_a_new_sending_domain_warms_up(
    redis_client: redis.Redis, day: int, hour: int, granted: int, wait: float
) -> None:
    plan = a_plan({}, warm_up=WARM_UP)
    clock = FixedClock(datetime(2026, 3, day, hour, tzinfo=UTC))
    passes = Gate(plan, Buckets(redis_client), clock).admit(asks(3))
    assert sum(1 for p in passes if not p.wait) == granted
    assert passes[1].wait == pytest.approx(wait, rel=0.05)


def test_after_the_list_and_for_other_domains_there_is_no_limit() -> None:
    plan = a_plan({}, warm_up=WARM_UP)
    buckets = CountingBuckets(None)
    late = FixedClock(datetime(2026, 4, 1, tzinfo=UTC))
    assert all(not p.wait for p in Gate(plan, buckets, late).admit(asks(300)))
    other = [Ask(1, 7, None, "shop.example", "x.example")]
    assert Gate(plan, buckets, FixedClock(NOON)).admit(other)[0].wait == 0.0
    assert buckets.calls == 0

"""Which orders are learned from and which are foretold, and what is said where they cannot be divided so."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from recommend_samples import TODAY, interactions_of, product

from campaigns.core.errors import BadInput
from campaigns.recommend.evaluation_splits import Split, in_halves
from campaigns.recommend.evaluation_tasks import buy_again, cold_customers, discover
from campaigns.recommend.interactions import Interactions

CATALOGUE = {n: product(n, f"w{n}") for n in range(1, 6)}
# (customer, product, days ago): 1 and 2 buy before and after day 20, 3 only before, 4 only after.
LINES = [
    (1, 1, 50.0),
    (1, 2, 5.0),
    (1, 1, 5.0),
    (2, 2, 40.0),
    (2, 3, 10.0),
    (3, 3, 30.0),
    (4, 1, 9.0),
    (4, 5, 9.0),
]
CUT = TODAY - timedelta(days=20)


def shop(lines: list[tuple[int, int, float]] = LINES) -> Interactions:
    return interactions_of(CATALOGUE, lines)


def pairs(part: Interactions) -> set[tuple[int, int]]:
    return {
        (int(part.customer_ids[c]), int(part.catalogue.ids[p]))
        for c, p in zip(part.customer, part.product, strict=True)
    }


def test_by_time_the_cut_itself_belongs_to_the_future() -> None:
    halves = in_halves(shop(), "time", TODAY - timedelta(days=40))
    assert pairs(halves.past) == {(1, 1)}
    assert (2, 2) in pairs(halves.future)
    assert halves.as_of == TODAY - timedelta(days=40)


def test_days_end_the_future_and_without_them_it_lasts_to_the_end() -> None:
    assert pairs(in_halves(shop(), "time", CUT, 10.5).future) == {(2, 3)}
    assert pairs(in_halves(shop(), "time", CUT).future) == {(1, 1), (1, 2), (2, 3), (4, 1), (4, 5)}
    assert pairs(in_halves(shop(), "time", days=4.5).future) == {(1, 1), (1, 2), (4, 1), (4, 5)}


def test_by_last_order_each_customer_of_two_orders_keeps_all_but_the_last() -> None:
    halves = in_halves(shop(), "last-order")
    assert pairs(halves.future) == {(1, 1), (1, 2), (2, 3)}
    assert pairs(halves.past) == {(1, 1), (2, 2), (3, 3), (4, 1), (4, 5)}
    earlier = in_halves(shop([*LINES, (2, 5, 39.0)]), "last-order", CUT)
    assert pairs(earlier.future) == {(2, 5)}, "orders after the cut take no part"


def test_of_two_orders_at_one_moment_the_larger_number_is_the_last() -> None:
    whole = shop([(1, 1, 9.0), (1, 2, 9.0), (2, 1, 9.0)])
    numbered = Interactions.from_arrays(
        whole.catalogue, whole.customer_ids[whole.customer], whole.catalogue.ids[whole.product],
        np.array([8, 7, 9]), whole.day, whole.quantity,
    )  # fmt: skip
    assert pairs(in_halves(numbered, "last-order").future) == {(1, 1)}


def test_tasks_count_what_their_names_say() -> None:
    halves = in_halves(shop(), "time", CUT)
    ids = halves.past.customer_ids
    new, again, cold = discover(halves), buy_again(halves), cold_customers(halves)
    assert ids[new.rows].tolist() == [1, 2], "3 bought nothing then, 4 nothing before"
    assert new.wanted.toarray()[:, 1].tolist() == [1, 0]
    assert new.wanted.toarray()[:, 0].tolist() == [0, 0], "1 has product 1 already"
    assert again.wanted.toarray()[:, 0].tolist() == [1, 0]
    assert again.never.nnz == 0 and new.never.nnz == 2
    assert ids[cold.rows].tolist() == [4] and cold.newcomers and cold.bought.nnz == 0
    assert cold.wanted.sum() == 1, "nobody bought product 5 before the cut, so it cannot be a hit"


def test_with_last_orders_newcomers_are_the_same_customers_with_their_past_hidden() -> None:
    cold = cold_customers(in_halves(shop(), "last-order"))
    assert len(cold) == 2 and cold.newcomers and cold.bought.nnz == 0


@pytest.mark.parametrize(
    ("split", "cut", "days", "told"),
    [
        ("random", None, None, "no split 'random'"),
        (
            "time",
            TODAY - timedelta(days=51),
            None,
            "no orders before 2025-01-09 to learn from; .* from 2025-01-10 to 2025-02-24",
        ),
        ("time", TODAY, None, "no orders at or after 2025-03-01 to test on"),
        ("time", CUT, 2.0, "no orders from 2025-02-09 to 2025-02-11 to test on.*more days"),
        ("time", None, 0.0, "--days: must be a number of days"),
        ("time", None, float("nan"), "--days: must be a number of days"),
        ("time", None, 1e300, "--days: must be a number of days"),
        (
            "time",
            datetime.min.replace(tzinfo=TODAY.tzinfo),
            None,
            "no orders before 1-01-01|no orders before 0001-01-01",
        ),
        ("last-order", None, 3.0, "--days: belongs to --split time"),
        ("last-order", TODAY - timedelta(days=60), None, "no orders before"),
        ("last-order", TODAY - timedelta(days=49), None, "no customer has two orders"),
    ],
)
def test_what_cannot_be_divided_is_named_with_its_mend(
    split: Split, cut: datetime | None, days: float | None, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        in_halves(shop(), split, cut, days)


def test_no_orders_are_said() -> None:
    with pytest.raises(BadInput, match="no orders to evaluate on; run `tailormail import orders FILE`"):
        in_halves(shop([]))

"""Rates, intervals, folding and returns by their own: against closed forms, other libraries and simulation."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from campaigns.insight import before_after, lift
from campaigns.insight.folding import FEW, LEAST, Group, as_rows, folded
from campaigns.insight.lift import Side, mean_difference
from campaigns.insight.rates import Rate, difference
from campaigns.insight.returns import CopyCost, Prices, costs, on_investment


@pytest.mark.parametrize(("n", "of"), [(0, 10), (3, 10), (10, 10), (1, 100_000), (123, 4567)])
def test_wilson_is_scipys(n: int, of: int) -> None:
    theirs = stats.binomtest(n, of).proportion_ci(method="wilson")
    assert Rate(n, of).interval == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_of_nothing_is_not_known() -> None:
    assert Rate(0, 0).to_json() == {"n": 0, "of": 0, "share": None, "low": None, "high": None}
    assert difference(Rate(1, 2), Rate(0, 0))["mean"] is None


def test_newcombes_own_example() -> None:
    """Newcombe 1998, table II, example (a): 56/70 less 48/80 by method 10."""
    found = difference(Rate(56, 70), Rate(48, 80))
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


class TestFolding:
    @given(st.lists(st.integers(0, 40), max_size=30))
    def test_no_row_tells_of_fewer_than_five(self, sizes: list[int]) -> None:
        groups = [Group(str(n), size, {"clicked": size}) for n, size in enumerate(sizes)]
        rows = folded(groups)
        assert all(row.customers >= LEAST for row in rows if row.counts)
        hidden = sum(sizes) - sum(row.customers for row in rows)
        if hidden:
            assert len(rows) == 1 and rows[0].name == FEW and 0 < sum(sizes) < LEAST
        else:
            assert sum(row.counts.get("clicked", 0) for row in rows) == sum(sizes)

    def test_what_is_hidden_cannot_be_worked_out_from_the_sum(self) -> None:
        rows = as_rows([Group("NO", 100), Group("DE", 9), Group("FR", 1)])
        assert rows == [{"name": "NO", "customers": 100}, {"name": FEW, "customers": 10}]


def side(rng: np.random.Generator, customers: int, rate: float, mean: float) -> Side:
    buyers = int(rng.binomial(customers, rate))
    values = rng.gamma(2.0, mean / 2, buyers)
    return Side(customers, buyers, buyers, values)


def test_bootstrap_and_welch_agree_on_many_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    one, other = side(rng, 20_000, 0.1, 50), side(rng, 5_000, 0.08, 50)
    drawn, how = mean_difference(one, other)
    monkeypatch.setattr(lift, "_MOST_DRAWN", 10)
    welch, formula = mean_difference(one, other)
    assert (how, formula) == ("bootstrap", "Welch")
    assert drawn["low"] == pytest.approx(welch["low"], abs=0.1)
    assert drawn["high"] == pytest.approx(welch["high"], abs=0.1)


def test_welch_is_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    one, other = side(rng, 300, 0.3, 20), side(rng, 200, 0.2, 20)
    monkeypatch.setattr(lift, "_MOST_DRAWN", 10)
    found, _ = mean_difference(one, other)
    full = [np.concatenate([each.revenues, np.zeros(each.customers - each.buyers)]) for each in (one, other)]
    theirs = stats.ttest_ind(*full, equal_var=False).confidence_interval()
    assert (found["low"], found["high"]) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_intervals_hold_what_they_promise() -> None:
    """Of 200 campaigns that bring nothing, some 5 % look as if they did."""
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(200):
        found, _ = mean_difference(side(rng, 2_000, 0.08, 40), side(rng, 500, 0.08, 40))
        wrong += not found["low"] <= 0 <= found["high"]
    assert wrong <= 21, "binomial(200, 0.05) is above 21 once in a thousand"


def test_the_jackknife_is_the_standard_error_of_a_mean() -> None:
    rng = np.random.default_rng(4)
    each = rng.normal(10, 3, 4_000)
    spent = before_after._COLUMNS.index("spent_after")
    sums = np.zeros((before_after.GROUPS, len(before_after._COLUMNS)))
    for lot in range(before_after.GROUPS):
        sums[lot, 0], sums[lot, spent] = 100, each[lot * 100 : (lot + 1) * 100].sum()
    found = before_after._jackknifed(lambda one, _: one["spent_after"] / one["customers"], sums, sums)
    expected = stats.t.ppf(0.975, before_after.GROUPS - 1) * each.std() / math.sqrt(len(each))
    assert found["mean"] == pytest.approx(each.mean(), abs=1e-5)
    assert (found["high"] or 0) - (found["mean"] or 0) == pytest.approx(expected, rel=0.3)


def lifted(mean: float, currency: str = "EUR") -> dict[str, object]:
    total = {"mean": mean, "low": mean - 10, "high": mean + 10}
    return {"currency": currency, "is_effect": True, "why": "", "total": total}


WEEK = [{"days": 7, "revenue": {"EUR": "500.00"}}]


class TestReturns:
    def test_margin_less_cost_by_cost(self) -> None:
        prices = Prices(Decimal("2"), "EUR", Decimal("0.5"))
        spent = costs(10_000, prices, CopyCost(Decimal("5"), "EUR"))
        assert spent["total"] == {"EUR": "25.00"}
        found = on_investment(spent, lifted(100), WEEK, prices)
        assert found["effect"] == {"mean": 1.0, "low": 0.8, "high": 1.2}
        assert found["observed"] == 9.0

    @pytest.mark.parametrize(
        ("prices", "words", "why"),
        [
            (Prices(), CopyCost(Decimal(0), "EUR"), "nobody has said what sending costs"),
            (Prices(Decimal(1)), CopyCost(None, "USD"), "nobody has said what copy costs"),
            (Prices(Decimal(1)), CopyCost(Decimal(3), "USD"), "it cost USD and brought EUR"),
            (Prices(Decimal(0)), CopyCost(Decimal(0), "USD"), "it cost nothing"),
        ],
    )
    def test_what_cannot_be_told_says_why(self, prices: Prices, words: CopyCost, why: str) -> None:
        found = on_investment(costs(1_000, prices, words), lifted(100), WEEK, prices)
        assert (found["effect"], found["observed"], found["why"]) == (None, None, why)

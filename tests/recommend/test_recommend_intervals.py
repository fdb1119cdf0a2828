"""Bootstrap intervals hold what they promise, are the same each time, and know when they know nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from campaigns.recommend.intervals import interval, interval_between, intervals


def test_an_interval_holds_the_truth_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    held = sum(
        found.low <= 1.0 <= found.high
        for found in (interval(rng.exponential(1.0, 60), resamples=300) for _ in range(200))
    )
    # 190 of 200 would be exact; of skewed values from so few customers a little less is known.
    assert 176 <= held <= 199


def test_pairs_see_a_difference_that_is_lost_between_different_customers() -> None:
    rng = np.random.default_rng(7)
    easy = rng.uniform(0, 1, 200)
    better = easy + 0.02 + rng.normal(0, 0.01, 200)
    assert interval(better - easy).above_zero
    assert not interval_between(better, easy).above_zero


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(1).uniform(size=(90, 2))
    assert intervals(values) == intervals(values)
    for both, alone in zip(intervals(values), (interval(values[:, 0]), interval(values[:, 1])), strict=True):
        assert (both.low, both.high) == pytest.approx((alone.low, alone.high)), "the same customers are drawn"


def test_the_mean_lies_between_the_bounds_and_a_constant_is_certain() -> None:
    found = interval(np.array([0.0, 1.0, 0.0, 1.0, 1.0]))
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(0.6)
    certain = interval(np.full(10, 0.25))
    assert (certain.low, certain.high) == pytest.approx((0.25, 0.25))
    assert interval(-np.ones(4)).below_zero


def test_of_one_customer_or_none_nothing_is_known() -> None:
    for values in (np.zeros(0), np.ones(1)):
        found = interval(values)
        assert not found.above_zero and not found.below_zero
        assert json.loads(json.dumps(found.to_json()))["low"] is None
    assert not interval_between(np.ones(50), np.zeros(1)).above_zero


def test_surer_intervals_are_wider() -> None:
    values = np.random.default_rng(3).uniform(size=80)
    usual, surer = interval(values), interval(values, level=0.999)
    assert surer.low < usual.low and usual.high < surer.high

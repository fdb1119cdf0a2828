"""Tuning on the shop's own orders: it finds what is there, and leaves alone what is chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from recommend_samples import TODAY, interactions_of, product

from campaigns.recommend.evaluation_splits import in_halves
from campaigns.recommend.evaluation_tasks import answer, discover
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.model import ModelSettings, train
from campaigns.recommend.scoring import Purchases, Scorer
from campaigns.recommend.tuning import _clearly_better, tune
from campaigns.recommend.tuning_trial import Trial

PLENTY = 60.0


def fashion_shop(customers: int = 150, seed: int = 5) -> Interactions:
    """Each week three products are all the rage and then forgotten; taste hardly counts."""
    rng = np.random.default_rng(seed)
    catalogue = {key: product(key, f"Thing{key}") for key in range(1, 61)}
    lines = []
    for week in range(20):
        rage = 1 + (np.arange(3) + 3 * week) % 60
        for customer in rng.choice(customers, 70, replace=False):
            bought = set(rng.choice(rage, 2, replace=False).tolist()) | {int(rng.integers(1, 61))}
            lines += [(int(customer), key, 140.0 - 7 * week - float(rng.uniform(0, 7))) for key in bought]
    return interactions_of(catalogue, lines)


@pytest.fixture(scope="module")
def fashions() -> Interactions:
    return fashion_shop()


@pytest.fixture(scope="module")
def tuned(fashions: Interactions) -> ModelSettings:
    return tune(fashions, TODAY, PLENTY)


def test_a_shop_of_fashions_is_found_out(fashions: Interactions, tuned: ModelSettings) -> None:
    slow = ModelSettings(trend_half_life=28.0, trend_weight=0.5)
    found = tune(fashions, TODAY, PLENTY, start=slow)
    assert found.trend_half_life < 28.0
    assert found.trend_weight > 0.5
    trial = Trial.of(in_halves(fashions, "time"), slow)
    assert trial.discover(found).mean() > 1.2 * trial.discover(slow).mean()
    assert tuned.tuned_on > 100


def test_the_same_data_give_the_same_settings(fashions: Interactions, tuned: ModelSettings) -> None:
    assert tune(fashions, TODAY, PLENTY) == tuned


def test_thin_data_leave_everything_as_it_was() -> None:
    lines = [(customer, key, 40.0 * key) for customer in range(30) for key in (1, 2)]
    thin = interactions_of({1: product(1), 2: product(2)}, lines)
    start = ModelSettings(trend_weight=0.7, tuned_on=99)
    assert tune(thin, TODAY, PLENTY, start=start) == replace(start, tuned_on=0)
    assert tune(interactions_of({}, []), TODAY, PLENTY) == ModelSettings()


def test_what_comes_after_the_day_is_not_looked_at(fashions: Interactions) -> None:
    early = TODAY - timedelta(days=35)
    before = fashions.lines(fashions.day < early.timestamp() / 86400)
    assert tune(fashions, early, PLENTY) == tune(before, early, PLENTY)


def test_without_time_the_start_is_kept(fashions: Interactions) -> None:
    start = ModelSettings(trend_weight=0.5)
    found = tune(fashions, TODAY, 0.0, start=start)
    assert replace(found, tuned_on=0) == start
    assert found.tuned_on > 0


def test_each_customers_last_order_can_be_foretold_instead(fashions: Interactions) -> None:
    assert tune(fashions, TODAY, PLENTY, split="last-order").tuned_on > 50


def test_a_gain_within_chance_is_none() -> None:
    rng = np.random.default_rng(2)
    before = rng.random(400)
    assert not _clearly_better(before + rng.normal(0.0005, 0.1, 400), before)
    assert _clearly_better(before + 0.01, before)
    assert not _clearly_better(before, before)


def test_a_trial_scores_as_the_picks_will_be(fashions: Interactions) -> None:
    halves = in_halves(fashions, "time")
    settings = ModelSettings(content_weight=0.0)
    trial = Trial.of(halves, settings)
    model = train(halves.past, halves.as_of, settings)
    scorer = Scorer(model, model.product_ids, model.product_ids)

    def ours(viewers) -> np.ndarray:  # type: ignore[no-untyped-def]
        rows, columns = viewers.bought.nonzero()
        bought = Purchases(viewers.bought.shape[0], rows, model.product_ids[columns], np.zeros(len(rows)))
        return scorer.scores(scorer.history_matrix(bought)).total

    expected = answer(discover(halves), ours).per_customer.ndcg
    np.testing.assert_allclose(trial.discover(settings), expected, atol=1e-6)

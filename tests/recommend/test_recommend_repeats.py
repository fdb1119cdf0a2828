"""Buying again: frequency, how long ago, the products' own habits; and lists of whatever comes next."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from recommend_samples import TODAY, interactions_of, outdoor_catalogue, outdoor_lines

from campaigns.recommend.interactions import Interactions
from campaigns.recommend.model import ModelSettings, RecommenderModel, train
from campaigns.recommend.repeats import BuyingAgain, Repeats, repeats_of
from campaigns.recommend.scoring import Purchases, Scorer

IDS = np.arange(101, 119)


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    return train(interactions_of(outdoor_catalogue(), outdoor_lines()), TODAY)


def learned(interactions: Interactions) -> Repeats:
    return repeats_of(interactions, interactions.weighted_buyers())


def purchases(*lines: tuple[int, int, float], customers: int = 1) -> Purchases:
    rows, products, days = (np.array(column) for column in zip(*lines, strict=True))
    return Purchases(customers, rows.astype(np.int64), products.astype(np.int64), days.astype(np.float64))


def with_settings(model: RecommenderModel, **changed: float) -> RecommenderModel:
    settings = asdict(replace(model.settings, **changed))  # type: ignore[arg-type]
    return replace(model, meta=model.meta | {"settings": settings})


def test_only_what_was_bought_can_be_bought_again(model: RecommenderModel) -> None:
    scores = Scorer(model, IDS, IDS).again(
        purchases((0, 101, 5.0), (1, 104, 5.0), (1, 118, 9.0), customers=3)
    )
    assert scores.shape == (3, 18)
    assert [IDS[row > 0].tolist() for row in scores] == [[101], [104, 118], []]


def test_two_orders_count_more_than_one_and_recent_ones_more_than_old_ones(model: RecommenderModel) -> None:
    plain = with_settings(model, again_repeat_power=0.0)
    still = replace(plain, trend=np.zeros_like(model.trend))
    scorer = Scorer(still, IDS, IDS)
    once, twice, old = (
        float(scorer.again(purchases(*lines))[0, 0])
        for lines in ([(0, 101, 5.0)], [(0, 101, 5.0), (0, 101, 40.0)], [(0, 101, 5.0 + 240.0)])
    )
    assert twice > once > 0
    assert old == pytest.approx(once / 2), "a half-life later it counts half"


def test_candidates_in_any_order_and_unknown_ones_get_their_own_scores(model: RecommenderModel) -> None:
    lines = purchases((0, 103, 5.0), (0, 110, 7.0), (0, 999, 1.0))
    straight = Scorer(model, IDS, IDS).again(lines)[0]
    turned = Scorer(model, np.array([110, 7, 103]), IDS).again(lines)[0]
    assert turned.tolist() == [straight[9], 0.0, straight[2]]
    assert Scorer(model, np.zeros(0, np.int64), IDS).again(lines).shape == (1, 0)


def test_products_that_people_rebuy_are_told_from_those_they_buy_once() -> None:
    catalogue = outdoor_catalogue()
    lines = [(customer, 101, float(day)) for customer in range(40) for day in (10, 30, 50)]
    lines += [(customer, 102, 20.0) for customer in range(40)]
    repeats = learned(interactions_of(catalogue, lines))
    assert repeats.rate[0] > 1 > repeats.rate[1] > 0
    assert repeats.rhythm[0] == pytest.approx(20.0, rel=0.01)
    model = train(interactions_of(catalogue, lines), TODAY)
    scores = Scorer(with_settings(model, again_repeat_power=1.0), IDS, IDS).again(
        purchases((0, 101, 10.0), (0, 102, 10.0))
    )
    assert scores[0, 0] > scores[0, 1]


def test_two_parcels_of_one_morning_are_no_repeat_and_no_repeats_are_no_error() -> None:
    catalogue = outdoor_catalogue()
    once = learned(interactions_of(catalogue, [(n, 101, 10.0) for n in range(9)] + [(0, 101, 10.2)]))
    np.testing.assert_array_equal(once.rate, np.ones(18))
    none = learned(interactions_of(catalogue, []))
    assert none.rate.shape == none.rhythm.shape == (18,)


def test_customers_who_were_weighed_down_make_no_habit() -> None:
    lines = [(customer, 101, float(day)) for customer in range(40) for day in (10, 30)]
    lines += [(customer, 102, 20.0) for customer in range(60)]
    usual = interactions_of(outdoor_catalogue(), lines)
    weighed = replace(usual, weight=np.full(len(lines), 0.01))
    assert learned(weighed).rate[0] < learned(usual).rate[0]


def test_with_rest_what_was_just_bought_waits_for_its_rhythm() -> None:
    repeats = Repeats(np.ones(2, np.float32), np.array([30.0, 30.0], np.float32))
    trend = np.zeros(2, np.float32)

    def scores(rest: float) -> np.ndarray:
        again = BuyingAgain(trend, repeats, half_life=240, floor=1, power=0, rest=rest)
        return again.scores(np.array([0, 0, 0]), np.array([0, 1, 1]), np.array([40.0, 1.0, 60.0]))

    assert scores(0.0)[1] > scores(0.0)[0]
    assert scores(0.5)[1:].sum() < scores(0.5)[0], "the last order of a product holds back all its orders"


def test_lists_of_anything_put_the_bought_first_and_then_the_best_new(model: RecommenderModel) -> None:
    scorer = Scorer(model, IDS, IDS)
    lines = purchases((0, 101, 5.0), (0, 102, 5.0))
    order = IDS[np.argsort(-scorer.anything(lines)[0], kind="stable")].tolist()
    assert set(order[:2]) == {101, 102}
    new = scorer.scores(scorer.history_matrix(lines)).total[0]
    best_new = IDS[np.argsort(-new, kind="stable")]
    assert order[2:] == [key for key in best_new.tolist() if key not in (101, 102)]


def test_the_defaults_are_told_by_the_model(model: RecommenderModel) -> None:
    assert model.settings == ModelSettings()

"""Products that nobody bought yet, and customers of whom nothing is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recommend_samples import TODAY, history, interactions_of, outdoor_catalogue, outdoor_lines, product

from campaigns.core.errors import Refused
from campaigns.models.values import ProductFacts
from campaigns.recommend.interactions import Interactions, days_since_epoch
from campaigns.recommend.model import ModelSettings, RecommenderModel, train
from campaigns.recommend.recommender import Recommender, Rules
from campaigns.recommend.trends import areas_of, newcomer_trend, trend_of

FREE = Rules(per_category=99, likeness=None)
NOW = days_since_epoch(TODAY)
NEW = 500


def with_a_new_tent() -> dict[int, ProductFacts]:
    return outdoor_catalogue() | {NEW: product(NEW, "Summit Tent", "Camping")}


def trained(settings: ModelSettings | None = None) -> RecommenderModel:
    return train(interactions_of(with_a_new_tent(), outdoor_lines()), TODAY, settings)


def test_a_new_product_takes_its_trend_and_standing_from_its_likes() -> None:
    model = trained(ModelSettings(inherited_trend=0.5))
    new = model.product_ids.tolist().index(NEW)
    tents = [0, 1]
    assert model.buyers[new] == model.recent_buyers[new] == model.trend[new] == 0, "nobody bought it"
    assert 0 < model.inherited_trend[new] <= 0.5 * model.trend.max()
    assert model.standing[tents].min() <= model.standing[new] <= model.standing[tents].max()
    others = np.arange(len(model.product_ids)) != new
    assert not model.inherited_trend[others].any()
    np.testing.assert_allclose(model.standing[others], model.buyers[others], atol=1e-3)


def test_more_inherited_trend_shows_a_new_product_higher() -> None:
    def place(part: float) -> float:
        model = trained(ModelSettings(inherited_trend=part))
        recommender = Recommender(model, with_a_new_tent(), FREE)
        (picks,) = recommender.pick_batch([history(104, 105)], 17)
        return next(pick.score for pick in picks if pick.product.id == NEW)

    assert place(0.0) < place(0.5) < place(1.0)


def test_a_new_product_without_any_likes_has_nothing_to_inherit() -> None:
    catalogue = outdoor_catalogue() | {NEW: product(NEW, "Xylophone", "")}
    model = train(interactions_of(catalogue, outdoor_lines()), TODAY)
    assert model.inherited_trend[-1] == model.standing[-1] == 0
    assert not model.weights[-1].any()


def test_a_recent_purchase_counts_more_and_a_customer_counts_once() -> None:
    catalogue = {1: product(1), 2: product(2), 3: product(3)}
    lines = [(c, 1, 1.0) for c in range(10)] + [(c, 2, 15.0) for c in range(10)]
    lines += [(0, 3, 0.5 + n / 100) for n in range(500)] + [(c, 3, 1.0) for c in range(1, 4)]
    trend = trend_of(interactions_of(catalogue, lines), NOW, 7.0, least=1)
    assert trend[0] > trend[1] > 0
    assert trend[0] > trend[2], "500 orders of one customer are one customer"
    hidden = trend_of(interactions_of(catalogue, lines), NOW, 7.0, least=5)
    assert hidden[2] == 0, "four customers are too few to be told"


def test_weighed_down_lines_make_no_trend_and_few_buyers_a_weak_one() -> None:
    catalogue = {1: product(1), 2: product(2)}
    lines = [(c, 1, 1.0) for c in range(300)] + [(c, 2, 1.0) for c in range(300, 340)]
    usual = interactions_of(catalogue, lines)
    pushed = replace(usual, weight=np.where(usual.product == 0, 0.01, 1.0))
    assert trend_of(usual, NOW, 7.0, least=5).argmax() == 0
    assert trend_of(pushed, NOW, 7.0, least=5)[0] == 0
    few = interactions_of(catalogue, [(c, 1, 1.0) for c in range(6)])
    assert 0 < trend_of(few, NOW, 7.0, least=5).max() < 0.6


def test_newcomers_get_what_others_bought_when_they_came() -> None:
    catalogue = {1: product(1), 2: product(2)}
    old_hands = [(c, 1, 1.0) for c in range(60)] + [(c, 1, 300.0) for c in range(60)]
    first_orders = [(c, 2, 1.0) for c in range(100, 130)]
    shop = interactions_of(catalogue, old_hands + first_orders)
    assert trend_of(shop, NOW, 14.0, 5).argmax() == 0
    assert newcomer_trend(shop, NOW, 14.0, 5).argmax() == 1


def in_two_countries() -> Interactions:
    catalogue = {key: product(key) for key in (1, 2, 3)}
    lines = [(c, 1, 5.0) for c in range(50)] + [(c, 2, 5.0) for c in range(100, 112)]
    lines += [(c, 3, 5.0) for c in range(100, 104)] + [(c, 3, 5.0) for c in range(200, 220)]
    shop = interactions_of(catalogue, lines)
    home = {0: "Spain", 1: "Norway", 2: ""}
    return replace(shop, country=np.array([home[key // 100] for key in shop.customer_ids.tolist()]))


def test_each_country_has_favourites_of_its_own_with_enough_customers_behind_each() -> None:
    model = train(in_two_countries(), TODAY)
    spain, norway = model.area_favourites("Spain"), model.area_favourites("Norway")
    assert spain is not None and spain.tolist() == [50, 0, 0]
    assert norway is not None and norway.tolist() == [0, 12, 0], "four customers there are too few to be told"
    assert model.area_favourites("") is model.area_favourites("Peru") is None
    again = RecommenderModel.from_bytes(model.to_bytes()).area_favourites("Norway")
    assert again is not None and again.tolist() == [0, 12, 0]


def test_where_a_newcomer_lives_moves_the_list() -> None:
    model = train(in_two_countries(), TODAY)
    assert model.for_newcomers().argmax() == 0
    assert model.for_newcomers("Norway").argmax() == 1
    assert model.for_newcomers("Peru").tolist() == model.newcomers.tolist()


@pytest.mark.parametrize("lines", [[], [(1, 1, 5.0)]])
def test_no_countries_and_hardly_any_orders_are_no_error(lines: list[tuple[int, int, float]]) -> None:
    shop = interactions_of({1: product(1)}, lines)
    assert areas_of(shop, 5).names == []
    assert not newcomer_trend(shop, NOW, 14.0, 5).any()
    assert train(shop, TODAY).area_favourites("Spain") is None


def test_a_model_of_an_earlier_format_asks_for_training(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("campaigns.recommend.modelfile.FORMAT", 1)
        blob = train(in_two_countries(), TODAY).to_bytes()
    with pytest.raises(Refused, match="train it again"):
        RecommenderModel.from_bytes(blob)

"""The dial of popularity: monotone for everybody, and without effect where nobody turns it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, interactions_of, outdoor_catalogue, read_retail

from campaigns.recommend.evaluation_splits import in_halves
from campaigns.recommend.evaluation_tasks import Answer, answer, discover, sampled
from campaigns.recommend.metrics import spread
from campaigns.recommend.model import ModelSettings, RecommenderModel, train
from campaigns.recommend.scoring import AS_LEARNED, Purchases, Scorer

IDS = np.arange(101, 119)


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    """Some products are bought by nearly all, some by few."""
    rng = np.random.default_rng(11)
    liking = np.linspace(0.9, 0.03, 18)
    lines = [
        (customer, int(key), float(rng.uniform(1, 200)))
        for customer in range(200)
        for key in IDS[rng.random(18) < liking]
    ]
    return train(interactions_of(outdoor_catalogue(), lines), TODAY)


def top(model: RecommenderModel, bought: list[int], dial: float, n: int) -> np.ndarray:
    scorer = Scorer(model, IDS, IDS, popularity=dial)
    none = np.zeros(len(bought), np.int64)
    history = scorer.history_matrix(Purchases(1, none, np.array(bought, np.int64), none.astype(float)))
    total = scorer.scores(history).total[0]
    total[np.isin(IDS, bought)] = -np.inf
    return np.argsort(-total, kind="stable")[:n]


@settings(max_examples=60, deadline=None)
@given(
    bought=st.lists(st.sampled_from(IDS.tolist()), min_size=1, max_size=6, unique=True),
    dials=st.lists(st.floats(0, 1), min_size=2, max_size=5),
    n=st.integers(1, 8),
)
def test_turning_it_up_never_makes_a_list_less_popular(
    model: RecommenderModel, bought: list[int], dials: list[float], n: int
) -> None:
    popular = np.log1p(model.standing)
    sums = [popular[top(model, bought, dial, n)].sum() for dial in sorted(dials)]
    assert all(later >= earlier - 1e-4 for earlier, later in itertools.pairwise(sums))


def test_its_ends_are_far_apart_and_its_middle_changes_nothing(model: RecommenderModel) -> None:
    histories = [[int(key), int(key) + 1] for key in IDS[:-1]]
    rare, learned, common = (
        np.mean([model.buyers[top(model, bought, dial, 4)].mean() for bought in histories])
        for dial in (0.0, AS_LEARNED, 1.0)
    )
    assert rare < learned < common
    plain = Scorer(model, IDS, IDS)
    assert Scorer(model, IDS, IDS, popularity=AS_LEARNED).damping.tolist() == plain.damping.tolist()


@pytest.mark.parametrize("dial", [-0.1, 1.1, float("nan")])
def test_a_dial_outside_its_range_is_refused(model: RecommenderModel, dial: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        Scorer(model, IDS, IDS, popularity=dial)


@pytest.mark.slow
def test_a_real_shop_shows_its_back_catalogue_at_little_cost(retail: Path) -> None:
    halves = in_halves(read_retail(retail), "last-order")
    task = sampled(discover(halves), 800)
    # What tuning finds on these orders.
    model = train(halves.past, halves.as_of, ModelSettings(trend_half_life=28.0, content_weight=0.15))

    def at(dial: float) -> Answer:
        scorer = Scorer(model, model.product_ids, model.product_ids, popularity=dial)
        return answer(task, lambda viewers: scorer.scores(viewers.bought).total)

    learned, turned = at(AS_LEARNED), at(0.33)
    tails = [spread(each.lists, halves.past.buyers(), 1)["tail_share"] for each in (learned, turned)]
    assert tails[1] > max(0.25, 2 * tails[0])
    assert turned.per_customer.ndcg.mean() > 0.94 * learned.per_customer.ndcg.mean()

"""What the model finds, and that its reasons are true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from recommend_samples import TODAY, history, interactions_of, outdoor_catalogue, outdoor_lines, product

from campaigns.core.errors import Refused
from campaigns.recommend import modelfile
from campaigns.recommend.itemweights import purchase_weights
from campaigns.recommend.minimums import LEAST_CUSTOMERS
from campaigns.recommend.model import ModelSettings, RecommenderModel, train
from campaigns.recommend.recommender import History, Recommender, Rules
from campaigns.recommend.texts import nearest_texts, text_vectors

FREE = Rules(per_category=99)


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    return train(interactions_of(outdoor_catalogue(), outdoor_lines()), TODAY)


def test_tent_buyers_get_camping_things(model: RecommenderModel) -> None:
    catalogue = outdoor_catalogue()
    recommender = Recommender(model, catalogue, FREE)
    for bought, world in ((101, "Camping"), (107, "Running"), (113, "Skiing")):
        (picks,) = recommender.pick_batch([history(bought, bought + 1)], 3)
        assert {pick.product.category for pick in picks} == {world}
        assert Counter(p.reason.kind for p in picks)["because_you_bought"] == 3
        assert {p.reason.because for p in picks} <= {catalogue[bought].title, catalogue[bought + 1].title}


@pytest.mark.parametrize("dense_products", [15_000, 0])
def test_both_methods_find_the_same_worlds(dense_products: int) -> None:
    catalogue = outdoor_catalogue()
    settings = ModelSettings(dense_products=dense_products)
    trained = train(interactions_of(catalogue, outdoor_lines()), TODAY, settings)
    assert trained.meta["method"] == ("cease" if dense_products else "bm25")
    (picks,) = Recommender(trained, catalogue, FREE).pick_batch([history(101, 102)], 3)
    assert {pick.product.category for pick in picks} == {"Camping"}


def test_removing_the_product_named_in_a_reason_lowers_the_score(model: RecommenderModel) -> None:
    catalogue = outdoor_catalogue()
    recommender = Recommender(model, catalogue, FREE)
    rng = np.random.default_rng(3)
    pasts = [
        history(
            *rng.choice(np.arange(101, 119), rng.integers(1, 7), replace=False).tolist(), customer=customer
        )
        for customer in range(60)
    ]
    named = [
        (past, pick)
        for past, picks in zip(pasts, recommender.pick_batch(pasts, 6), strict=True)
        for pick in picks
        if pick.reason.kind == "because_you_bought"
    ]
    assert len(named) > 100
    rests = [
        history(*past.products[past.products != pick.reason.because_id].tolist()) for past, pick in named
    ]
    for (_, pick), again in zip(named, recommender.pick_batch(rests, len(catalogue)), strict=True):
        assert next(p.score for p in again if p.product.id == pick.product.id) < pick.score


def test_the_reason_names_the_purchase_whose_removal_costs_the_most_taste(model: RecommenderModel) -> None:
    still = replace(model, trend=np.zeros_like(model.trend))
    recommender = Recommender(still, outdoor_catalogue(), FREE)
    bought = [101, 103, 107, 116]
    for pick in recommender.pick_batch([history(*bought)], 5)[0]:
        scores = {}
        for gone in bought:
            rest = history(*(key for key in bought if key != gone))
            scores[gone] = {p.product.id: p.score for p in recommender.pick_batch([rest], 18)[0]}[
                pick.product.id
            ]
        assert scores[pick.reason.because_id] == min(scores.values())


def test_a_batch_gives_the_same_as_one_by_one(model: RecommenderModel) -> None:
    recommender = Recommender(model, outdoor_catalogue())
    rng = np.random.default_rng(5)
    histories = [
        History(c, rng.choice(np.arange(101, 119), c % 6, replace=False), np.full(c % 6, 9.0), c % 4 != 0)
        for c in range(50)
    ]
    together = recommender.pick_batch(histories, 4)
    assert together == [recommender.pick_batch([one], 4)[0] for one in histories]


def test_many_small_blocks_give_the_same_as_one(
    model: RecommenderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = outdoor_catalogue()
    histories = [history(101 + c % 18, customer=c) for c in range(30)]
    expected = Recommender(model, catalogue).pick_batch(histories, 4)
    monkeypatch.setattr("campaigns.recommend.sparserows.BLOCK_CELLS", 40)
    assert Recommender(model, catalogue).pick_batch(histories, 4) == expected
    again = train(interactions_of(catalogue, outdoor_lines()), TODAY)
    np.testing.assert_allclose(again.weights, model.weights, rtol=1e-3, atol=1e-5)


def test_a_product_nobody_bought_inherits_from_its_likes() -> None:
    catalogue = outdoor_catalogue()
    catalogue[500] = product(500, "Summit Tent", "Camping")
    trained = train(interactions_of(catalogue, outdoor_lines()), TODAY, ModelSettings(content_weight=0.0))
    new = trained.product_ids.tolist().index(500)
    sources = trained.product_ids[trained.sources[new][trained.weights[new] > 0]]
    assert {103, 104, 105} & set(sources.tolist()), "bought together with tents, unlike them in words"
    by_taste_alone = replace(trained, trend=np.zeros_like(trained.trend))
    (picks,) = Recommender(by_taste_alone, catalogue, FREE).pick_batch([history(103, 104)], 4)
    assert 500 in {pick.product.id for pick in picks}


def test_the_closed_form_is_the_textbook_one() -> None:
    interactions = interactions_of(outdoor_catalogue(), outdoor_lines())
    bought, vectors = interactions.bought(), text_vectors(interactions.catalogue.texts)
    ridge = 8 * np.bincount(bought.indices).mean()
    gram = (bought.T @ bought).toarray() + ridge / 12 * (vectors @ vectors.T).toarray()
    inverse = np.linalg.inv(gram + ridge * np.eye(len(gram)))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    weights, _ = purchase_weights(bought, vectors)
    expected *= (bought.T @ bought).toarray() >= LEAST_CUSTOMERS
    np.testing.assert_allclose(weights.toarray(), np.maximum(expected.T, 0), rtol=1e-2, atol=1e-5)


def test_orders_from_the_future_teach_nothing() -> None:
    catalogue = outdoor_catalogue()
    past = outdoor_lines()
    with_future = interactions_of(catalogue, [*past, (1, 118, -3.0), (999, 117, -1.0)])
    expected, got = train(interactions_of(catalogue, past), TODAY), train(with_future, TODAY)
    np.testing.assert_array_equal(got.weights, expected.weights)
    np.testing.assert_array_equal(got.buyers, expected.buyers)


def test_texts_without_words_and_in_other_scripts() -> None:
    assert text_vectors(["", "!", "a"]).nnz == 0
    vectors = text_vectors(["ski boot", "ski glove", "雨衣 外套", "雨衣"])
    alike = nearest_texts(vectors, np.arange(4), np.ones(4, bool), 1).toarray()
    assert alike.argmax(axis=1).tolist() == [1, 0, 3, 2]


def test_a_model_survives_its_file_unchanged(model: RecommenderModel) -> None:
    again = RecommenderModel.from_bytes(model.to_bytes())
    for name in modelfile.ARRAYS:
        mine, theirs = getattr(model, name), getattr(again, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    assert again.meta == model.meta
    assert again.to_bytes() == model.to_bytes()


def test_a_damaged_or_foreign_model_is_refused(
    model: RecommenderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = model.to_bytes()
    for damaged in (b"", b"nonsense", blob[: len(blob) // 2]):
        with pytest.raises(Refused, match="damaged"):
            RecommenderModel.from_bytes(damaged)
    monkeypatch.setattr(modelfile, "FORMAT", 9)
    with pytest.raises(Refused, match="format 2"):
        RecommenderModel.from_bytes(blob)


def test_the_model_holds_no_customer() -> None:
    catalogue = outdoor_catalogue()
    lines = outdoor_lines()
    strangers = [(customer + 7_000_000, key, ago) for customer, key, ago in lines]
    one, other = (train(interactions_of(catalogue, rows), TODAY) for rows in (lines, strangers))
    for name in modelfile.ARRAYS:
        if not name.startswith("area_"):
            assert getattr(one, name).shape[:1] == (len(catalogue),), "one row per product and nothing else"
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))

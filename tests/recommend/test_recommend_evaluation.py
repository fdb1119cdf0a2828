"""The offline protocol, by hand on a tiny shop and for real on the retail data."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from recommend_samples import TODAY, interactions_of, product, read_retail

from campaigns.core.errors import BadInput
from campaigns.models.values import ProductFacts
from campaigns.recommend.evaluation import evaluate
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.model import train
from campaigns.recommend.recommender import History, Recommender


@pytest.fixture(scope="module")
def retail_interactions(request: pytest.FixtureRequest) -> Interactions:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "online-retail"
    if not (folder / "orders.csv.gz").is_file():
        pytest.skip("the retail data is not here: put it at ../shared/data/online-retail beside the checkout")
    return read_retail(folder)


def test_metrics_worked_out_by_hand() -> None:
    catalogue = {n: product(n, f"w{n}") for n in range(1, 5)}
    before = [(1, 1, 50.0), (2, 1, 50.0), (2, 2, 50.0), (3, 2, 50.0), (3, 3, 50.0), (4, 2, 50.0)]
    # Customer 1 knows product 1; best-sellers rank 2 then 3. Product 4 was unknown: not a hit, not counted.
    after = [(1, 3, 5.0), (1, 4, 5.0), (1, 1, 5.0)]
    cut = TODAY - timedelta(days=20)
    result = evaluate(interactions_of(catalogue, before + after), "time", cut)
    assert result["customers"] == 1
    best = result["best_sellers"]
    assert best["ndcg@10"] == pytest.approx(1 / np.log2(3))
    assert best["precision@10"] == pytest.approx(0.1)
    assert best["recall@10"] == pytest.approx(1.0)


def test_last_order_leaves_customers_of_one_order_in_training() -> None:
    catalogue = {n: product(n, f"w{n}") for n in range(1, 5)}
    lines = [(1, 1, 50.0), (1, 2, 9.0), (2, 2, 40.0), (3, 1, 30.0), (3, 3, 20.0), (3, 2, 10.0)]
    result = evaluate(interactions_of(catalogue, lines), "last-order")
    assert result["customers"] == 2
    assert result["best_sellers"]["recall@10"] == 1.0


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(BadInput, match="no orders"):
        evaluate(interactions_of({}, []))
    with pytest.raises(BadInput, match="no split"):
        evaluate(interactions_of({1: product(1)}, [(1, 1, 3.0)]), "random")  # type: ignore[arg-type]


@pytest.mark.slow
def test_picks_foretell_real_purchases_far_better_than_best_sellers(
    retail_interactions: Interactions,
) -> None:
    by_time = evaluate(retail_interactions, "time", datetime(2011, 11, 9, tzinfo=UTC))
    assert by_time["customers"] == 1287
    assert by_time["best_sellers"]["ndcg@10"] == pytest.approx(0.034, abs=0.001)
    assert by_time["ours"]["ndcg@10"] > 0.15
    last = evaluate(retail_interactions, "last-order")
    assert last["customers"] == 2495
    assert last["ours"]["ndcg@10"] > 0.10 > 2 * last["best_sellers"]["ndcg@10"]


@pytest.mark.slow
def test_a_real_shop_is_served_quickly(retail_interactions: Interactions) -> None:
    model = train(retail_interactions, datetime(2011, 12, 10, tzinfo=UTC))
    assert len(model.to_bytes()) < 3_000_000
    recommender = Recommender(model, facts_of(retail_interactions))
    histories = histories_of(retail_interactions)
    started = time.perf_counter()
    picks = recommender.pick_batch(histories, 4)
    assert all(len(row) == 4 for row in picks)
    # 10,000 a second on two idle cores; the bar is low so that a busy machine does not fail it.
    assert len(histories) / (time.perf_counter() - started) > 1_500


def facts_of(interactions: Interactions) -> dict[int, ProductFacts]:
    shelf = interactions.catalogue
    return {
        int(key): ProductFacts(int(key), "", text, "", kind, "", Decimal(1), "GBP", "", "", int(stock), ())
        for key, text, kind, stock in zip(shelf.ids, shelf.texts, shelf.categories, shelf.stock, strict=True)
    }


def histories_of(interactions: Interactions) -> list[History]:
    bought = interactions.bought()
    rows = np.split(interactions.catalogue.ids[bought.indices], bought.indptr[1:-1])
    return [History(n, row, np.zeros(len(row)), True) for n, row in enumerate(rows)]

"""The evaluation a shop sees: on small shops whose answer is known, and for real on the retail data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recommend_samples import TODAY, interactions_of, outdoor_catalogue, outdoor_lines, product, read_retail

from campaigns.core.errors import BadInput
from campaigns.recommend.baselines import Viewers, fit_baselines
from campaigns.recommend.evaluation import evaluate
from campaigns.recommend.evaluation_cold import stripped
from campaigns.recommend.evaluation_segments import LEAST_CUSTOMERS, SMALL, segments, tenures
from campaigns.recommend.evaluation_splits import Split, in_halves
from campaigns.recommend.evaluation_tasks import OURS, Answer, Task, answer, discover
from campaigns.recommend.evaluation_verdict import verdict
from campaigns.recommend.footprint import PeakMemory
from campaigns.recommend.learning import BEST_SELLERS
from campaigns.recommend.metrics import PerCustomer
from campaigns.recommend.sparserows import nothing

BASELINES = {"best_sellers", "recent_favourites", "tfidf", "bm25", "ials", "ease"}
METRICS = {"ndcg@10", "precision@10", "recall@10", "f1@10", "hit_rate@10", "customers"}
TASKS = ("discover", "buy_again", "cold_products", "cold_customers")
# Of the issue that asked for the engine: NDCG@10 of ours on the retail data.
TARGETS = {
    "time": {"discover": 0.155, "buy_again": 0.3545, "cold_customers": 0.103},
    "last-order": {"discover": 0.090, "buy_again": 0.2706},
}
CUSTOMERS = {"time": 1287, "last-order": 2495}


@pytest.fixture(scope="module")
def outdoor() -> dict[str, Any]:
    """240 customers who keep to one of three worlds: personal picks must win clearly."""
    shop = interactions_of(outdoor_catalogue(), outdoor_lines(240))
    return evaluate(shop, "last-order", tuning_seconds=0, languages=np.tile(["de", "en"], 120))


def test_every_task_has_ours_and_all_baselines(outdoor: dict[str, Any]) -> None:
    told = json.loads(json.dumps(outdoor, allow_nan=False))
    for task in TASKS:
        assert told[task].keys() == {OURS, *BASELINES}, task
        for name, row in told[task].items():
            assert row.keys() >= METRICS, (task, name)
            assert ("ours_better_by" in row) == (name != OURS)
    for task in ("discover", "buy_again", "cold_customers"):
        assert told[task][OURS].keys() >= {"coverage", "tail_share", "gini", "novelty", "interval"}
    assert told["cold_products"][OURS].keys() >= {
        "full_recall@10",
        "overall_ndcg@10",
        "overall_loss",
        "products",
    }
    for figure in ("fit_seconds", "customers_per_second", "process_mb", "model_mb"):
        assert told[figure] > 0, figure
    # So small a shop may find room in what earlier tests left idle.
    assert 0 <= told["peak_mb"] <= told["process_mb"]


def test_taste_is_found_where_there_is_taste(outdoor: dict[str, Any]) -> None:
    assert outdoor["verdict"]["enough"] is True
    assert outdoor["verdict"]["words"][0].startswith("The data suffice")
    rows = outdoor["discover"]
    assert rows[OURS]["ndcg@10"] > rows["best_sellers"]["ndcg@10"] + 0.1
    assert rows["best_sellers"]["ours_better_by"]["low"] > 0
    assert not outdoor["fitting"]["under_fitted"] and not outdoor["fitting"]["over_fitted"]
    assert {(row["by"], row["group"]) for row in outdoor["segments"]} >= {
        ("language", "de"),
        ("language", "en"),
    }


def test_thin_data_are_called_thin_and_get_best_sellers() -> None:
    thin = evaluate(interactions_of(outdoor_catalogue(), outdoor_lines(20)), "last-order", tuning_seconds=0)
    assert thin["verdict"]["enough"] is False
    assert thin["verdict"]["method"] == BEST_SELLERS
    assert "the data are thin" in thin["verdict"]["words"][0]
    ours, best_sellers = thin["discover"][OURS], thin["discover"]["best_sellers"]
    assert {name: ours[name] for name in METRICS} == {name: best_sellers[name] for name in METRICS}


def test_baselines_rank_as_a_hand_would() -> None:
    catalogue = {n: product(n, f"w{n}") for n in range(1, 5)}
    before = [(1, 1, 50.0), (2, 1, 50.0), (2, 2, 50.0), (3, 2, 50.0), (3, 3, 50.0), (4, 2, 21.0)]
    # Customer 1 knows product 1; best-sellers rank 2 then 3. Product 4 was unknown: not a hit, not counted.
    after = [(1, 3, 5.0), (1, 4, 5.0), (1, 1, 5.0)]
    halves = in_halves(interactions_of(catalogue, before + after), "time", TODAY - timedelta(days=20))
    task = discover(halves)
    found = {name: answer(task, ranker) for name, ranker in fit_baselines(halves.past, halves.today).items()}
    assert found["best_sellers"].lists[0, :3].tolist() == [1, 2, 3]
    assert found["best_sellers"].per_customer.ndcg == pytest.approx([1 / np.log2(3)])
    assert found["recent_favourites"].lists[0, 0] == 1, "the only one that was bought lately"
    for name, answered in found.items():
        assert 0 not in answered.lists[0], f"{name} lists what the customer has"


def test_nobody_is_listed_what_they_have_and_newcomers_get_best_sellers() -> None:
    halves = in_halves(interactions_of(outdoor_catalogue(), outdoor_lines(60)), "last-order")
    task, best = discover(halves), halves.past.buyers()
    for name, ranker in fit_baselines(halves.past, halves.today).items():
        lists = answer(task, ranker).lists
        has = task.never.toarray()
        assert not any(
            has[row, place] for row, listed in enumerate(lists) for place in listed if place >= 0
        ), name
        newcomer = Viewers(np.zeros(1, np.int64), nothing(1, len(best)), True)
        if name != "recent_favourites":
            assert best[ranker(newcomer)[0].argmax()] == best.max(), name


def test_ease_is_its_closed_form() -> None:
    halves = in_halves(interactions_of(outdoor_catalogue(), outdoor_lines(60)), "last-order")
    bought = halves.past.bought().toarray().astype(np.float64)
    inverse = np.linalg.inv(bought.T @ bought + 300 * np.eye(bought.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    rows = np.arange(5)
    ranker = fit_baselines(halves.past, halves.today)["ease"]
    scores = ranker(Viewers(rows, halves.past.bought()[rows], False))
    assert scores == pytest.approx(bought[:5] @ weights, abs=1e-5)


def test_cold_products_lose_their_purchases_and_only_they() -> None:
    halves = in_halves(interactions_of(outdoor_catalogue(), outdoor_lines(240)), "last-order")
    trial = stripped(halves)
    assert trial.cold.sum() == 2, "a tenth of eighteen"
    assert (trial.past.buyers()[trial.cold] == 0).all()
    assert (trial.past.buyers()[~trial.cold] == halves.past.buyers()[~trial.cold]).all()
    assert (stripped(halves).cold == trial.cold).all()
    assert trial.task.bought[:, np.flatnonzero(trial.cold)].nnz == 0
    assert trial.task.wanted[:, np.flatnonzero(trial.cold)].nnz > 0


def segmented(ours: np.ndarray[Any, Any], labels: list[str]) -> dict[str, dict[str, Any]]:
    count = len(ours)
    nobody = nothing(count, 1)
    task = Task(np.arange(count), nobody, nobody, nobody)
    answered = {
        name: Answer(np.zeros((count, 10), np.int64), PerCustomer(values, values, values, values, values))
        for name, values in ((OURS, ours), ("best_sellers", np.full(count, 0.1)))
    }
    return {row["group"]: row for row in segments(task, answered, {"country": np.array(labels)})}


def test_a_group_that_is_served_worse_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.uniform(0.1, 0.5, 300), rng.uniform(0, 0.1, 60), rng.uniform(0, 0.1, 5)])
    rows = segmented(values, ["GB"] * 300 + ["FR"] * 60 + ["NO"] * 4 + [""])
    assert rows["FR"]["served_worse"] and rows["FR"]["worse_than_best_sellers"]
    assert not rows["GB"]["served_worse"]
    assert rows[SMALL]["customers"] == 5 < LEAST_CUSTOMERS
    assert not rows[SMALL]["served_worse"], "of so few nothing is said"
    alike = segmented(rng.uniform(0.1, 0.5, 200), ["GB", "FR"] * 100)
    assert not any(row["served_worse"] for row in alike.values())


def test_one_group_alone_is_compared_with_nobody() -> None:
    assert segmented(np.ones(50), ["GB"] * 50) == {}


def test_tenure_is_counted_from_the_first_order() -> None:
    halves = in_halves(
        interactions_of({1: product(1), 2: product(2)}, [(1, 1, 25.0), (2, 1, 60.0), (2, 2, 25.0), (3, 1, 500.0), (1, 2, 5.0)]),
        "time", TODAY - timedelta(days=20),
    )  # fmt: skip
    assert tenures(halves).tolist() == ["under 1 month", "1 to 3 months", "over a year"]


def test_the_verdict_names_what_is_better_and_who_is_behind(outdoor: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(outdoor))
    changed["discover"]["ease"]["ours_better_by"] = {"mean": -0.1, "low": -0.2, "high": -0.05}
    changed["discover"]["bm25"]["ours_better_by"] = {"mean": 0.0, "low": -0.1, "high": 0.1}
    changed["segments"][0] |= {"served_worse": True, "worse_than_best_sellers": True}
    changed["fitting"] |= {"over_fitted": True}
    words = " ".join(verdict(changed)["words"])
    group = f"{changed['segments'][0]['by']} {changed['segments'][0]['group']}"
    assert "worse beyond chance than EASE" in words
    assert re.search("No difference beyond chance to [^.]*BM25", words)
    assert "Over-fitted" in words
    assert f"Best-sellers would serve these better: {group}" in words
    assert f"Served worse than the others beyond chance: {group}" in words


def test_nobody_to_test_is_said() -> None:
    shop = interactions_of({1: product(1), 2: product(2)}, [(1, 1, 30.0), (1, 1, 5.0), (2, 2, 30.0)])
    with pytest.raises(BadInput, match=r"none of the customers who bought before .* take more days"):
        evaluate(shop, "time", TODAY - timedelta(days=20), tuning_seconds=0)


def test_memory_that_lay_idle_counts_as_taken_when_it_is_used() -> None:
    # Blocks below malloc's threshold for mapping stay with the process when they are freed.
    for _ in range(2):
        with PeakMemory() as memory:
            blocks = [np.ones(8_000) for _ in range(400)]
        assert memory.taken >= 15, "25 MB were taken and touched"
        # A block that lives keeps those before it in the heap.
        kept = blocks[-1]
        del blocks
    del kept


def test_the_peak_of_memory_is_that_of_the_block() -> None:
    with PeakMemory() as memory:
        block = np.ones(8_000_000)
    assert memory.taken >= 50, "64 MB were taken and touched"
    assert memory.megabytes > memory.taken
    del block


@pytest.fixture(scope="session")
def evaluated(request: pytest.FixtureRequest) -> Any:
    """By split: the evaluation of the retail data, as they come without tuning; once for all tests."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "online-retail"
    if not (folder / "orders.csv.gz").is_file():
        pytest.skip("the retail data is not here: put it at ../shared/data/online-retail beside the checkout")
    interactions = read_retail(folder)
    cuts: Mapping[str, datetime | None] = {"time": datetime(2011, 11, 9, tzinfo=UTC), "last-order": None}

    @cache
    def of(split: Split) -> dict[str, Any]:
        return evaluate(interactions, split, cuts[split], tuning_seconds=0)

    return of


@pytest.mark.slow
@pytest.mark.parametrize("split", ["time", "last-order"])
def test_picks_foretell_real_purchases_better_than_every_library(evaluated: Any, split: Split) -> None:
    found = evaluated(split)
    assert found["discover"][OURS]["customers"] == CUSTOMERS[split]
    for task, target in TARGETS[split].items():
        assert found[task][OURS]["ndcg@10"] >= target, task
    for name in BASELINES:
        assert found["discover"][name]["ours_better_by"]["low"] > 0, name
    assert found["discover"]["best_sellers"]["ndcg@10"] == pytest.approx(0.0345, abs=0.001)
    assert found["verdict"]["enough"] is True
    assert not found["fitting"]["over_fitted"] and not found["fitting"]["under_fitted"]


@pytest.mark.slow
def test_real_products_without_purchases_find_their_customers(evaluated: Any) -> None:
    cold = evaluated("time")["cold_products"][OURS]
    assert cold["recall@10"] >= 0.16
    # More of them are shown where tuning finds that the shop can afford it (inherited_trend; tuning.py).
    assert cold["full_recall@10"] >= 0.01
    assert cold["overall_loss"] <= 0.05


@pytest.mark.slow
def test_a_real_shop_fits_into_a_small_machine(evaluated: Any) -> None:
    found = evaluated("time")
    assert found["model_mb"] <= 6
    # Above what the process held before; 2 s and 9,000 a second are for an idle machine (benchmarks/recommend.py).
    assert found["peak_mb"] <= 300
    assert found["customers_per_second"] > 1_000

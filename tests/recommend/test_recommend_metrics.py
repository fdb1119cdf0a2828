"""Metrics of lists against numbers worked out by hand, and what they must hold for any lists."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from campaigns.recommend.metrics import DEPTH, gini, head_of, measured, spread, top_lists


def wanted(*rows: list[int], products: int = 20) -> sparse.csr_array:
    dense = np.zeros((len(rows), products), np.float32)
    for row, products_of in enumerate(rows):
        dense[row, products_of] = 1
    return sparse.csr_array(dense)


def test_metrics_worked_out_by_hand() -> None:
    lists = np.array([[4, 1, 7, 2, 3, 5, 6, 8, 9, 10], [4, 1, 7, 2, 3, 5, 6, 8, 9, 10]])
    # The first wanted 1 (second place) and 2 (fourth place) and 15 (not listed); the second nothing of the list.
    found = measured(lists, wanted([1, 2, 15], [15]))
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found.ndcg == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / ideal, 0])
    assert found.precision == pytest.approx([0.2, 0])
    assert found.recall == pytest.approx([2 / 3, 0])
    assert found.f1 == pytest.approx([2 * 0.2 * (2 / 3) / (0.2 + 2 / 3), 0])
    assert found.hit.tolist() == [1, 0]
    assert found.means()[f"recall@{DEPTH}"] == pytest.approx(1 / 3)


def test_the_ideal_list_is_as_long_as_the_list_at_most() -> None:
    everything = list(range(12))
    found = measured(np.arange(10)[None], wanted(everything))
    assert found.ndcg == pytest.approx([1])
    assert found.recall == pytest.approx([10 / 12])


def test_an_empty_place_is_no_hit_and_counts_for_precision() -> None:
    short = np.array([[19, -1, -1, -1, -1, -1, -1, -1, -1, -1]])
    # -1 would be the last product (19) if it were taken for a column.
    assert measured(short, wanted([19])).precision == pytest.approx([0.1])
    assert measured(short, wanted([18])).hit.tolist() == [0]


def test_the_best_come_first_and_what_is_masked_never() -> None:
    scores = np.array([[0.1, 0.9, -np.inf, 0.5], [0, 0, 0, 0]], np.float32)
    assert top_lists(scores, 2)[0].tolist() == [1, 3]
    assert top_lists(scores, 6).tolist() == [[1, 3, 0, -1, -1, -1], [0, 1, 2, 3, -1, -1]]
    assert top_lists(np.zeros((2, 0), np.float32), 2).tolist() == [[-1, -1], [-1, -1]]


def test_what_lists_show_of_a_catalogue_worked_out_by_hand() -> None:
    buyers = np.array([8, 4, 2, 1, 1, 0, 0, 0, 0, 0])
    lists = np.array([[0, 1], [0, 2], [0, -1]])
    shown = spread(lists, buyers, customers=16)
    assert shown["coverage"] == pytest.approx(3 / 10)
    # The fifth that sells best is products 0 and 1; of five picks only that of product 2 is outside.
    assert shown["tail_share"] == pytest.approx(1 / 5)
    assert shown["novelty"] == pytest.approx((3 * 1 + 2 + 3) / 5), "-log2 of 8/16, 4/16 and 2/16"
    assert spread(np.full((2, 3), -1), buyers, 16)["coverage"] == 0


def test_gini_of_known_distributions() -> None:
    assert gini(np.array([3, 3, 3, 3])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 5])) == pytest.approx(3 / 4), "one of four has all"
    assert gini(np.array([1, 3])) == pytest.approx(1 / 4)


def test_the_head_is_a_fifth_of_the_catalogue_rounded_up() -> None:
    assert head_of(np.array([1, 9, 5, 0, 0, 0])).tolist() == [False, True, True, False, False, False]


@given(
    st.integers(1, 8).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 11), min_size=1, unique=True), min_size=n, max_size=n)
    ),
    st.integers(0, 99),
)
def test_metrics_agree_with_a_plain_loop(rows: list[list[int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(rows), 12)).astype(np.float32)
    lists = top_lists(scores, DEPTH)
    found = measured(lists, wanted(*rows, products=12))
    for place, targets in enumerate(rows):
        best = sorted(range(12), key=lambda column, place=place: -scores[place, column])[:DEPTH]  # type: ignore[misc]
        gain = sum(1 / math.log2(rank + 2) for rank, column in enumerate(best) if column in targets)
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, len(targets))))
        assert found.ndcg[place] == pytest.approx(gain / ideal)
        assert found.recall[place] == pytest.approx(len(set(best) & set(targets)) / len(targets))

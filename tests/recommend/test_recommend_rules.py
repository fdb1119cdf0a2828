"""The rules of a list of picks, on shops and histories made up by hypothesis."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, history, interactions_of, outdoor_catalogue, outdoor_lines, product

from campaigns.models.values import ProductFacts
from campaigns.recommend.model import train
from campaigns.recommend.recommender import History, Recommender, Rules

SHOP = st.dictionaries(
    st.integers(1, 60),
    st.tuples(st.sampled_from(["", "Hats", "Boots", "Tents"]), st.integers(0, 2)),
    max_size=40,
)
LINES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 60), st.floats(0, 400)), max_size=80)
PRODUCT_SETS = st.lists(st.integers(1, 70), max_size=12)


def shop_of(made: dict[int, tuple[str, int]]) -> dict[int, ProductFacts]:
    return {key: product(key, f"Thing {key} {kind}", kind, stock) for key, (kind, stock) in made.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SHOP, LINES, st.lists(st.tuples(PRODUCT_SETS, st.booleans()), max_size=6), st.integers(1, 8))
def test_rules_hold_for_any_shop(
    made: dict[int, tuple[str, int]],
    lines: list[tuple[int, int, float]],
    customers: list[tuple[list[int], bool]],
    n: int,
) -> None:
    catalogue = shop_of(made)
    recommender = Recommender(train(interactions_of(catalogue, lines), TODAY), catalogue)
    histories = [history(*bought, customer=c, personal=p) for c, (bought, p) in enumerate(customers)]
    in_stock = {key for key, facts in catalogue.items() if facts.stock > 0}
    for past, picks in zip(histories, recommender.pick_batch(histories, n), strict=True):
        new = in_stock - set(past.products.tolist()) if past.personal else in_stock
        ids = [pick.product.id for pick in picks]
        assert len(ids) == min(n, len(in_stock)), "exactly n while so many are in stock"
        assert len(set(ids)) == len(ids)
        assert set(ids) <= in_stock
        assert set(ids) <= new or new <= set(ids), "what was bought only where nothing new is left"
        assert [pick.rank for pick in picks] == list(range(len(picks)))
        assert all(a.score >= b.score for a, b in pairwise(picks))
        if set(ids) <= new:
            check_categories(catalogue, new, picks_categories(ids, catalogue), n)
        for pick in picks:
            assert (pick.reason.kind == "buy_again") == (pick.product.id not in new)
            check_reason(pick.reason.kind, pick.reason.because_id, past, catalogue)


def picks_categories(ids: list[int], catalogue: dict[int, ProductFacts]) -> Counter[str]:
    return Counter(catalogue[key].category for key in ids if catalogue[key].category)


def check_categories(
    catalogue: dict[int, ProductFacts], allowed: set[int], picked: Counter[str], n: int
) -> None:
    sizes = Counter(catalogue[key].category for key in allowed)
    room = sizes[""] + sum(min(size, 2) for category, size in sizes.items() if category)
    if room >= n:
        assert max(picked.values(), default=0) <= 2


def check_reason(kind: str, because_id: int, past: History, catalogue: dict[int, ProductFacts]) -> None:
    assert (because_id != 0) == (kind == "because_you_bought")
    if because_id:
        assert past.personal
        assert because_id in past.products.tolist()
        assert because_id in catalogue


def test_a_wide_catalogue_of_one_taste_still_obeys_the_category_rule() -> None:
    catalogue = {n: product(n, f"Mug {n}", "Mugs") for n in range(1, 200)}
    catalogue |= {n: product(n, f"Lamp {n}", "Lamps") for n in range(200, 203)}
    lines = [(c, key, 5.0) for c in range(30) for key in range(1, 150)]
    recommender = Recommender(train(interactions_of(catalogue, lines), TODAY), catalogue)
    (picks,) = recommender.pick_batch([history(1, 2)], 4)
    assert Counter(pick.product.category for pick in picks) == {"Mugs": 2, "Lamps": 2}


def test_what_was_bought_long_ago_may_come_back_when_the_shop_allows_it() -> None:
    catalogue = {n: product(n) for n in range(1, 4)}
    model = train(interactions_of(catalogue, [(1, 1, 300.0), (2, 2, 300.0)]), TODAY)
    past = History(1, np.array([1, 2]), np.array([300.0, 10.0]), True)
    never = Recommender(model, catalogue).pick_batch([past], 3)[0]
    later = Recommender(model, catalogue, Rules(bought_days=90)).pick_batch([past], 3)[0]
    assert [pick.product.id for pick in never if pick.reason.kind != "buy_again"] == [3]
    assert {pick.product.id for pick in later if pick.reason.kind != "buy_again"} == {1, 3}


def test_without_consent_all_get_the_same_best_sellers() -> None:
    catalogue = outdoor_catalogue()
    recommender = Recommender(train(interactions_of(catalogue, outdoor_lines()), TODAY), catalogue)
    anonymous = [history(101, 102, customer=1, personal=False), history(customer=2, personal=False)]
    first, second = recommender.pick_batch(anonymous, 4)
    assert [p.product.id for p in first] == [p.product.id for p in second]
    assert {pick.reason.kind for pick in first} == {"best_seller"}


def test_newcomers_get_what_was_bought_lately_and_not_what_sold_long_ago() -> None:
    catalogue = {n: product(n) for n in range(1, 6)}
    lines = [(c, 1, 200.0) for c in range(20)] + [(c, 2, 3.0) for c in range(5)]
    recommender = Recommender(train(interactions_of(catalogue, lines), TODAY), catalogue)
    (picks,) = recommender.pick_batch([history()], 2)
    assert [(p.product.id, p.reason.kind) for p in picks] == [(2, "recent_favourite"), (1, "best_seller")]


def test_empty_shops_and_batches_do_not_crash() -> None:
    nothing = Recommender(train(interactions_of({}, []), TODAY), {})
    assert nothing.pick_batch([history(1), history(personal=False)], 3) == [[], []]
    assert nothing.pick_batch([], 3) == []
    one = {1: product(1)}
    single = Recommender(train(interactions_of(one, [(1, 1, 2.0)]), TODAY), one)
    (again,) = single.pick_batch([history(1)], 2)
    assert [(pick.product.id, pick.reason.kind) for pick in again] == [(1, "buy_again")]
    assert [p.product.id for p in single.pick_batch([history()], 2)[0]] == [1]


def test_products_newer_than_the_model_and_purchases_it_never_saw() -> None:
    catalogue = outdoor_catalogue()
    model = train(interactions_of(catalogue, outdoor_lines()), TODAY)
    grown = {**catalogue, 900: product(900, "Kayak", "Water")}
    (picks,) = Recommender(model, grown).pick_batch([history(900, 101)], 5)
    assert len(picks) == 5
    assert all(pick.reason.because_id != 900 for pick in picks)

"""Picks for newcomers who said what they like."""

from __future__ import annotations

from collections import Counter

from recommend_samples import TODAY, history, interactions_of, outdoor_catalogue, outdoor_lines, product

from campaigns.models.values import Pick
from campaigns.recommend.model import train
from campaigns.recommend.recommender import Likes, Recommender


def recommender() -> Recommender:
    catalogue = outdoor_catalogue()
    return Recommender(train(interactions_of(catalogue, outdoor_lines()), TODAY), catalogue)


def picked(likes: Likes, *bought: int, personal: bool = True, n: int = 4) -> list[Pick]:
    return recommender().pick_batch([history(*bought, personal=personal)], n, {1: likes})[0]


def test_a_liked_category_comes_first_and_says_so() -> None:
    picks = picked(Likes(frozenset({"Skiing"})))
    assert [pick.product.category for pick in picks[:2]] == ["Skiing", "Skiing"]
    assert {(pick.reason.kind, pick.reason.because) for pick in picks[:2]} == {("because_you_like", "Skiing")}
    assert Counter(pick.product.category for pick in picks)["Skiing"] == 2, "others are seen too"
    assert {pick.reason.kind for pick in picks[2:]} <= {"recent_favourite", "best_seller"}


def test_several_liked_categories_share_the_places() -> None:
    picks = picked(Likes(frozenset({"Skiing", "Running"})))
    assert Counter(pick.product.category for pick in picks) == {"Skiing": 2, "Running": 2}


def test_a_liked_product_leads_and_brings_what_is_bought_with_it() -> None:
    picks = picked(Likes(products=frozenset({101})))
    assert (picks[0].product.id, picks[0].reason.kind) == (101, "your_favourite")
    near = picks[1]
    assert near.product.category == "Camping"
    assert (near.reason.kind, near.reason.because_id) == ("because_you_like", 101)
    assert near.reason.because == picks[0].product.title


def test_likes_differ_from_what_all_newcomers_get() -> None:
    usual = [pick.product.id for pick in picked(Likes())]
    for world in ("Camping", "Running", "Skiing"):
        assert picked(Likes(frozenset({world})))[0].product.category == world
    assert [pick.product.id for pick in recommender().pick_batch([history()], 4)[0]] == usual


def test_without_profiling_nothing_of_it_is_used() -> None:
    picks = picked(Likes(frozenset({"Skiing"}), frozenset({101})), personal=False)
    general = recommender().pick_batch([history(personal=False)], 4)[0]
    assert picks == general


def test_who_has_bought_is_known_by_that() -> None:
    likes = Likes(frozenset({"Skiing"}))
    assert picked(likes, 101, 102) == recommender().pick_batch([history(101, 102)], 4)[0]


def test_what_is_sold_out_or_unknown_is_never_picked() -> None:
    catalogue = {n: product(n, category="Hats", stock=n % 2) for n in range(1, 9)}
    shop = Recommender(train(interactions_of(catalogue, [(1, 1, 3.0)]), TODAY), catalogue)
    likes = Likes(frozenset({"Hats", "Nonsense"}), frozenset({2, 999}))
    picks = shop.pick_batch([history()], 4, {1: likes})[0]
    assert sorted(pick.product.id for pick in picks) == [1, 3, 5, 7]
    assert {pick.reason.kind for pick in picks} == {"because_you_like"}

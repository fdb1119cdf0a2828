"""Reasons are true: without what they name, the score is lower."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, history, interactions_of, outdoor_catalogue, outdoor_lines, product

from campaigns.compose.content import reason_words
from campaigns.models.values import GENERAL_REASONS, OWN_REASONS, Pick, ProductFacts, Reason
from campaigns.recommend.likes import Likes
from campaigns.recommend.model import train
from campaigns.recommend.recommender import History, Recommender, Rules
from campaigns.recommend.sensitive import Sensitive
from campaigns.sampleshop.catalogue import catalogue as sample_products

IDS = st.lists(st.integers(101, 118), max_size=6, unique=True)
NAMED = {
    "because_you_bought": "products",
    "because_in_your_cart": "carted",
    "because_you_looked_at": "clicked",
}


@cache
def outdoor() -> Recommender:
    shop = outdoor_catalogue()
    return Recommender(train(interactions_of(shop, outdoor_lines(300)), TODAY), shop, Rules(fresh=False))


def scores(recommender: Recommender, past: History, n: int) -> dict[int, float]:
    (picks,) = recommender.pick_batch([past], n)
    return {pick.product.id: pick.score for pick in picks}


def without(past: History, field: str, product_id: int) -> History:
    """The same customer had that one thing not been."""
    kept = getattr(past, field) != product_id
    changed = {field: getattr(past, field)[kept]}
    if field == "products":
        changed["days_ago"] = past.days_ago[kept]
    return replace(past, **changed)


def check_counterfactual(recommender: Recommender, past: History, picks: list[Pick], everything: int) -> int:
    checked = 0
    for pick in picks:
        field = NAMED.get(pick.reason.kind)
        named = pick.reason.because_id
        if pick.reason.kind in ("in_your_cart", "you_looked_at"):
            field, named = ("carted" if pick.reason.kind == "in_your_cart" else "clicked"), pick.product.id
        if field is not None:
            after = scores(recommender, without(past, field, named), everything)
            assert after[pick.product.id] < pick.score, pick
            checked += 1
    return checked


@settings(max_examples=40, deadline=None)
@given(IDS, IDS, IDS)
def test_without_what_a_reason_names_the_score_falls(
    bought: list[int], carted: list[int], looked: list[int]
) -> None:
    recommender = outdoor()
    past = replace(
        history(*bought),
        carted=np.array([key for key in carted if key not in bought], np.int64),
        clicked=np.array([key for key in looked if key not in bought + carted], np.int64),
    )
    (picks,) = recommender.pick_batch([past], 6)
    check_counterfactual(recommender, past, picks, 18)
    if not bought and not carted and not looked:
        assert {pick.reason.kind for pick in picks} <= set(GENERAL_REASONS)


def sample_shop() -> dict[int, ProductFacts]:
    return {
        number: replace(
            product(number, one.title, one.category),
            sku=one.sku,
            price=Decimal(one.price),
            tags=one.tags,
            brand=one.brand,
        )
        for number, one in enumerate(sample_products(), start=1)
    }


def test_the_same_in_the_sample_shop() -> None:
    shop = sample_shop()
    rng = np.random.default_rng(5)
    by_category: dict[str, list[int]] = {}
    for key, facts in shop.items():
        by_category.setdefault(facts.category, []).append(key)
    groups = list(by_category.values())
    lines = [
        (customer, int(key), float(rng.uniform(1, 300)))
        for customer in range(200)
        for key in rng.choice(groups[customer % len(groups)], 4)
    ]
    recommender = Recommender(
        train(interactions_of(shop, lines), TODAY), shop, Rules(fresh=False, sensitive=Sensitive())
    )
    checked = 0
    for customer in range(12):
        past = history(*(key for who, key, _ in lines if who == customer))
        (picks,) = recommender.pick_batch([past], 4)
        checked += check_counterfactual(recommender, past, picks, len(shop))
    assert checked >= 12, "and most reasons name something"


def test_no_word_of_what_is_nobodys_business() -> None:
    shop = outdoor_catalogue()
    secret = {
        key: replace(facts, category="Skiing 18+")
        for key, facts in shop.items()
        if facts.category == "Skiing"
    }
    shop |= secret
    recommender = Recommender(
        train(interactions_of(shop, outdoor_lines(300)), TODAY), shop, Rules(sensitive=Sensitive())
    )
    past = history(*list(secret)[:4])
    (picks,) = recommender.pick_batch([replace(past, carted=np.array([list(secret)[5]]))], 6)
    assert len(picks) == 6
    assert not {pick.product.id for pick in picks} & secret.keys()
    assert {pick.reason.kind for pick in picks} <= set(GENERAL_REASONS), "it is no taste either"
    newcomer = recommender.pick_batch([history()], 6)[0]
    assert [pick.product.id for pick in picks] == [pick.product.id for pick in newcomer]
    liked = Likes(frozenset({"Skiing 18+"}), frozenset(list(secret)[:2]))
    (by_likes,) = recommender.pick_batch([history()], 6, {1: liked})
    assert {pick.reason.kind for pick in by_likes} <= set(GENERAL_REASONS)


def test_nothing_of_who_did_not_agree_is_used() -> None:
    recommender = outdoor()
    told = replace(
        history(101, 102, personal=False, customer=1),
        country="Norway",
        carted=np.array([104]),
        clicked=np.array([105]),
    )
    one, other = recommender.pick_batch(
        [told, history(personal=False, customer=2)], 5, {1: Likes(frozenset({"Skiing"}))}
    )
    assert [(p.product.id, p.reason) for p in one] == [(p.product.id, p.reason) for p in other]


def test_what_nobody_bought_is_not_called_a_best_seller() -> None:
    shop = {n: product(n, f"Word{n} thing{n}") for n in range(1, 5)}
    nobody = Recommender(train(interactions_of(shop, []), TODAY), shop)
    few = Recommender(train(interactions_of(shop, [(1, 1, 400.0), (2, 2, 400.0)]), TODAY), shop)
    many = Recommender(train(interactions_of(shop, [(c, 1, 400.0) for c in range(9)]), TODAY), shop)
    for recommender, kinds in (
        (nobody, {"from_our_shop"}),
        (few, {"from_our_shop"}),
        (many, {"best_seller", "from_our_shop"}),
    ):
        for past in (history(), history(personal=False)):
            (picks,) = recommender.pick_batch([past], 4)
            assert {pick.reason.kind for pick in picks} == kinds, (
                "one buyer alone is told of no more than none"
            )


def test_the_source_of_a_pick_says_where_in_the_fallback_it_stands() -> None:
    shop = {n: product(n, f"Word{n} thing{n}") for n in range(1, 8)}
    lines = [(c, 1, 2.0) for c in range(30)] + [(c, 2, 300.0) for c in range(40)]
    lines += [(c, 3, 3.0) for c in range(100, 112)]
    interactions = interactions_of(shop, lines)
    countries = np.array(["Norway" if key >= 100 else "Spain" for key in interactions.customer_ids.tolist()])
    recommender = Recommender(train(replace(interactions, country=countries), TODAY), shop)
    (picks,) = recommender.pick_batch([replace(history(), country="Norway")], 5)
    assert [(p.product.id, p.reason.kind) for p in picks[:3]] == [
        (3, "area_favourite"),
        (1, "recent_favourite"),
        (2, "best_seller"),
    ]
    assert {p.reason.kind for p in picks[3:]} == {"from_our_shop"}
    (elsewhere,) = recommender.pick_batch([replace(history(), country="Peru")], 3)
    assert [p.product.id for p in elsewhere] == [3, 1, 2], "newcomers get what others bought when they came"


@pytest.mark.parametrize("kind", [*OWN_REASONS, *GENERAL_REASONS])
@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "no"])
def test_every_reason_has_words_of_its_own(kind: str, language: str) -> None:
    told = reason_words(Reason(kind, "Trail Boots", 7), language)
    others = {
        reason_words(Reason(other, "Trail Boots", 7), language)
        for other in (*OWN_REASONS, *GENERAL_REASONS)
        if other != kind
    }
    assert told and told not in others
    assert language == "en" or told != reason_words(Reason(kind, "Trail Boots", 7), "en")

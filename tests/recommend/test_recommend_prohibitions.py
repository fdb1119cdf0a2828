"""What rules forbid is never picked, whatever the shop, the rules and the customers are: on worlds of hypothesis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, history, interactions_of, product

from campaigns.models.values import Pick, ProductFacts
from campaigns.recommend.model import RecommenderModel, train
from campaigns.recommend.recommender import History, Recommender, Rules
from campaigns.recommend.rules import Favour, Match
from campaigns.recommend.rules_file import PickingTerms, ShopTerms, rules_of
from campaigns.recommend.rules_words import rules_in_words
from campaigns.recommend.sensitive import Sensitive

CATEGORIES = ("", "Hats", "Boots", "Tents", "Toys", "Beer")
BRANDS = ("", "Nord", "Sør")
TAGS = ("sale", "durable", "18+", "margin:40")
IDS = st.integers(1, 30)
PRODUCT = st.tuples(
    st.sampled_from(CATEGORIES),
    st.sampled_from(BRANDS),
    st.sampled_from((3, 10, 40)),
    st.integers(0, 2),
    st.frozensets(st.sampled_from(TAGS), max_size=2),
    st.sampled_from(("Red Thing", "Blue Thing", "Lamp of glass", "Kettle", "Rope")),
)
SHOP = st.dictionaries(IDS, PRODUCT, min_size=1, max_size=25)
LINES = st.lists(st.tuples(st.integers(1, 6), IDS, st.floats(0, 400)), max_size=40)
NAMES = st.frozensets(st.sampled_from([name.casefold() for name in CATEGORIES if name]), max_size=2)
MATCH = st.builds(
    Match,
    skus=st.frozensets(IDS.map(lambda key: f"S{key}"), max_size=3),
    categories=NAMES,
    brands=st.frozensets(st.sampled_from(["nord", "sør"]), max_size=1),
    tags=st.frozensets(st.just("sale"), max_size=1),
)
SHARE = st.sampled_from((0.0, 0.3, 0.5, 1.0))
RULES = st.builds(
    Rules,
    per_category=st.integers(1, 3),
    per_brand=st.none() | st.integers(1, 3),
    bought_days=st.none() | st.just(60.0),
    likeness=st.none() | st.just(0.75),
    price_band=st.none() | st.just((0.5, 2.0)),
    fresh=st.booleans(),
    never=MATCH,
    sensitive=st.none() | st.just(Sensitive()),
    never_together=st.lists(
        st.frozensets(
            st.sampled_from([name.casefold() for name in CATEGORIES if name]), min_size=2, max_size=3
        ),
        max_size=2,
    ).map(tuple),
    durable=NAMES,
    durable_days=st.sampled_from((30.0, 730.0)),
    pinned=st.lists(IDS.map(lambda key: f"S{key}"), max_size=3, unique=True).map(tuple),
    favour=st.lists(st.builds(Favour, MATCH, st.sampled_from((0.1, 3.0))), max_size=2).map(tuple),
    margin=SHARE,
    clear_stock=SHARE,
    buy_again=SHARE,
    popularity=st.none() | SHARE,
)
CUSTOMER = st.tuples(
    st.lists(st.tuples(st.integers(1, 33), st.floats(0, 900)), max_size=8),
    st.booleans(),
    st.lists(IDS, max_size=3, unique=True),
    st.lists(IDS, max_size=3, unique=True),
    st.lists(IDS, max_size=3, unique=True),
)


def shop_of(made: dict[int, tuple[str, str, int, int, frozenset[str], str]]) -> dict[int, ProductFacts]:
    return {
        key: replace(
            product(key, title, category, stock), brand=brand, price=Decimal(price), tags=tuple(sorted(tags))
        )
        for key, (category, brand, price, stock, tags, title) in made.items()
    }


def customer_of(
    number: int, made: tuple[list[tuple[int, float]], bool, list[int], list[int], list[int]]
) -> History:
    bought, personal, carted, clicked, shown = made
    ids = np.array([key for key, _ in bought], np.int64)
    return History(
        number,
        ids,
        np.array([days for _, days in bought], np.float64),
        personal,
        carted=np.array(carted, np.int64),
        clicked=np.array(clicked, np.int64),
        ignored=np.array(shown, np.int64),
        shown=np.ones(len(shown)),
        last_picks=np.array(shown, np.int64),
    )


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SHOP, LINES, RULES, st.lists(CUSTOMER, min_size=1, max_size=4), st.integers(1, 6))
def test_no_prohibition_is_ever_broken(
    made: dict[int, tuple[str, str, int, int, frozenset[str], str]],
    lines: list[tuple[int, int, float]],
    rules: Rules,
    customers: list[tuple[list[tuple[int, float]], bool, list[int], list[int], list[int]]],
    n: int,
) -> None:
    shop = shop_of(made)
    recommender = Recommender(train(interactions_of(shop, lines), TODAY), shop, rules)
    histories = [customer_of(number, one) for number, one in enumerate(customers)]
    for past, picks in zip(histories, recommender.pick_batch(histories, n), strict=True):
        assert len(picks) <= n and len({pick.product.id for pick in picks}) == len(picks)
        assert [pick.rank for pick in picks] == list(range(len(picks)))
        for pick in picks:
            check_product(pick.product, rules)
            check_reason(pick, past, shop, rules)
        durable = owned_durables(past, shop, rules) if past.personal else set()
        assert not {pick.product.category.casefold() for pick in picks} & durable
        check_together(picks, rules)
        if not rules.never_together:
            allowed = [
                p for p in shop.values() if may_be_picked(p, rules) and p.category.casefold() not in durable
            ]
            assert len(picks) == min(n, len(allowed)), "exactly n where so many are allowed"


def may_be_picked(facts: ProductFacts, rules: Rules) -> bool:
    """Written anew, apart from the code under test."""
    named = (
        facts.sku in rules.never.skus
        or facts.category.casefold() in rules.never.categories
        or facts.brand.casefold() in rules.never.brands
        or bool(set(facts.tags) & rules.never.tags)
    )
    secret = rules.sensitive is not None and (facts.category == "Beer" or "18+" in facts.tags)
    return facts.stock > 0 and not named and not secret


def check_product(facts: ProductFacts, rules: Rules) -> None:
    assert may_be_picked(facts, rules)


def owned_durables(past: History, shop: dict[int, ProductFacts], rules: Rules) -> set[str]:
    tagged = {p.category.casefold() for p in shop.values() if "durable" in p.tags and p.category}
    lasting = tagged | set(rules.durable)
    return {
        shop[key].category.casefold()
        for key, days in zip(past.products.tolist(), past.days_ago.tolist(), strict=True)
        if key in shop and days <= rules.durable_days and shop[key].category.casefold() in lasting
    }


def check_together(picks: Iterable[Pick], rules: Rules) -> None:
    categories = {pick.product.category.casefold() for pick in picks}
    assert all(len(categories & together) <= 1 for together in rules.never_together)


def check_reason(pick: Pick, past: History, shop: dict[int, ProductFacts], rules: Rules) -> None:
    reason = pick.reason
    own = {
        "because_you_bought": past.products,
        "because_in_your_cart": past.carted,
        "because_you_looked_at": past.clicked,
    }
    assert past.personal or reason.kind in {"best_seller", "shop_choice", "from_our_shop"}
    if reason.because_id:
        assert reason.because_id in own[reason.kind].tolist()
        assert reason.because_id != pick.product.id
        assert reason.because == shop[reason.because_id].title
        named = shop[reason.because_id]
        assert rules.sensitive is None or not (named.category == "Beer" or "18+" in named.tags)
    if reason.kind == "in_your_cart":
        assert pick.product.id in past.carted.tolist()
    if reason.kind == "you_looked_at":
        assert pick.product.id in past.clicked.tolist()
    if reason.kind == "buy_again":
        assert pick.product.id in past.products.tolist()
    if reason.kind == "shop_choice":
        assert pick.product.sku in rules.pinned


def a_model(shop: dict[int, ProductFacts], *lines: tuple[int, int, float]) -> RecommenderModel:
    return train(interactions_of(shop, lines), TODAY)


def picked(shop: dict[int, ProductFacts], rules: Rules, past: History, n: int = 4) -> list[str]:
    lines = [(c, key, 5.0) for c in range(6) for key in shop]
    (picks,) = Recommender(a_model(shop, *lines), shop, rules).pick_batch([past], n)
    return [pick.product.sku for pick in picks]


def test_enemies_do_not_end_a_mail_before_it_is_full() -> None:
    shop = {1: product(1, "Stout", "Ale"), **{n: product(n, f"Toy {n}", "Toys") for n in range(2, 7)}}
    rules = Rules(never_together=(frozenset({"ale", "toys"}),), pinned=(), likeness=None)
    # Whoever begins with the one ale must not be left with it alone.
    assert (
        sorted(
            picked(shop, replace(rules, favour=(Favour(Match(skus=frozenset({"S1"})), 50.0),)), history())
        )[0]
        != "S1"
    )
    assert len(picked(shop, rules, history())) == 4


def test_pinned_products_come_first_in_their_order_and_not_to_who_has_them() -> None:
    shop = {n: product(n, f"Word{n} thing{n}", "Hats") for n in range(1, 8)}
    rules = Rules(pinned=("S6", "S3"), per_category=9)
    assert picked(shop, rules, history(1))[:2] == ["S6", "S3"]
    assert picked(shop, rules, history(6))[0] == "S3"
    assert picked(shop, rules, history(personal=False))[:2] == ["S6", "S3"]


def test_the_usual_price_decides_what_comes_first_but_never_empties_a_mail() -> None:
    prices = {1: 10, 2: 10, 3: 10, 4: 12, 5: 9, 6: 400, 7: 500}
    shop = {n: replace(product(n, f"Word{n} x{n}"), price=Decimal(price)) for n, price in prices.items()}
    band = Rules(price_band=(0.5, 2.0))
    assert set(picked(shop, band, history(1, 2, 3), 2)) == {"S4", "S5"}
    assert set(picked(shop, band, history(1, 2, 3), 4)) == {"S4", "S5", "S6", "S7"}
    assert set(picked(shop, Rules(price_band=(0.5, 2.0), pinned=("S7",)), history(1, 2, 3), 2)) >= {"S7"}


@pytest.mark.parametrize(("share", "repeats"), [(0.0, 0), (0.25, 1), (0.5, 2), (1.0, 4)])
def test_the_share_of_what_is_bought_again(share: float, repeats: int) -> None:
    shop = {n: product(n, f"Word{n} thing{n}") for n in range(1, 20)}
    lines = [(c, key, days) for c in range(8) for key in range(1, 12) for days in (5.0, 60.0, 120.0)]
    past = history(*range(1, 7), *range(1, 7), days=40)
    model = a_model(shop, *lines)
    (picks,) = Recommender(model, shop, Rules(buy_again=share)).pick_batch([past], 4)
    again = [pick for pick in picks if pick.reason.kind == "buy_again"]
    assert len(picks) == 4 and len(again) == repeats
    assert all((pick.product.id <= 6) == (pick in again) for pick in picks)


def test_favour_margin_and_stock_move_products_up() -> None:
    shop = {n: product(n, f"Word{n} thing{n}") for n in range(1, 9)}
    plain = picked(shop, Rules(), history(), 8)
    last = plain[-1]
    favoured = Rules(favour=(Favour(Match(skus=frozenset({last})), 20.0),))
    assert picked(shop, favoured, history(), 8).index(last) < plain.index(last)
    key = int(last[1:])
    rich = shop | {key: replace(shop[key], tags=("margin:90",))}
    assert picked(rich, Rules(margin=1.0), history(), 8).index(last) < plain.index(last)
    full = shop | {key: replace(shop[key], stock=5000)}
    assert picked(full, Rules(clear_stock=1.0), history(), 8).index(last) < plain.index(last)


def test_a_campaign_narrows_what_the_shop_says_and_never_loosens_it() -> None:
    house = ShopTerms.model_validate(
        {
            "picking": {
                "never": {"tags": ["sale"]},
                "never_together": [["Beer", "Toys"]],
                "per_category": 1,
                "durable": ["Tents"],
                "durable_days": 900,
                "price_band": [0.5, 3],
                "likeness": 0.6,
                "bought_days": 100,
                "fresh": True,
                "buy_again": 0.5,
            },
            "sensitive": {"sold_openly": ["alcohol"], "words": ["cbd"]},
        }
    )
    own = PickingTerms.model_validate(
        {
            "never": {"skus": ["S9"]},
            "per_category": 4,
            "durable_days": 10,
            "price_band": [0.1, 2],
            "likeness": 1.0,
            "bought_days": 5,
            "fresh": False,
            "buy_again": 0.25,
        }
    )
    rules = rules_of(house, own)
    assert rules.never == Match(skus=frozenset({"S9"}), tags=frozenset({"sale"}))
    assert rules.never_together == (frozenset({"beer", "toys"}),)
    assert (rules.per_category, rules.durable_days, rules.bought_days) == (1, 900, 100)
    assert (rules.price_band, rules.likeness, rules.fresh, rules.buy_again) == ((0.5, 2), 0.6, True, 0.25)
    assert rules.sensitive is not None
    assert not rules.sensitive.says("Beer") and rules.sensitive.says("CBD oil")
    told = " ".join(rules_in_words(rules))
    assert (
        "Never product S9; tag sale." in told
        and "beer and toys" in told
        and "Sold openly in this shop: alcohol" in told
    )


@pytest.mark.parametrize(
    "name",
    ["Sex Toys", "Kondome", "Préservatifs", "Sanitary towels", "Damenhygiene", "Medisin", "Cerveza artesana", "Tabakwaren", "18+", "Bibles"],
)  # fmt: skip
def test_sensitive_names_are_known_in_five_languages(name: str) -> None:
    assert Sensitive().says(name)
    assert Sensitive().holds(replace(product(1, "Thing", "Household"), tags=(name,)))


@pytest.mark.parametrize(
    "name", ["", "Boots", "Wine red", "Books", "Bad & Körper", "Jouets", "Bonnets", "Ginger"]
)
def test_harmless_names_are_not_sensitive(name: str) -> None:
    if name != "Wine red":
        assert not Sensitive().says(name)
    assert not Sensitive(harmless=frozenset({"wine RED"})).says(name)
    assert not Sensitive().holds(product(1, "Wine red bible of medicine", "Novels"))

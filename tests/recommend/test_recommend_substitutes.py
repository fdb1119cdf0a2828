"""What stands in for what is sold out: never anything of another sort, whatever agrees besides."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, history, interactions_of, product

from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.model import train
from campaigns.recommend.recommender import Recommender, Rules
from campaigns.recommend.rules import Match
from campaigns.recommend.standins import with_stand_ins
from campaigns.recommend.substitute_learning import learned_from
from campaigns.recommend.substitutes import Accepted, Substitutes, may_stand_in


def thing(
    key: int, title: str, category: str, price: float = 10, brand: str = "", *tags: str
) -> ProductFacts:
    return replace(product(key, title, category), price=Decimal(str(price)), brand=brand, tags=tags)


MUSHROOM = thing(1, "Pink Mushroom", "Pink", 2.5, "Own", "pink", "home", "small")
TOWEL = thing(2, "Pink Sanitary Towel", "Pink", 2.5, "Own", "pink", "home", "small")


@pytest.mark.parametrize("category", ["Pink", "Household", "Groceries", ""])
def test_a_mushroom_never_stands_in_for_a_sanitary_towel(category: str) -> None:
    one, other = replace(MUSHROOM, category=category), replace(TOWEL, category=category)
    assert not may_stand_in(one, other) and not may_stand_in(other, one)
    assert Substitutes({1: one, 2: other}).of(1) == ()


# Sorts of things in pairs that go together, in categories as bad as those of real shops.
SORTS = {
    "mushroom": ("Pink Mushroom", "Brown Mushrooms 250 g"),
    "towel": ("Sanitary Towel Pink", "Large Sanitary Towels"),
    "mug": ("Red Mug", "Blue Mug"),
    "holder": ("Star T-Light Holder", "Zinc T-Light Holder"),
    "sock": ("Hiking Socks M", "Hiking Socks L"),
}
MADE = st.tuples(
    st.sampled_from(sorted(SORTS)),
    st.integers(0, 1),
    st.sampled_from(["Pink", "Household", "Mugs", "Gloves & socks"]),
    st.sampled_from([1, 2, 3, 7]),
    st.sampled_from(["", "Own"]),
    st.frozensets(st.sampled_from(["pink", "home", "gift", "sale"]), max_size=3),
    st.integers(0, 1),
)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.integers(1, 20), MADE, min_size=2, max_size=8),
    st.frozensets(st.integers(1, 20), max_size=4),
)
def test_a_substitute_is_always_of_the_same_sort(
    made: dict[int, tuple[str, int, str, int, str, frozenset[str], int]], taken: frozenset[int]
) -> None:
    shop = {
        key: replace(thing(key, SORTS[sort][which], category, price, brand, *tags), stock=stock)
        for key, (sort, which, category, price, brand, tags, stock) in made.items()
    }
    found = Substitutes(shop)
    in_stock = {key for key, facts in shop.items() if facts.stock}
    for key, facts in shop.items():
        best = found.best(key, in_stock.__contains__, taken)
        if best is None:
            continue
        other = shop[best]
        assert best in in_stock - taken - {key}
        assert other.category == facts.category and other.currency == facts.currency
        assert made[best][0] == made[key][0], (facts.title, other.title)
        assert max(other.price, facts.price) <= 2 * min(other.price, facts.price)
        assert {facts.title, other.title} != set(SORTS["sock"]), "a size is a size"


def test_the_most_alike_comes_first() -> None:
    shop = {
        1: thing(1, "Walking Boots Brown", "Boots", 100, "Nord", "hike", "summer"),
        2: thing(2, "Walking Boots Black", "Boots", 105, "Nord", "hike", "summer"),
        3: thing(3, "Walking Boots Grey", "Boots", 170, "Sør", "hike", "winter"),
        4: thing(4, "Sea Boots", "Boots", 100, "Nord", "fish"),
        5: thing(5, "Walking Boots Brown", "Boots", 999, "Nord", "hike"),
        6: thing(6, "Walking Socks", "Socks", 100, "Nord", "hike"),
    }
    assert Substitutes(shop).of(1) == (2, 3)
    assert Substitutes(shop).of(99) == ()


def test_sizes_must_agree_where_both_tell_one() -> None:
    one = thing(1, "Olive Soap 500 ml", "Soap")
    assert may_stand_in(one, thing(2, "Olive Soap 0.5 l", "Soap"))
    assert may_stand_in(one, thing(2, "Olive Soap", "Soap"))
    assert not may_stand_in(one, thing(2, "Olive Soap 2 l", "Soap"))
    assert not may_stand_in(thing(1, "Rain Jacket S", "Jackets"), thing(2, "Rain Jacket XL", "Jackets"))


def test_what_customers_took_decides_among_what_fits_and_lets_nothing_else_in() -> None:
    shop = {n: thing(n, f"Walking Boots {n}", "Boots", 100) for n in range(1, 5)} | {
        5: thing(5, "Garden Gnome", "Boots", 100)
    }
    assert Substitutes(shop).of(1) == (2, 3, 4)
    learned = {
        (1, 4): Accepted(200, 60),
        (1, 2): Accepted(200, 0),
        (1, 5): Accepted(200, 190),
        (2, 3): Accepted(9, 9),
    }
    assert Substitutes(shop, learned).of(1) == (4, 3, 2)
    few = {(1, 4): Accepted(1, 1)}
    assert Substitutes(shop, few).of(1)[0] == 4 and Accepted(1, 1).share < 0.1, "one click is hardly anything"
    assert learned_from({"substitutes": [[1, 4, 200, 60]]}) == {(1, 4): Accepted(200, 60)}
    assert learned_from({}) == {}


def recommender_of(shop: dict[int, ProductFacts], rules: Rules) -> Recommender:
    return Recommender(
        train(interactions_of(shop, [(c, key, 5.0) for c in range(6) for key in shop]), TODAY), shop, rules
    )


def stand_ins(
    shop: dict[int, ProductFacts], rules: Rules, *bought: int, personal: bool = True
) -> list[int] | None:
    """What a mail of products 1 and 9 becomes, by ids."""
    picks = [Pick(shop[1], 0, 1.0, Reason("best_seller")), Pick(shop[9], 1, 0.5, Reason("best_seller"))]
    found = with_stand_ins(
        recommender_of(shop, rules), Substitutes(shop), picks, history(*bought, personal=personal)
    )
    return None if found is None else [pick.product.id for pick in found]


def boots(sold_out: int = 1) -> dict[int, ProductFacts]:
    shop = {
        n: thing(n, f"Walking Boots {n}", "Boots", 100, "", *(["last"] if n == 3 else []))
        for n in range(1, 5)
    }
    shop[9] = thing(9, "Wool Socks", "Socks", 20)
    return {key: replace(facts, stock=0) if key == sold_out else facts for key, facts in shop.items()}


def test_a_prepared_mail_keeps_what_is_there_and_replaces_what_is_gone() -> None:
    assert stand_ins(boots(), Rules()) == [2, 9]
    assert stand_ins(boots(sold_out=0), Rules()) == [1, 9]
    assert stand_ins(boots(), Rules(), 2) == [3, 9], "not what they have"
    assert stand_ins(boots(), Rules(), 2, personal=False) == [2, 9], (
        "of which nothing is known without consent"
    )
    assert stand_ins(boots(sold_out=9), Rules()) is None, "nothing is like the socks"


def test_a_substitute_obeys_the_prohibitions() -> None:
    never = Rules(never=Match(skus=frozenset({"S2"})))
    assert stand_ins(boots(), never) == [3, 9]
    assert stand_ins(boots(), Rules(durable=frozenset({"boots"})), 4) is None
    together = Rules(never_together=(frozenset({"boots", "socks"}),))
    assert stand_ins(boots(), together) is None
    forbidden = Rules(never=Match(skus=frozenset({"S9"})))
    assert stand_ins(boots(sold_out=0), forbidden) is None, "what is forbidden since is not talked about"


def test_the_reason_says_for_what_it_stands() -> None:
    shop = boots()
    picks = [Pick(shop[1], 0, 1.0, Reason("because_you_bought", "Wool Socks", 9))]
    found = with_stand_ins(recommender_of(shop, Rules()), Substitutes(shop), picks, history())
    assert found is not None
    assert found[0].reason == Reason("instead_of", "Walking Boots 1", 1) and found[0].rank == 0

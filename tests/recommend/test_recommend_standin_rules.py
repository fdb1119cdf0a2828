"""What a shop says of stand-ins: its own list first and in order, then its rule, and never what is kept out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from recommend_samples import TODAY, history, interactions_of, product

from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.model import train
from campaigns.recommend.recommender import Recommender, Rules
from campaigns.recommend.rules import Match
from campaigns.recommend.rules_file import PickingTerms, ShopTerms, rules_of
from campaigns.recommend.rules_words import rules_in_words
from campaigns.recommend.standins import with_stand_ins
from campaigns.recommend.substitutes import Substitutes


def thing(key: int, title: str, category: str, price: float, brand: str = "", stock: int = 5) -> ProductFacts:
    return replace(
        product(key, title, category), price=Decimal(str(price)), brand=brand, stock=stock, sku=f"S{key}"
    )


def shop(*sold_out: int) -> dict[int, ProductFacts]:
    """Boots 1 to 4, of which 4 is of another use; socks 8 and 9; a voucher 7."""
    things = (
        thing(1, "Walking Boots Brown", "Boots", 100, "Nord"),
        thing(2, "Walking Boots Black", "Boots", 104, "Nord"),
        thing(3, "Walking Boots Grey", "Boots", 160, "Sor"),
        thing(4, "Wellingtons", "Boots", 90, "Nord"),
        thing(7, "Voucher", "Vouchers", 500),
        thing(8, "Thin Liners", "Socks", 12, "Ull"),
        thing(9, "Wool Socks", "Socks", 20, "Ull"),
    )
    return {one.id: replace(one, stock=0) if one.id in sold_out else one for one in things}


def rules(stand_ins: dict[str, Any], **more: Any) -> Rules:
    return rules_of(ShopTerms(), PickingTerms.model_validate({"stand_ins": stand_ins, **more}))


def recommender_of(things: dict[int, ProductFacts], by: Rules) -> Recommender:
    return Recommender(
        train(interactions_of(things, [(c, key, 5.0) for c in range(6) for key in things]), TODAY), things, by
    )


def becomes(
    things: dict[int, ProductFacts], by: Rules, *bought: int, mail: tuple[int, ...] = (1, 9)
) -> list[int] | None:
    """What a mail of these products becomes, by ids; None: it is picked anew."""
    picks = [Pick(things[key], rank, 1.0, Reason("best_seller")) for rank, key in enumerate(mail)]
    found = with_stand_ins(recommender_of(things, by), Substitutes(things), picks, history(*bought))
    if found is None:
        return None
    assert [pick.rank for pick in found] == list(range(len(found)))
    return [pick.product.id for pick in found]


LISTED = {"instead": {"S1": ["S7", "S8"]}}


def test_the_list_comes_first_in_its_order_and_then_the_rule() -> None:
    assert becomes(shop(1), rules({})) == [2, 9]
    assert becomes(shop(1), rules(LISTED)) == [7, 9], "of any category and at any price"
    assert becomes(shop(1, 7), rules(LISTED)) == [8, 9]
    assert becomes(shop(1, 7, 8), rules(LISTED)) == [2, 9]
    assert becomes(shop(1), rules(LISTED), 7, 8) == [2, 9], "what they bought is nothing new"
    assert becomes(shop(1), rules(LISTED), mail=(1, 7)) == [8, 7], "nothing twice in a mail"
    assert becomes(shop(9), rules(LISTED)) is None, "liners are not wool socks"
    assert becomes(shop(), rules(LISTED)) == [1, 9], "what is there stays"


def test_two_may_stand_in_for_each_other() -> None:
    both = rules({"choose": "listed", "instead": {"S1": ["S3"], "S3": ["S1"]}})
    assert becomes(shop(1), both) == [3, 9] and becomes(shop(3), both, mail=(3, 9)) == [1, 9]
    assert becomes(shop(1, 3), both) is None
    assert becomes(shop(1, 3), both, mail=(1, 3)) is None


def test_what_is_kept_out_never_stands_in_however_it_is_listed() -> None:
    never = rules(LISTED, never={"skus": ["S7"]})
    assert becomes(shop(1), never) == [8, 9]
    assert becomes(shop(1), rules(LISTED, never={"categories": ["Vouchers", "Socks"]}), mail=(1,)) == [2]
    assert becomes(shop(1), rules(LISTED, never_together=[["Vouchers", "Socks"]])) == [8, 9]
    assert becomes(shop(1), rules(LISTED, durable=["Vouchers"]), 7) == [8, 9]
    forbidden = rules({**LISTED, "otherwise": "leave_out"}, never={"skus": ["S1"]})
    assert becomes(shop(1), forbidden) is None, "what is forbidden since is not talked about"


@pytest.mark.parametrize(
    ("stand_ins", "order"),
    [
        ({}, (2, 3)),
        ({"choose": "category"}, (2, 3, 4)),
        ({"choose": "brand"}, (2, 4)),
        ({"choose": "listed"}, ()),
        ({"price_within": 5}, (2,)),
        ({"choose": "category", "price_within": 10}, (2, 4)),
        ({"price_within": 100}, (2, 3)),
        ({"choose": "listed", "instead": {"S1": ["S8", "S2"]}}, (8, 2)),
        ({"choose": "category", "instead": {"S1": ["S4"]}}, (4, 2, 3)),
    ],
)
def test_what_the_rule_lets_in(stand_ins: dict[str, Any], order: tuple[int, ...]) -> None:
    by = rules(stand_ins).stand_ins
    found = Substitutes(shop()).of(1, by)
    assert (
        set(found) == set(order)
        and found[: len(by.instead.get("S1", ()))] == order[: len(by.instead.get("S1", ()))]
    )
    assert found[:1] == order[:1]


def test_one_object_keeps_the_rules_of_campaigns_apart() -> None:
    substitutes = Substitutes(shop())
    usual = substitutes.of(1)
    assert substitutes.of(1, rules({"choose": "listed"}).stand_ins) == ()
    assert substitutes.of(1, rules(LISTED).stand_ins) == (7, 8, *usual)
    assert substitutes.of(1) == usual


def test_a_mail_may_go_without_it_but_never_without_any() -> None:
    alone = {"choose": "listed", "otherwise": "leave_out"}
    assert becomes(shop(1), rules({"choose": "listed"})) is None
    assert becomes(shop(1), rules(alone)) == [9]
    assert becomes(shop(1, 9), rules(alone)) is None
    assert becomes(shop(1), rules({"otherwise": "leave_out"})) == [2, 9], "only where nothing stands in"


def test_what_is_listed_for_a_pinned_product_is_pinned_in_its_place() -> None:
    by = rules({"instead": {"S1": ["S7", "S3"]}}, pinned=["S1", "S9"])

    def first_two(*sold_out: int) -> list[int]:
        picks = recommender_of(shop(*sold_out), by).pick_batch([history()], 2)[0]
        assert all(pick.reason.kind == "shop_choice" for pick in picks)
        return [pick.product.id for pick in picks]

    assert first_two() == [1, 9] and first_two(1) == [7, 9] and first_two(1, 7) == [3, 9]
    twice = rules({"instead": {"S1": ["S9", "S7"]}}, pinned=["S1", "S9"])
    assert [p.product.id for p in recommender_of(shop(1), twice).pick_batch([history()], 2)[0]] == [7, 9]


def test_a_campaign_narrows_what_the_shop_says() -> None:
    house = ShopTerms.model_validate(
        {"picking": {"stand_ins": {"choose": "brand", "price_within": 50, "otherwise": "leave_out",
                                   "instead": {"S1": ["S7", "S8"], "S9": ["S8"]}}}}
    )  # fmt: skip
    own = PickingTerms.model_validate(
        {"stand_ins": {"choose": "alike", "price_within": 80, "instead": {"S1": ["S8", "S2"]}}}
    )
    by = rules_of(house, own).stand_ins
    assert by.choose == {"alike", "brand"} and by.price_within == 0.5 and by.leave_out
    assert by.instead == {"S1": ("S8", "S2", "S7"), "S9": ("S8",)}
    assert Substitutes(shop()).of(1, replace(by, instead={})) == (2,)
    anew = PickingTerms.model_validate({"stand_ins": {"otherwise": "pick_anew"}})
    assert not rules_of(house, anew).stand_ins.leave_out


@pytest.mark.parametrize(
    ("stand_ins", "said"),
    [
        ({"instead": {"S1": ["S2", "S1"]}}, "S1 cannot stand in for itself"),
        ({"instead": {"S1": ["S2", "S2"]}}, "S2 is listed twice for S1"),
        ({"instead": {"S1": []}}, "S1 needs a list of what stands in for it"),
        ({"instead": ["S1", "S2"]}, "must be a table"),
        ({"choose": "anything"}, "'alike', 'category', 'brand' or 'listed'"),
        ({"price_within": 0}, "greater than or equal to 1"),
        ({"otherwise": "stop"}, "'pick_anew' or 'leave_out'"),
        ({"insteed": {}}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(stand_ins: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PickingTerms.model_validate({"stand_ins": stand_ins})


def test_terms_come_back_as_they_were_in_whatever_order_the_database_has_them() -> None:
    said = {"instead": {"B": ["Z", "C"], "A": "B"}, "choose": "category", "price_within": 30}
    terms = PickingTerms.model_validate({"stand_ins": said})
    stored = terms.as_json()
    assert stored == {"stand_ins": {**said, "instead": {"A": ["B"], "B": ["Z", "C"]}}}
    turned = {"stand_ins": {**stored["stand_ins"], "instead": dict(reversed(said["instead"].items()))}}  # type: ignore[attr-defined]
    again = PickingTerms.from_json(turned)
    assert again == terms and hash(again) == hash(terms)


def test_the_rules_are_told_in_words() -> None:
    told = rules_in_words(rules({**LISTED, "choose": "brand", "price_within": 30, "otherwise": "leave_out"}))
    assert told[-2:] == [
        "Instead of S1, when it sells out: S7, then S8.",
        "What sells out before its mail goes out is replaced by a product of the same brand and category, at a price"
        " that differs by 30 % at most; where there is none, the mail goes without it.",
    ]
    assert rules_in_words(Rules())[-1].endswith(
        "a product of the same category and use, at half to double the price; where there is none, the mail is picked"
        " anew."
    )
    assert "nothing but what is listed" in rules_in_words(rules({"choose": "listed"}))[-1]
    many = rules({"instead": {f"S{n}": ["S99"] for n in range(10)}})
    assert "Stand-ins are listed for 2 more products." in rules_in_words(many)


KEYS = st.sampled_from(sorted(shop()))


@settings(max_examples=60, deadline=None)
@given(
    sold_out=st.frozensets(KEYS, max_size=5),
    never=st.frozensets(KEYS, max_size=3),
    bought=st.frozensets(KEYS, max_size=3),
    mail=st.lists(KEYS, min_size=1, max_size=4, unique=True),
    instead=st.dictionaries(KEYS, st.lists(KEYS, min_size=1, max_size=4, unique=True), max_size=4),
    choose=st.sampled_from(["alike", "category", "brand", "listed"]),
    leave_out=st.booleans(),
)
def test_whatever_is_said_no_mail_has_what_it_must_not(
    sold_out: frozenset[int],
    never: frozenset[int],
    bought: frozenset[int],
    mail: list[int],
    instead: dict[int, list[int]],
    choose: str,
    leave_out: bool,
) -> None:
    things = shop(*sold_out)
    listed = {f"S{key}": [f"S{n}" for n in others if n != key] for key, others in instead.items()}
    by = replace(
        rules(
            {
                "choose": choose,
                "instead": {sku: others for sku, others in listed.items() if others},
                "otherwise": "leave_out" if leave_out else "pick_anew",
            }
        ),
        never=Match(skus=frozenset(f"S{key}" for key in never)),
    )
    found = becomes(things, by, *sorted(bought), mail=tuple(mail))
    if found is None:
        return
    assert found and len(set(found)) == len(found)
    assert leave_out or len(found) == len(mail)
    for key in found:
        assert key not in sold_out | never
        assert key in mail or key not in bought
    for before, after in zip(mail, found, strict=False) if len(found) == len(mail) else ():
        if before == after:
            continue
        free = [
            n
            for n in instead.get(before, [])
            if n != before and n not in sold_out | never | bought | set(mail)
        ]
        taken = set(found[: mail.index(before)])
        first = next((n for n in free if n not in taken), None)
        assert first in (None, after)

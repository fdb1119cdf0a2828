"""Requests: what is dropped, what decides a key, and what is told of the customer."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from copywriting_samples import a_brief, a_pick, a_request

from campaigns.copywriting.request import OFFLINE, CopyRequest, PartKeys
from campaigns.models.values import UNKNOWN_STOCK, Copy

MODEL = "some-model"
PERSON: dict[str, Any] = {
    "favourites": ("Boots",),
    "engagement": "keen",
    "style": "vintage",
    "detail": "full",
    "place": "Deutschland",
}
PICKS = tuple(a_pick(number, category="Jackets" if number == 3 else "Packs") for number in (1, 2, 3))


def fine(granularity: str = "pick_set", **changes: Any) -> CopyRequest:
    salt = {"salt": "s1"} if granularity == "customer" else {}
    return a_request(**{"picks": PICKS, "granularity": granularity, **salt, **PERSON, **changes})


def test_a_cell_is_told_no_more_than_its_key_names() -> None:
    cell = a_request(picks=PICKS, salt="s1", **PERSON)
    assert cell == a_request(picks=PICKS)
    assert cell.reader() == {"stage": "active", "favourites": ["Jackets"]}


@pytest.mark.parametrize("granularity", ["cell", "pick_set", "customer"])
def test_without_profiling_nothing_is_known(granularity: str) -> None:
    request = fine(granularity, personal=False)
    assert (request.stage, request.favourite_category, request.salt) == ("", "", "")
    assert (request.favourites, request.engagement, request.style) == ((), "", "")
    assert (request.detail, request.place, request.reader()) == ("", "", {})
    assert "reader" not in request.facts()
    assert request.granularity == ("cell" if granularity == "cell" else "pick_set")
    assert request.cell_key(MODEL) == fine(granularity, personal=False, salt="s2", stage="lost").cell_key(
        MODEL
    )


def test_what_is_told_is_named() -> None:
    facts = fine("customer", variant="b").facts()
    assert facts == {
        "granularity": "customer",
        "language": "en",
        "season": "autumn",
        "variant": "b",
        "reader": {
            "stage": "active",
            "engagement": "keen",
            "style": "vintage",
            "detail": "full",
            "place": "Deutschland",
            "favourites": ["Jackets", "Boots"],
        },
        "picks": [{"sku": f"SKU-{n}", "reason": "because_you_bought"} for n in (1, 2, 3)],
    }
    assert json.loads(json.dumps(facts)) == facts


def test_facts_tell_no_purchase_and_no_key() -> None:
    request = fine("customer", salt="0123abcd", picks=(a_pick(1, because="Secret Diary"),))
    told = json.dumps(request.facts())
    assert "Secret Diary" not in told
    assert "0123abcd" not in told


@pytest.mark.parametrize(
    "change",
    [
        {"language": "de"},
        {"stage": "lost"},
        {"season": "winter"},
        {"variant": "b"},
        {"favourite_category": "Packs"},
        {"favourites": ("Boots", "Hats")},
        {"engagement": "quiet"},
        {"style": "alpine"},
        {"detail": "short"},
        {"place": "France"},
        {"picks": PICKS[:2]},
        {"brief": a_brief(goal="Sell umbrellas")},
        {"personal": False},
    ],
)
def test_what_is_told_decides_the_key(change: dict[str, Any]) -> None:
    for granularity in ("pick_set", "customer"):
        one, other = fine(granularity), fine(granularity, **change)
        assert one.cell_key(MODEL) != other.cell_key(MODEL)
        assert one.cell_key(MODEL) == fine(granularity).cell_key(MODEL)


def test_what_is_not_told_decides_no_key() -> None:
    sibling = Copy("a", "b", "c", "d", ("e", "f", "g"), "h")
    cheaper = replace(PICKS[0], product=replace(PICKS[0].product, price=Decimal(5), stock=1), score=0.1)
    for granularity in ("cell", "pick_set", "customer"):
        one = fine(granularity)
        for other in (
            fine(granularity, siblings=(sibling,)),
            fine(granularity, seed=7),
            fine(granularity, picks=(cheaper, *PICKS[1:])),
        ):
            assert one.cell_key(MODEL) == other.cell_key(MODEL)
            assert one.part_keys(MODEL) == other.part_keys(MODEL)


def test_only_a_copy_of_ones_own_has_a_key_of_ones_own() -> None:
    assert fine("customer").cell_key(MODEL) != fine("customer", salt="s2").cell_key(MODEL)
    assert fine("customer").part_keys(MODEL) == PartKeys(fine("customer").cell_key(MODEL))
    assert fine("pick_set", salt="s2") == fine("pick_set")
    with pytest.raises(ValueError, match="salt"):
        fine("customer", salt="")


def test_a_pick_set_is_one_in_any_order_but_for_the_first() -> None:
    one, two, three = PICKS
    shown = fine(picks=(one, three, two))
    assert shown.cell_key(MODEL) == fine().cell_key(MODEL) != fine(picks=(two, one, three)).cell_key(MODEL)
    assert shown.canonical() == fine().canonical() == fine()
    assert fine().canonical().picks == PICKS
    assert fine("customer", picks=(one, three, two)).cell_key(MODEL) != fine("customer").cell_key(MODEL)


def test_the_finer_the_fewer_share_words() -> None:
    keys = {fine(granularity).cell_key(MODEL) for granularity in ("cell", "pick_set", "customer")}
    assert len(keys) == 3
    assert fine("cell").part_keys(MODEL).lines
    assert not fine("pick_set").part_keys(MODEL).lines


def test_the_offline_writer_writes_for_many_whatever_the_granularity() -> None:
    plain = {name: () if name == "favourites" else "" for name in PERSON}
    cell = fine("cell").part_keys(OFFLINE)
    assert (
        cell == fine("pick_set", **plain).part_keys(OFFLINE) == fine("customer", **plain).part_keys(OFFLINE)
    )
    assert cell.lines == a_request(picks=PICKS, brief=a_brief(goal="Sell umbrellas")).part_keys(OFFLINE).lines
    assert cell != fine("cell", seed=1).part_keys(OFFLINE)
    assert fine("pick_set").line_key(PICKS[0], OFFLINE) == fine("pick_set", style="alpine").line_key(
        PICKS[0], OFFLINE
    )


def test_variants_have_parts_of_their_own() -> None:
    for writer in (MODEL, OFFLINE):
        a, b = (fine("cell", variant=variant).part_keys(writer) for variant in "ab")
        assert a.head != b.head
        assert not {*a.lines} & {*b.lines}


def test_whether_price_and_stock_are_known_decides_a_key_and_notes_of_the_shop_do_not() -> None:
    def key(**changes: Any) -> str:
        return a_request(picks=(a_pick(1, **changes),)).cell_key(MODEL)

    assert key() == key(stock=12) != key(stock=UNKNOWN_STOCK)
    assert key(price=Decimal(0)) != key()
    assert key(tags=("rain", "margin:35")) == key(tags=("rain", "margin:60")) != key(tags=("rain", "city"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "vip"},
        {"season": "monsoon"},
        {"language": "no"},
        {"variant": "z"},
        {"engagement": "mad", "granularity": "pick_set"},
        {"detail": "long", "granularity": "pick_set"},
    ],
)
def test_only_known_words_are_taken(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        a_request(**wrong)


def test_there_is_no_place_for_a_person() -> None:
    names = " ".join(field.name for field in fields(CopyRequest))
    assert not any(word in names for word in ("name", "mail", "address", "customer", "order", "id"))

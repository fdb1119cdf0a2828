"""Phrases: all ways of saying one, words joined as the language does, and what kind of goods a product is."""

from __future__ import annotations

import pytest

from campaigns.copywriting.phrases import Phrasebook, domain_of, in_slots, wordings_of


def test_two_words_are_joined_as_the_language_joins_them() -> None:
    spanish = Phrasebook("es")
    assert spanish.joined(["lana", "ligereza"]) == "lana y ligereza"
    assert spanish.joined(["madera", "hilo"]) == "madera e hilo"
    assert spanish.joined(["agua", "hielo"]) == "agua y hielo"
    assert Phrasebook("de").joined(["Wolle"]) == "Wolle"


def test_all_ways_of_saying_a_phrase() -> None:
    assert wordings_of("[a|b] c[| d].") == ("a c.", "a c d.", "b c.", "b c d.")
    assert wordings_of("plain") == ("plain",)


def test_a_slot_without_a_value_takes_the_phrase_with_it() -> None:
    assert in_slots("$Category and more", {"category": "boots"}) == "Boots and more"
    assert in_slots("$Category and more", {"category": ""}) == ""
    assert in_slots("see {price_1}", {}) == "see {price_1}"


@pytest.mark.parametrize(
    ("category", "tags", "domain"),
    [
        ("Boots", (), "outdoor"),
        ("Bücher", (), "reading"),
        ("Herramientas", (), "workshop"),
        ("Kettles", ("gifts",), "home"),
        ("Kettles", ("round",), ""),
        ("x" * 10**6, ("y" * 10**6,), ""),
    ],
)
def test_what_kind_of_goods_a_product_is(category: str, tags: tuple[str, ...], domain: str) -> None:
    assert domain_of(category, tags) == domain

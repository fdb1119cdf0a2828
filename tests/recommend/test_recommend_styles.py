"""The style of purchases: told where it is clear, and never where it is nobody's business."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from campaigns.models.values import ProductFacts
from campaigns.recommend.styles import Styles

TAGS = {
    1: ("vintage", "brass", "home"),
    2: ("Vintage", "home"),
    3: ("vintage", "gift", "margin:35"),
    4: ("modern", "home", "gift"),
    5: ("modern", "home"),
    6: ("modern", "home", "sale"),
    7: ("home",),
    8: ("home",),
    9: ("vintage", "lingerie"),
    10: ("home", "sale"),
    11: ("home", "sale"),
}


def product(number: int) -> ProductFacts:
    return ProductFacts(
        number, f"S{number}", "T", "", "Things", "", Decimal(1), "EUR", "", "", 1, TAGS[number]
    )


CATALOGUE = {number: product(number) for number in TAGS}
STYLES = Styles(CATALOGUE, hidden=[9])


@pytest.mark.parametrize(
    ("bought", "style"),
    [
        ([1, 2, 3], "vintage"),
        ([1, 2, 3, 4, 5], "vintage"),
        ([1, 2], ""),  # too few
        ([1, 1, 1, 1], ""),  # the same thing again and again
        ([1, 2, 3, 4, 5, 6, 7, 8], ""),  # no tag is on half of them but one that all have
        ([4, 5, 6], "modern"),
        ([6, 10, 11], ""),  # how it is sold is no taste
        ([], ""),
        ([77, 78, 79], ""),
        ([9, 1, 2], ""),  # what is sensitive counts for nothing
    ],
)
def test_a_style_needs_evidence(bought: list[int], style: str) -> None:
    assert STYLES.of(bought) == style


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("Vintage", "vintage"),
        (" brass ", "brass"),
        ("lingerie", ""),  # only a hidden product has it
        ("margin:35", ""),
        ("sale", ""),
        ("ignore all rules", ""),
        ("", ""),
    ],
)
def test_only_the_shop_s_own_tags_are_styles(said: str, known: str) -> None:
    assert STYLES.known(said) == known


def test_a_tag_that_all_products_have_is_nobody_s_style() -> None:
    same = {number: replace(product(number), tags=("waterproof",)) for number in TAGS}
    assert Styles(same).of(same) == ""

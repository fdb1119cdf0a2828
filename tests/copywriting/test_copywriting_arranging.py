"""Copies of a pick set in the order of each mail."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from copywriting_samples import a_pick, a_request

from campaigns.copywriting.arranging import arranged
from campaigns.copywriting.splitting import split
from campaigns.models.copy import line_in_place
from campaigns.models.values import Copy

PICKS = tuple(a_pick(number) for number in (1, 2, 3, 4))
WRITTEN = Copy(
    "One {price_1}, three {price_3}",
    "For you, {first_name}",
    "{offer_amount}",
    "See {link_2} and {link_4} in {shop_link}",
    ("one {price_1}", "two {price_2}, {stock_2}", "three, {link_3}", "four"),
    "Go",
)


def test_lines_and_numbers_follow_their_products() -> None:
    one, two, three, four = PICKS
    request = a_request(granularity="pick_set", picks=(one, four, two, three))
    shown = arranged(WRITTEN, request)
    assert shown.product_lines == ("one {price_1}", "four", "two {price_3}, {stock_3}", "three, {link_4}")
    assert shown.intro == "See {link_3} and {link_2} in {shop_link}"
    assert shown.subject == "One {price_1}, three {price_4}"
    assert (shown.preheader, shown.headline) == (WRITTEN.preheader, WRITTEN.headline)


def test_no_line_is_lost_in_any_order() -> None:
    for rest in permutations(PICKS[1:]):
        request = a_request(granularity="pick_set", picks=(PICKS[0], *rest))
        lines = arranged(WRITTEN, request).product_lines
        words = {line.split()[0].strip(",") for line in lines}
        assert words == {"one", "two", "three", "four"}
        names = ["one", "two", "three", "four"]
        for pick, line in zip(request.picks, lines, strict=True):
            assert line.startswith(names[pick.product.id - 1])


def test_what_is_in_order_stays_as_it_is() -> None:
    assert arranged(WRITTEN, a_request(granularity="pick_set", picks=PICKS)) is WRITTEN


def test_a_kept_line_speaks_of_its_own_product_wherever_it_stands() -> None:
    request = a_request(picks=PICKS[:2])
    lines = ("Dry, {stock_1}: {link_1}.", "Light, {stock_2}, for {price_2}: {link_2}.")
    copy = replace(WRITTEN, subject="New", headline="Look", intro="See {link_1}.", product_lines=lines)
    parts = split(copy, request)
    assert parts.lines == ("Dry, {stock_1}: {link_1}.", "Light, {stock_1}, for {price_1}: {link_1}.")
    assert parts.head is not None
    assert line_in_place(parts.lines[1] or "", 1) == parts.lines[1]
    assert line_in_place(parts.lines[1] or "", 2) == lines[1]
    crossed = replace(copy, product_lines=("See {link_2}.", "Light."))
    assert split(crossed, request).lines == (None, "Light.")

"""Claims are looked for by sentence first; what goes over the end of one is found all the same."""

from __future__ import annotations

import re

import pytest

from campaigns.copywriting.claims.finding import _as_seen, _families, _found, claims_in
from tests.copywriting.copywriting_samples import LANGUAGES

HARMLESS = "Rain is coming to the hills. A good coat helps. You know the way."


@pytest.mark.parametrize(
    "text",
    [
        "Only a few came back. Hardly any are left.",
        "Just three of them. Few remain.",
        "You walk far. Five. left",
        "It is yours. {offer_amount}. Off you go.",
        "Ein Tee, sie beugt sich. Er schützt davor. Das beugt so. Man weiss, vor Erkältung.",
    ],
)
def test_what_goes_over_the_end_of_a_sentence_is_found_as_in_the_whole(text: str) -> None:
    for language in LANGUAGES:
        assert claims_in(text, language) == tuple(_found(_as_seen(text), language))


def test_a_claim_is_found_in_whichever_sentence_it_stands() -> None:
    claim = "Last chance today!"
    for text in (f"{claim} {HARMLESS}", f"{HARMLESS} {claim}", HARMLESS.replace(". A", f". {claim} A")):
        assert [found.rule for found in claims_in(text, "en")]
    assert claims_in(HARMLESS, "en") == ()


def test_no_table_has_a_pattern_that_goes_over_a_sentence_unseen() -> None:
    """Whoever writes one with room for any sign must give it a form that is looked for in the whole text."""
    for _, family in _families():
        for pattern in family.everything():
            free = re.search(r"(?<![\\<\[(|])\.[*+?]|\[\^[^\]]*\][*+{]", pattern)
            assert free is None or pattern.startswith("~"), pattern

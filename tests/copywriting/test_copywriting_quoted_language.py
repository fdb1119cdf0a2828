"""In which language a description of the shop is, quoted in a line: by its small words, without the classifier."""

from __future__ import annotations

import pytest

from campaigns.copywriting import speaking
from campaigns.copywriting.guard import is_in_another_language
from tests.copywriting.copywriting_samples import a_pick, a_request

LINE = "product_lines[0]"
# Hardly any small words, about which the classifier would be asked.
TERSE = "Three sizes, three colours, one habit worth having: dry things stay dry."
FRENCH = "Un sac pour les jours de pluie, avec une poche pour le téléphone et des sangles qui tiennent."


def told(text: str, description: str, language: str = "en") -> str:
    request = a_request(language=language, picks=(a_pick(1, description=description),))
    return is_in_another_language(LINE, text, request)


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def classify(text: str) -> tuple[str, float]:
        raise AssertionError("the classifier was loaded for the shop's own words")

    monkeypatch.setattr(speaking, "classify", classify)
    speaking.foreign_language.cache_clear()


def test_what_the_shop_says_needs_no_classifier(unasked: None) -> None:
    assert told(TERSE, f"{TERSE} Made in Norway.") == ""
    assert "another language (fr)" in told(FRENCH, f"{FRENCH} Fait en France.")


def test_in_any_other_language_than_the_catalogues_it_is_asked(unasked: None) -> None:
    with pytest.raises(AssertionError, match="classifier"):
        told(TERSE, f"{TERSE} Made in Norway.", language="de")


def test_what_the_shop_did_not_say_is_judged_as_ever(unasked: None) -> None:
    with pytest.raises(AssertionError, match="classifier"):
        told(TERSE, "A welded pack.")

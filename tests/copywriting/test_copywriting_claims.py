"""The notation of the tables of claims, and the smaller parts of the guard."""

from __future__ import annotations

import re

import pytest
from copywriting_samples import LANGUAGES

from campaigns.copywriting.characters import fold, is_foreign_letter
from campaigns.copywriting.claims import Family, claims_in, first_claim
from campaigns.copywriting.claims.finding import FAMILIES
from campaigns.copywriting.claims.matching import Finder
from campaigns.copywriting.claims.praise import POPULARITY
from campaigns.copywriting.claims.prices import DISCOUNT
from campaigns.copywriting.claims.promises import MATERIALS
from campaigns.copywriting.claims.reader import KNOWS_THE_READER
from campaigns.copywriting.readability import FEWEST_WORDS, lix
from campaigns.copywriting.speaking import foreign_language

ALL = [*FAMILIES, DISCOUNT, POPULARITY, KNOWS_THE_READER, *MATERIALS.values()]


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("deal", ["deal", "a deal now"], ["ideal", "deals", "dealer"]),
        ("rabatt*", ["rabatte", "rabattaktion"], ["superrabatt"]),
        ("*schmerz*", ["kopfschmerzen"], ["scherz"]),
        ("last chance", ["last chance", "last-chance", "lastchance", "last\nchance"], ["last of a chance"]),
        ("(?:in|out of) stock", ["in stock", "out of stock"], ["stock", "of stock"]),
        ("(?:very )?few left", ["very few left", "few left"], ["few"]),
        ("(?<!no )hurry", ["hurry", "then hurry"], ["no hurry", "no-hurry"]),
        (
            "last days(?! of summer)",
            ["last days", "last days here"],
            ["last days of summer", "last-days-of-summer"],
        ),
        (r"~\d left", ["5 left", "15 left"], ["left"]),
        (r"(?:few|\w+) men", ["few men", "any men"], ["men"]),
        (r"ab\w* of", ["abc of"], ["of"]),
        (r"co2\w*", ["co2", "co2neutral"], ["co"]),
    ],
)
def test_the_notation(pattern: str, found: list[str], not_found: list[str]) -> None:
    finder = Finder([pattern])
    assert [text for text in found if not finder.first(text)] == []
    assert [text for text in not_found if finder.first(text)] == []


def test_no_pattern_finds_nothing_in_particular() -> None:
    """A slip of the pen such as "a||b" would refuse everything, and an accent would never match."""
    for family in ALL:
        for patterns in [*family.words.values(), *family.own.values()]:
            for pattern in patterns:
                assert not Finder([pattern]).first("xqz xqz xqz"), pattern
                plain = re.sub(r"\[[^]]*\]", "", pattern)
                assert plain == fold(plain) or pattern.startswith("~"), pattern


def test_alternatives_stand_in_brackets() -> None:
    """Patterns are looked up by their first letters: of "a|b" no "b" would ever be found."""
    for family in ALL:
        for patterns in [*family.words.values(), *family.own.values()]:
            for pattern in patterns:
                bare = re.sub(r"\[[^]]*\]|\\.", "", pattern)
                while bare != (inner := re.sub(r"\([^()]*\)", "", bare)):
                    bare = inner
                assert "|" not in bare or pattern.startswith("~"), pattern


def test_a_text_of_one_long_word_costs_nothing() -> None:
    for text in ("hundert" * 3000, "a " * 8000, "last " * 4000, "-" * 20_000, "no hurry " * 2000):
        claims_in(text, "de")


def test_a_family_of_its_own() -> None:
    family = Family("test", "says {}", {"any": ["magic word"]}, {"en": ["please"]})
    assert first_claim(family, fold("The MAGIC-word"), "de") == "magic-word"
    assert first_claim(family, "please", "en") == "please" and not first_claim(family, "please", "de")


@pytest.mark.parametrize("character", "аꜰ𝐟ａⓕ🅵🇫α")
def test_letters_in_disguise_are_foreign(character: str) -> None:
    assert is_foreign_letter(character)


@pytest.mark.parametrize("character", "aéßøÆœñÇŒª")
def test_letters_of_the_languages_are_not(character: str) -> None:
    assert not is_foreign_letter(character)


def test_fold_takes_letters_apart_and_hidden_ones_out() -> None:
    assert fold("Dernière Œuvre, s\u200ba\u00adle, ﬁne, DISCØUNT") == "derniere oeuvre, sale, fine, discount"


def test_lix_is_bjornssons() -> None:
    """Words per sentence plus the percentage of words above six letters, by hand."""
    text = "One two three four five six. Seven eight nine ten eleven beautiful mountain. "
    assert lix([text] * 3) == pytest.approx(13 * 3 / 6 + 100 * 6 / 39)
    assert len(text.split()) < FEWEST_WORDS and lix([text]) == 0.0


SENTENCES = {
    "en": [
        "Have a look at what we found for the days ahead",
        "Good things, plainly made, for any kind of weather",
    ],
    "de": [
        "Schau dir an, was wir für die nächsten Tage gefunden haben",
        "Gute Dinge, schlicht gemacht, bei jedem Wetter",
    ],
    "fr": [
        "Voyez ce que nous avons trouvé pour les jours à venir",
        "De bonnes choses, simplement faites, par tous les temps",
    ],
    "es": [
        "Mira lo que hemos encontrado para los próximos días",
        "Cosas buenas, hechas con sencillez, para cualquier tiempo",
    ],
}
NEIGHBOURS = [
    "Ecco una piccola selezione del nostro negozio per chi ama stare all'aria aperta",
    "Hier vind je een kleine selectie uit onze winkel voor als het regent en waait",
    "Her er et lite utvalg fra butikken vår for deg som liker å være ute i regn og vind",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_is_of_its_language_alone(language: str) -> None:
    for written, sentences in SENTENCES.items():
        for sentence in sentences:
            assert foreign_language(sentence, language) == ("" if written == language else written), sentence


@pytest.mark.parametrize("sentence", NEIGHBOURS)
def test_neighbouring_languages_are_not_taken_for_one(sentence: str) -> None:
    assert all(foreign_language(sentence, language) not in LANGUAGES for language in LANGUAGES)
    assert all(foreign_language(sentence, language) for language in LANGUAGES)


@pytest.mark.parametrize(
    "text", ["", "Parka Rain City", "Merino, Nylon, Cordura, Primaloft", "OK", "Rain jacket"]
)
def test_a_few_words_are_of_no_language(text: str) -> None:
    assert all(not foreign_language(text, language) for language in LANGUAGES)

"""Texts without a name or a stock that nobody knows: they read as if nothing had been meant to stand there."""

from __future__ import annotations

import re

import pytest
from copywriting_samples import a_request
from hypothesis import given
from hypothesis import strategies as st

from campaigns.copywriting.guard import check_text
from campaigns.copywriting.hiding import cannot_be_missing, without_name, without_stock

NAMELESS = [
    # English
    ("Hello {first_name}, welcome", "Hello, welcome"),
    ("Hi {first_name} – look at these", "Hi – look at these"),
    ("Hi {first_name} 👋", "Hi 👋"),
    ("{first_name}, these are new", "These are new"),
    ("{first_name} — a few ideas", "A few ideas"),
    ("{first_name}! Look", "Look"),
    ("{first_name}: rain again?", "Rain again?"),
    ("Good morning, {first_name}: rain again", "Good morning: rain again"),
    ("For you, {first_name}!", "For you!"),
    ("For you – {first_name}!", "For you!"),
    ("Shall we, {first_name}? {first_name}, come on.", "Shall we? Come on."),
    ("Ready, {first_name}, for rain", "Ready, for rain"),
    ("A thought for today: {first_name}.", "A thought for today."),
    ("One for you ({first_name}).", "One for you."),
    ("“{first_name}, look here”", "“Look here”"),
    # German
    ("Hallo {first_name}!", "Hallo!"),
    ("{first_name}, für dich", "Für dich"),
    ("Schön, {first_name}, dass du da bist", "Schön, dass du da bist"),
    ("Guten Tag {first_name},\nneu ist dies", "Guten Tag,\nneu ist dies"),
    ("„{first_name}, schau“", "„Schau“"),
    ("Gut. {first_name}, über allem", "Gut. Über allem"),
    ("Servus {first_name}…", "Servus…"),
    # French: the space before the sign stays
    ("Bonjour {first_name} :", "Bonjour :"),
    ("Bonjour {first_name}\u00a0!", "Bonjour\u00a0!"),
    ("Merci, {first_name} !", "Merci !"),
    ("{first_name} : voici du neuf", "Voici du neuf"),
    ("Pour vous, {first_name} ; et pour d'autres", "Pour vous ; et pour d'autres"),
    ("«\u00a0{first_name}, regardez\u00a0»", "«\u00a0Regardez\u00a0»"),
    ("Bon retour, {first_name}, parmi nous", "Bon retour, parmi nous"),
    # Spanish
    ("¡Hola, {first_name}!", "¡Hola!"),
    ("¡{first_name}, mira esto!", "¡Mira esto!"),
    ("¿Vamos, {first_name}?", "¿Vamos?"),
    ("¿{first_name}, vamos?", "¿Vamos?"),
    ("Gracias {first_name}.", "Gracias."),
    ("{first_name}, él lo sabe", "Él lo sabe"),
]
NOT_WITHOUT = [
    "The picks of {first_name} are here",
    "Dear {first_name}, hello",
    "Lieber {first_name}, hallo",
    "Cher {first_name}, voici",
    "{first_name}'s list",
    "Just for {first_name}!",
    "{first_name}",
    "{first_name}!",
    "¡{first_name}!",
    "Hello {first_name} and welcome",
]
STOCKLESS = [
    ("A dry pack ({stock_1}).", "A dry pack."),
    ("A dry pack, {stock_1}.", "A dry pack."),
    ("A dry pack – {stock_1}", "A dry pack"),
    ("A dry pack: {stock_2}!", "A dry pack!"),
    ("A dry pack. {stock_1}.", "A dry pack."),
    ("A dry pack. {stock_1}. And light.", "A dry pack. And light."),
    ("{stock_1}: a dry pack", "A dry pack"),
    ("{stock_1}. Ein trockener Rucksack", "Ein trockener Rucksack"),
    ("Sec, {stock_1}, et léger", "Sec, et léger"),
    ("Seca y ligera ; {stock_12}.", "Seca y ligera."),
]


@pytest.mark.parametrize(("text", "expected"), NAMELESS)
def test_a_text_reads_well_without_a_name(text: str, expected: str) -> None:
    assert without_name(text) == expected
    assert cannot_be_missing(text) == ""


@pytest.mark.parametrize("text", NOT_WITHOUT)
def test_a_name_that_would_be_missed_is_refused(text: str) -> None:
    assert "address the reader" in cannot_be_missing(text)


@pytest.mark.parametrize(("text", "expected"), STOCKLESS)
def test_a_text_reads_well_without_a_stock(text: str, expected: str) -> None:
    assert without_stock(text) == expected
    assert cannot_be_missing(text) == ""


@pytest.mark.parametrize(
    "text", ["There are {stock_1} for you", "{stock_1}", "({stock_1})", "{stock_1} left"]
)
def test_a_stock_that_would_be_missed_is_refused(text: str) -> None:
    assert "{stock_1}" in cannot_be_missing(text)
    assert "{stock_1}" in check_text("product_lines[0]", text, a_request())[0].message


def test_what_is_left_when_both_are_missing_has_words() -> None:
    assert cannot_be_missing("Hello {first_name}, {stock_1}.") == ""
    assert cannot_be_missing("{first_name}: {stock_1}.")


WORDS = st.lists(
    st.sampled_from(["rain", "für", "dich", "l'été", "año", "new", "Packs"]), min_size=1, max_size=4
)
PIECES = st.lists(
    st.tuples(
        st.sampled_from(
            ["", "{first_name}, ", "Hello {first_name}, ", "{first_name}! ", "¡Hola, {first_name}! "]
        ),
        WORDS,
        st.sampled_from(
            [
                ", {first_name}",
                " – {first_name}",
                " ({stock_1})",
                ", {stock_2}",
                ", {stock_1}, {first_name}",
                "",
            ]
        ),
        st.sampled_from([".", "!", "?", " !", "…"]),
    ),
    min_size=1,
    max_size=4,
)


@given(PIECES)
def test_nothing_is_left_double(pieces: list[tuple[str, list[str], str, str]]) -> None:
    text = " ".join(before + " ".join(words) + after + end for before, words, after, end in pieces)
    assert cannot_be_missing(text) == ""
    bare = without_stock(without_name(text))
    assert "{" not in bare
    assert not re.search(r"\s\s|^\s|\s$|[,;:]\s*[.,!?;:…]|[!?.…]\s*[,;:]|\(\s*\)|[–—-]\s*[.!?…]", bare), bare
    kept = [word for _, words, _, _ in pieces for word in words]
    said = [word.casefold() for word in re.findall(r"[\w']+", bare)]
    assert [word for word in said if word not in ("hello", "hola")] == [word.casefold() for word in kept]

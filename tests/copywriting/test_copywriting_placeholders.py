"""Filling: data in the customer's locale, once, and texts that read well without a name."""

from __future__ import annotations

import re

import pytest
from copywriting_samples import LANGUAGES, OFFER, a_brief, a_pick, a_request

from campaigns.copywriting.placeholders import (
    PlaceholderValues,
    UnfilledPlaceholder,
    allowed_placeholders,
    fill,
    without_name,
)
from campaigns.models.values import Copy


def a_copy(text: str) -> Copy:
    return Copy(text, text, text, text, (text, text), text)


def filled(text: str, name: str = "Ana", locale: str = "en_GB", language: str = "en") -> str:
    request = a_request(brief=a_brief(offer=OFFER), language=language)
    copy = fill(a_copy(text), PlaceholderValues.of(request, name, locale))
    texts = {
        copy.subject,
        copy.preheader,
        copy.headline,
        copy.intro,
        *copy.product_lines,
        copy.call_to_action,
    }
    assert len(texts) == 1, "every field is filled alike"
    return re.sub(r"[\u00a0\u202f]", " ", texts.pop())


@pytest.mark.parametrize(
    ("language", "locale", "expected"),
    [
        ("en", "en_GB", "€1,129.90 20% FERN20 1 March 2026"),
        ("de", "de_DE", "1.129,90 € 20 % FERN20 1. März 2026"),
        ("fr", "fr_FR", "1 129,90 € 20 % FERN20 1 mars 2026"),
        ("es", "es_ES", "1129,90 € 20 % FERN20 1 de marzo de 2026"),
        # The text is German, so a Norwegian reader's dates are German too.
        ("de", "nb_NO", "1.129,90 € 20 % FERN20 1. März 2026"),
        ("en", "not a locale", "€1,129.90 20% FERN20 March 1, 2026"),
    ],
)
def test_values_are_written_for_the_locale(language: str, locale: str, expected: str) -> None:
    text = "{price_1} {offer_amount} {offer_code} {offer_ends}"
    if language == "es":
        expected = expected.replace("1129,90", filled("{price_1}", locale=locale, language="es").split()[0])
    assert filled(text, locale=locale, language=language) == expected


@pytest.mark.parametrize(
    "name", ["{price_1}", "{first_name}", "<b>", "O'Neil", "李雷", r"\g<1>", "{{ config }}"]
)
def test_a_name_is_never_looked_at_again(name: str) -> None:
    assert filled("Hello {first_name}, look", name=name) == f"Hello {name}, look"


@pytest.mark.parametrize(
    "name", ["", "  ", "\u200b", "http://evil.example", "buy at evil.com", "x" * 41, "a@b.example"]
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {first_name}, welcome", "Hello, welcome"),
        ("{first_name}, these are new", "These are new"),
        ("Thank you, {first_name}!", "Thank you!"),
        ("Shall we go, {first_name}? Good", "Shall we go? Good"),
        ("¡Hola, {first_name}!", "¡Hola!"),
        ("Bonjour {first_name} !", "Bonjour !"),
        ("Guten Tag {first_name}, schön", "Guten Tag, schön"),
        ("Good day. {first_name}, über allem", "Good day. Über allem"),
    ],
)
def test_a_missing_name_reads_well(name: str, text: str, expected: str) -> None:
    assert filled(text, name=name) == expected


def test_a_name_cannot_bring_a_line_of_its_own() -> None:
    assert filled("For you, {first_name}", name="Ana\r\nBcc: all\u202e@x") == "For you"
    assert filled("For you, {first_name}", name="Ana\r\nMaria\u202e") == "For you, Ana Maria"


def test_what_has_no_value_is_an_error() -> None:
    for text in ("{nonsense}", "{price_3}"):
        with pytest.raises(UnfilledPlaceholder):
            filled(text)


def test_placeholders_follow_the_facts() -> None:
    unpriced = a_pick(2, price=a_pick().product.price * 0)
    assert allowed_placeholders(a_request(picks=(a_pick(1), unpriced))) == {"first_name", "price_1"}
    offer = a_request(picks=(), brief=a_brief(offer={"code": "X"}))
    assert allowed_placeholders(offer) == {"first_name", "offer_code"}


def test_a_name_that_cannot_be_missing_stays_visible() -> None:
    for text in ("The picks of {first_name} are here", "Dear {first_name}, hello", "{first_name}'s list"):
        assert "{first_name}" in without_name(text)


def test_every_language_has_its_babel() -> None:
    for language in LANGUAGES:
        assert filled("{offer_ends}", language=language, locale="")

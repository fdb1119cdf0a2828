"""Filling: data in the customer's locale, once, and texts that read well without a name."""

from __future__ import annotations

import re

import pytest
from copywriting_samples import LANGUAGES, OFFER, a_brief, a_pick, a_request
from markupsafe import escape

from campaigns.copywriting.guard import check_text
from campaigns.copywriting.placeholders import (
    PlaceholderValues,
    UnfilledPlaceholder,
    allowed_placeholders,
    fill,
    without_name,
)
from campaigns.models.values import UNKNOWN_STOCK, Copy


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


@pytest.mark.parametrize("name", ["{price_1}", "{first_name}", "O'Neil", "李雷", r"\g<1>", "{{ config }}"])
def test_a_name_is_never_looked_at_again(name: str) -> None:
    assert filled("Hello {first_name}, look", name=name) == f"Hello {name}, look"


@pytest.mark.parametrize(
    "name", ["", "  ", "\u200b", "http://evil.example", "buy at evil.com", "<b>", "x" * 41, "a@b.example"]
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
    unpriced = a_pick(2, price=a_pick().product.price * 0, stock=UNKNOWN_STOCK)
    request = a_request(picks=(a_pick(1), unpriced))
    assert allowed_placeholders(request) == {"first_name", "price_1", "stock_1"}
    offer = a_request(picks=(), brief=a_brief(offer={"code": "X"}))
    assert allowed_placeholders(offer) == {"first_name", "offer_code"}
    money = {"amount": {"amount": 5, "currency": "EUR"}, "starts": "2026-02-01", "ends": "2026-03-01"}
    dated = a_request(picks=(), brief=a_brief(offer=money))
    assert allowed_placeholders(dated) == {"first_name", "offer_amount", "offer_starts", "offer_ends"}


def test_a_line_has_the_placeholders_of_its_own_product() -> None:
    request = a_request(picks=(a_pick(1), a_pick(2), a_pick(3)))
    assert allowed_placeholders(request, "product_lines[1]") == {
        "first_name", "price_2", "stock_2", "link_2", "shop_link",
    }  # fmt: skip
    assert check_text("product_lines[1]", "It is yours for {price_2}.", request) == []
    assert [v.rule for v in check_text("product_lines[1]", "Yours for {price_1}.", request)] == [
        "placeholder"
    ]


def test_links_are_for_texts_that_can_hold_them() -> None:
    nameless = a_pick(3, title="Buy two, get one free")
    request = a_request(picks=(a_pick(1), a_pick(2), nameless))
    links = {
        "intro": {"link_1", "link_2", "shop_link"},
        "product_lines[0]": {"link_1", "shop_link"},
        "product_lines[2]": {"shop_link"},
    }
    for field, own in links.items():
        assert allowed_placeholders(request, field) - allowed_placeholders(request) == own
    for field in ("subject", "preheader", "headline", "call_to_action"):
        assert allowed_placeholders(request, field) == allowed_placeholders(request)
    assert check_text("intro", "See {link_1} in {shop_link}", request) == []
    assert check_text("product_lines[0]", "See {link_1}", request) == []
    assert [fault.rule for fault in check_text("subject", "See {link_1}", request)] == ["placeholder"]
    assert [fault.rule for fault in check_text("intro", "See {link_3}", request)] == ["placeholder"]


@pytest.mark.parametrize(
    ("language", "locale", "pieces", "expected"),
    [
        ("en", "en_GB", 12, "12 in stock"),
        ("en", "en_GB", 1, "1 in stock"),
        ("en", "en_US", 1234, "1,234 in stock"),
        ("de", "de_DE", 1, "1 Stück auf Lager"),
        ("de", "de_CH", 12345, "12’345 Stück auf Lager"),
        ("fr", "fr_FR", 1, "1 pièce en stock"),
        ("fr", "fr_FR", 12, "12 pièces en stock"),
        ("es", "es_ES", 1, "1 unidad en stock"),
        ("es", "es_MX", 30, "30 unidades en stock"),
    ],
)
def test_stock_is_told_in_the_language(language: str, locale: str, pieces: int, expected: str) -> None:
    assert in_line("Dry, {stock_1}.", language, locale, stock=pieces) == f"Dry, {expected}."


@pytest.mark.parametrize("pieces", [0, -1, UNKNOWN_STOCK])
def test_a_stock_that_nobody_knows_is_not_spoken_of(pieces: int) -> None:
    assert in_line("Dry, {stock_1}. For {price_1}", "en", "en_GB", stock=pieces) == "Dry. For €1,129.90"


@pytest.mark.parametrize(
    ("language", "locale", "expected"),
    [
        ("en", "en_GB", "€7.50 from 1 February 2026"),
        ("de", "de_DE", "7,50 € from 1. Februar 2026"),
        ("fr", "fr_FR", "7,50 € from 1 février 2026"),
        ("es", "es_ES", "7,50 € from 1 de febrero de 2026"),
    ],
)
def test_an_offer_may_be_in_money(language: str, locale: str, expected: str) -> None:
    offer = {"amount": {"amount": "7.5", "currency": "EUR"}, "starts": "2026-02-01"}
    request = a_request(brief=a_brief(offer=offer), language=language)
    copy = fill(a_copy("{offer_amount} from {offer_starts}"), PlaceholderValues.of(request, "", locale))
    assert re.sub(r"[\u00a0\u202f]", " ", copy.subject) == expected


def in_line(text: str, language: str, locale: str, **product: int) -> str:
    request = a_request(picks=(a_pick(1, **product),), language=language)
    copy = Copy("", "", "", "", (text,), "")
    line = fill(copy, PlaceholderValues.of(request, "", locale)).product_lines[0]
    return re.sub(r"[\u00a0\u202f]", " ", line)


def test_links_read_as_words_and_lead_somewhere() -> None:
    request = a_request(picks=(a_pick(1, title="Rolltop & Co"), a_pick(2)))
    values = PlaceholderValues.of(request, "Ana", "en_GB", shop="Fjell & Fern")
    copy = Copy("", "", "", "{first_name}, see {link_1}.\nOr <all> in {shop_link}", ("plain {price_1}",), "")
    filled_in = fill(copy, values, lambda name: f"https://x.example/?to={name}&a=1")
    assert filled_in.intro == (
        "Ana, see Rolltop & Co: <https://x.example/?to=link_1&a=1>.\n"
        "Or <all> in Fjell & Fern: <https://x.example/?to=shop_link&a=1>"
    )
    assert escape(filled_in.intro) == (
        'Ana, see <a href="https://x.example/?to=link_1&amp;a=1" style="color:inherit;">Rolltop &amp; Co</a>.\n'
        'Or &lt;all&gt; in <a href="https://x.example/?to=shop_link&amp;a=1" style="color:inherit;">'
        "Fjell &amp; Fern</a>"
    )
    assert type(filled_in.product_lines[0]) is str
    assert fill(copy, values).intro == "Ana, see Rolltop & Co.\nOr <all> in Fjell & Fern"


def test_a_name_cannot_bring_a_link_of_its_own() -> None:
    values = PlaceholderValues.of(a_request(), "{link_1}", "en_GB", shop="Fjell")
    copy = fill(
        Copy("", "", "", "Hi {first_name}, {shop_link}", (), ""), values, lambda name: f"https://{name}"
    )
    assert copy.intro == "Hi {link_1}, Fjell: <https://shop_link>"


def test_a_name_that_cannot_be_missing_stays_visible() -> None:
    for text in ("The picks of {first_name} are here", "Dear {first_name}, hello", "{first_name}'s list"):
        assert "{first_name}" in without_name(text)


def test_every_language_has_its_babel() -> None:
    for language in LANGUAGES:
        assert filled("{offer_ends}", language=language, locale="")

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from compose_samples import LINKS, SIGNER, TRACKED, UNTRACKED

from campaigns.compose.content import (
    date_text,
    language_of,
    one_line,
    price_text,
    reason_words,
)
from campaigns.compose.links import LinkMaker, checked_url, read_open
from campaigns.core.errors import BadInput, BadToken
from campaigns.models.values import Reason


@pytest.mark.parametrize(
    "locale, text",
    [
        ("de_DE", "1.299,50\xa0€"),
        ("en-GB", "€1,299.50"),
        ("fr", "1\u202f299,50\xa0€"),
        ("no", "1\xa0299,50\xa0€"),
        ("nonsense", "€1,299.50"),
        ("", "€1,299.50"),
        ("../x", "€1,299.50"),
        ("de_XX", "1.299,50\xa0€"),
    ],
)
def test_prices_by_locale(locale: str, text: str) -> None:
    assert price_text(Decimal("1299.5"), "EUR", locale) == text


def test_prices_of_currencies_without_cents() -> None:
    assert price_text(Decimal("1299"), "JPY", "en_US") == "¥1,299"


def test_dates_by_language() -> None:
    day = date(2025, 3, 4)
    assert [date_text(day, language) for language in ("en", "de", "fr", "es", "no")] == [
        "4 March 2025",
        "4. März 2025",
        "4 mars 2025",
        "4 de marzo de 2025",
        "4. mars 2025",
    ]


def test_reasons_in_all_languages() -> None:
    assert (
        reason_words(Reason("because_you_bought", "Trail Boots", 1), "en") == "Because you bought Trail Boots"
    )
    for language in ("en", "de", "fr", "es", "no"):
        for kind in ("because_you_bought", "like_your_purchases", "recent_favourite", "best_seller"):
            words = reason_words(Reason(kind, "{0} & <i>"), language)
            assert ("{0} & <i>" in words) == (kind in ("because_you_bought", "like_your_purchases"))
    assert reason_words(Reason("best_seller"), "xx") == "One of our best-sellers"
    with pytest.raises(BadInput):
        reason_words(Reason("magic"), "en")


def test_one_line_and_languages() -> None:
    assert one_line("a\r\n b\u202e\tc\xa0€ ") == "a b c\xa0€"
    assert [language_of(tag) for tag in ("nb_NO", "de-AT", "EN", "")] == ["no", "de", "en", ""]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//shop.example",
        "/path",
        "",
        "ftp://x.example",
        "https://",
        "https://user:pass@x.example",
        "https://x.example/a b",
        "https://x.example/\r\nBcc:a",
        'https://x.example/"',
        "https://[bad",
        "https://x.example:port/",
    ],
)
def test_only_web_addresses_pass(url: str) -> None:
    with pytest.raises(BadInput):
        checked_url(url)
    with pytest.raises(BadInput):
        LINKS.target(UNTRACKED, 0, 0, url)


def test_what_each_token_says() -> None:
    def token(url: str) -> str:
        return url.rsplit("/", 1)[1].split(".")[0]

    pixel = LINKS.pixel(TRACKED)
    assert pixel is not None and pixel.endswith(".gif") and LINKS.pixel(UNTRACKED) is None
    assert read_open(SIGNER, token(pixel))[:4] == (7, 9001, 255, 42)
    opened = read_open(SIGNER, token(LINKS.slot_picture(TRACKED, 0)))
    assert opened[:4] == (7, 9001, 0, 42)
    assert opened.composed_at is not None and abs(opened.composed_at - time.time()) < 60
    assert read_open(SIGNER, SIGNER.sign("open", 7, 9001, 0)) == (7, 9001, 0, 0, None), (
        "of an earlier version"
    )
    assert read_open(SIGNER, SIGNER.sign("open", 9001, 0)) == (0, 9001, 0, 0, None), "of the first version"
    for numbers in ((9001,), (7, 9001, 0, 42), (7, 9001, 0, 42, 1, 1)):
        with pytest.raises(BadToken):
            read_open(SIGNER, SIGNER.sign("open", *numbers))
    assert SIGNER.verify("open-anon", token(LINKS.slot_picture(UNTRACKED, 1))) == (7, 1)
    click = LINKS.target(TRACKED, 0, 3, "https://x.example")
    assert click.startswith("https://mail.fjellandfern.example/c/")
    assert SIGNER.verify("click", token(click)) == (7, 9001, 0, 3)
    assert LINKS.target(UNTRACKED, 0, 3, "https://x.example/ø?a=1&b=2") == "https://x.example/ø?a=1&b=2"
    links = LINKS.links(TRACKED, "https://x.example")
    assert SIGNER.verify("click", token(links.call_to_action)) == (7, 9001, 2, 0)
    assert SIGNER.verify("unsubscribe", token(links.unsubscribe)) == (7, 42, 9001)
    assert SIGNER.verify("preferences", token(links.preferences)) == (7, 42, 9001)
    assert SIGNER.verify("view", token(links.view)) == (7, 9001)


def test_slots_and_public_url_are_checked() -> None:
    with pytest.raises(BadInput):
        LINKS.slot_picture(TRACKED, 255)
    with pytest.raises(BadInput):
        LinkMaker(SIGNER, "mail.example")

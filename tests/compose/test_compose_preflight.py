from __future__ import annotations

import dataclasses

import pytest
from compose_samples import BRAND, content

from campaigns.compose.preflight import check
from campaigns.compose.template import RenderedMail, load_template

FILLED = content(4)
MAIL = load_template("outdoor").render(FILLED)


def codes(rendered: RenderedMail, severity: str = "error") -> list[str]:
    return [finding.code for finding in check(rendered, FILLED) if finding.severity == severity]


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "no"])
def test_the_outdoor_mail_passes(language: str) -> None:
    filled = content(8, language=language, title="<b> & 'co'", subject="It's <b>")
    findings = check(load_template("outdoor").render(filled), filled)
    assert [finding for finding in findings if finding.severity == "error"] == []


@pytest.mark.parametrize(
    "code, rendered",
    [
        ("no-unsubscribe", RenderedMail(MAIL.html.replace("/u/", "/x/"), MAIL.text)),
        ("no-unsubscribe", RenderedMail(MAIL.html, MAIL.text.replace("/u/", "/x/"))),
        ("no-postal-address", RenderedMail(MAIL.html.replace("Storgata", ""), MAIL.text)),
        ("no-postal-address", RenderedMail(MAIL.html, MAIL.text.replace("Storgata", ""))),
        ("too-large", RenderedMail(MAIL.html + "<!--" + "x" * 60_000 + "-->", MAIL.text)),
        ("title-unlike-subject", RenderedMail(MAIL.html.replace("<title>", "<title>Re: "), MAIL.text)),
        ("picture-without-alt", RenderedMail(MAIL.html.replace("</body>", "<img src=x></body>"), MAIL.text)),
        (
            "fetches-styles",
            RenderedMail(MAIL.html.replace("</head>", "<link href='https://f.example'></head>"), MAIL.text),
        ),
        (
            "fetches-styles",
            RenderedMail(MAIL.html.replace("</head>", "<style>@import url(x)</style></head>"), MAIL.text),
        ),
        ("bad-link", RenderedMail(MAIL.html.replace("</body>", "<a href='javascript:x'>x</a>"), MAIL.text)),
    ],
)
def test_each_fault_is_found(code: str, rendered: RenderedMail) -> None:
    assert rendered != MAIL
    assert codes(rendered) == [code]


def test_an_empty_text_part() -> None:
    assert "no-text-part" in codes(RenderedMail(MAIL.html, " \n"))


def test_no_address_at_all() -> None:
    nowhere = dataclasses.replace(FILLED, brand=dataclasses.replace(BRAND, postal_address=" "))
    findings = check(load_template("outdoor").render(nowhere), nowhere)
    assert [finding.code for finding in findings if finding.severity == "error"] == ["no-postal-address"]


def test_few_words_are_a_warning_that_more_words_mend() -> None:
    assert codes(MAIL, "warning") == ["few-words"]
    longer = RenderedMail(MAIL.html.replace("</body>", "<p>" + "words " * 600 + "</p></body>"), MAIL.text)
    assert codes(longer, "warning") == []

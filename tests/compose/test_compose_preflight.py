from __future__ import annotations

import dataclasses

import pytest
from compose_samples import BRAND, content

from campaigns.compose.preflight import check
from campaigns.compose.preflight_clients import features
from campaigns.compose.template import RenderedMail, load_template

FILLED = content(4)
MAIL = load_template("outdoor").render(FILLED)


def codes(rendered: RenderedMail, severity: str = "error") -> list[str]:
    return [finding.code for finding in check(rendered, FILLED) if finding.severity == severity]


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "no"])
@pytest.mark.parametrize("template", ["outdoor", "letter"])
def test_the_mails_of_the_installed_templates_pass(template: str, language: str) -> None:
    filled = content(8, language=language, title="<b> & 'co'", subject="It's <b>")
    findings = check(load_template(template).render(filled), filled)
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


def found(body: str, severity: str = "error", *, styles: str = "") -> list[str]:
    """What is found in the mail with this at its end."""
    html = MAIL.html.replace("</body>", f"{body}</body>").replace(
        "</head>", f"<style>{styles}</style></head>"
    )
    return [
        f"{f.code}: {f.message}"
        for f in check(RenderedMail(html, MAIL.text), FILLED)
        if f.severity == severity
    ]


def codes_in(body: str, severity: str = "error", *, styles: str = "") -> list[str]:
    """The codes of the same, without what the mail has anyway, and as it looks in light."""
    lines = [line for line in found(body, severity, styles=styles) if "in the dark colours" not in line]
    return [line.partition(":")[0] for line in lines if not line.startswith("few-words")]


@pytest.mark.parametrize(
    ("link", "severity", "code"),
    [
        ("https://shop.example/a", "error", ""),
        ("mailto:care@shop.example", "error", ""),
        ("tel:+4712345678", "error", ""),
        ("javascript:alert(1)", "error", "bad-link"),
        ("data:text/html,x", "error", "bad-link"),
        ("//shop.example/", "error", "bad-link"),
        ("", "error", "bad-link"),
        ("https://me:secret@shop.example/", "error", "bad-link"),
        ("https://192.0.2.7/", "error", "ip-link"),
        ("https://[2001:db8::1]/", "error", "ip-link"),
        ("https://3221225991/", "error", "ip-link"),
        ("https://0xc0.0.2.7/", "error", "ip-link"),
        ("https://fjеllandfern.example/", "error", "lookalike-link"),  # a Cyrillic e
        ("https://xn--fjllandfern-dwi.example/", "error", "lookalike-link"),
        ("https://аррlе.example/", "error", "lookalike-link"),
        ("https://ара.example/", "error", "lookalike-link"),  # all Cyrillic, all of it looks Latin
        ("https://bücher.example/", "error", ""),
        ("https://яндекс.example/", "error", ""),
        ("https://日本語.example/", "error", ""),
        ("https://bit.ly/3abc", "warning", "short-link"),
        ("https://www.tinyurl.com/x", "warning", "short-link"),
        ("https://shop.example/bit.ly", "warning", ""),
        ("http://shop.example/", "warning", "plain-http-link"),
    ],
)
def test_unsafe_links(link: str, severity: str, code: str) -> None:
    assert codes_in(f'<a href="{link}">See it</a>', severity) == ([code] if code else [])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("https://bank.example/login", "text-unlike-link"),
        ("www.bank.example", "text-unlike-link"),
        ("www.shop.example", ""),
        ("shop.example/autumn", ""),
        ("See it at our shop", ""),
    ],
)
def test_links_whose_words_name_another_site(words: str, code: str) -> None:
    assert codes_in(f'<a href="https://shop.example/x">{words}</a>', "warning") == ([code] if code else [])


@pytest.mark.parametrize(
    "blank",
    [
        "{first_name}",
        "{{ name }}",
        "{% if x %}",
        "${name}",
        "*|FNAME|*",
        "%%name%%",
        "[[name]]",
        "<%= name %>",
    ],
)
def test_blanks_that_nobody_filled(blank: str) -> None:
    shown = blank.replace("<", "&lt;").replace(">", "&gt;")
    assert codes_in(f"<p>Hello {shown}</p>") == ["unknown-placeholder"]
    titled = content(2, title=blank)
    assert [
        f.code for f in check(load_template("outdoor").render(titled), titled) if f.severity == "error"
    ] == []


def test_a_linked_picture_that_says_nothing() -> None:
    shown = '<a href="https://shop.example/"><img src="https://shop.example/a.png" alt=""></a>'
    assert codes_in(shown, "warning") == ["linked-picture-without-alt"]
    assert codes_in(shown.replace('alt=""', 'alt="A tent"'), "warning") == []
    assert codes_in('<img src="https://shop.example/line.png" alt="">', "warning") == []


@pytest.mark.parametrize(
    ("style", "ratio"),
    [
        ("color:#777777;background:#ffffff", "4.5"),  # 4.48: just below
        ("color:#767676;background:#ffffff", ""),
        ("color:#969696;background-color:#fff;font-size:24px", "3.0"),  # 2.99 to 1 of large text
        ("color:#969696;background-color:#fff;font-size:20px;font-weight:700", "3.0"),
        ("color:#8a8a8a;background-color:#fff;font-size:18pt", ""),
        ("color:#8a8a8a;background-color:#fff;font-size:20px", "3.5"),
        ("color:rgb(200, 200, 100);background:white", "1.8"),
        ("color:rgba(0,0,0,.3);background:#ffffff", "2.1"),
        ("color:#fff;background:rgba(0,0,0,0.8)", ""),
        ("color:#fff;background:#fff;display:none", ""),
        ("color:#fff;background:#fff;font-size:1px", ""),
        ("color:#fff;background:url(https://shop.example/a.png)", ""),
        ("color:LemonChiffon;background:ivory", "1.1"),
    ],
)
def test_contrast(style: str, ratio: str) -> None:
    lines = [
        line
        for severity in ("error", "warning")
        for line in found(f'<p style="{style}"><span>Read this</span></p>', severity)
        if line.startswith("low-contrast") and "dark" not in line
    ]
    assert [line.partition("contrast of ")[2].partition(":")[0] for line in lines] == (
        [ratio] if ratio else []
    )


def test_text_that_cannot_be_seen_is_an_error_and_pale_text_a_warning() -> None:
    assert codes_in('<p style="color:#fff;background:#fff">x</p>') == ["low-contrast"]
    assert codes_in('<p style="color:#888;background:#fff">x</p>') == []
    assert "low-contrast" in codes_in('<p style="color:#888;background:#fff">x</p>', "warning")


def test_colours_of_style_sheets_and_of_dark_schemes() -> None:
    pale = "#eeeeee"
    assert codes_in('<p class="a" style="background:#fff">x</p>', styles=f".a {{color:{pale}}}") == [
        "low-contrast"
    ]
    assert codes_in(
        '<div class="a"><b style="background:#fff">x</b></div>', styles=f".a > b {{color:{pale}}}"
    ) == ["low-contrast"]
    # An inline colour is stronger than a rule, unless the rule is important.
    inline = '<p class="a" style="color:#000;background:#fff">x</p>'
    assert codes_in(inline, styles=f".a {{color:{pale}}}") == []
    assert codes_in(inline, styles=f".a {{color:{pale} !important}}") == ["low-contrast"]
    dark = f"@media (prefers-color-scheme: dark) {{ .a {{color:{pale} !important}} }}"
    [line] = found(inline, styles=dark)
    assert "in the dark colours" in line
    assert codes_in(inline, styles=dark.replace("dark)", "light)")) == []
    narrow = f"@media (max-width: 400px) {{ .a {{color:{pale} !important}} }}"
    assert codes_in(inline, styles=narrow) == []


def test_what_is_around_a_text_counts_however_deep_it_stands() -> None:
    around, styles = (
        "<div>" * 1100,
        ".pale{color:#fff} .big{font-size:2em} .big .pale{color:#eee} div{color:#000}",
    )
    assert not found(
        f'{around}<p style="display:none">{around}<b class="pale">Nobody sees it</b>', styles=styles
    )
    (white,) = [said for said in found(f"{around}<p class='pale'>White", styles=styles) if "contrast" in said]
    assert "is #ffffff on" in white and "it needs 4.5:1" in white
    (large,) = [
        said
        for said in found(f"<i class='big'>{around}<b class='pale'>Big", styles=styles)
        if "contrast" in said
    ]
    assert "is #eeeeee on" in large and "it needs 3:1" in large


def test_alt_texts_are_text_where_pictures_are_hidden() -> None:
    shown = '<a href="https://shop.example/" style="color:#111;background:#000"><img src="x.png" alt="A tent"></a>'
    assert codes_in(shown) == ["low-contrast"]
    dark = RenderedMail(MAIL.html.replace("a { color: #86cfa3; }", ""), MAIL.text)
    assert dark != MAIL
    assert any("<img> in the dark" in f.message for f in check(dark, FILLED) if f.code == "low-contrast")


def test_every_colour_of_the_template_can_be_read_in_light_and_dark() -> None:
    assert [line for s in ("error", "warning") for line in found("", s) if "low-contrast" in line] == []
    low = RenderedMail(MAIL.html.replace("#5c6961", "#aab4ad"), MAIL.text)
    assert "low-contrast" in codes(low, "warning")
    dark = RenderedMail(MAIL.html.replace("#c9d3cc", "#3b4740"), MAIL.text)
    assert any("dark" in f.message for f in check(dark, FILLED) if f.code == "low-contrast")


@pytest.mark.parametrize(
    ("body", "severity", "words"),
    [
        ("<form><input></form>", "error", "Forms: not in Outlook for Windows"),
        ("<video src='https://shop.example/a.mp4'></video>", "error", "Video and sound"),
        ("<svg></svg>", "error", "Drawings in SVG: not in Gmail"),
        ("<img alt='x' src='https://shop.example/a.webp?v=1'>", "error", "WebP or AVIF"),
        ("<img alt='x' src='data:image/png;base64,AAAA'>", "error", "inside the mail's text"),
        ("<p style='position:absolute'>x</p>", "warning", "use tables (MJML's columns)"),
        ("<p style='display:flex'>x</p>", "warning", "Flexible boxes"),
        ("<p style='margin:-3px'>x</p>", "warning", "Negative margins"),
        ("<p style='width:calc(100% - 2px)'>x</p>", "warning", "Computed sizes"),
        ("<p style='background:linear-gradient(#fff,#eee)'>x</p>", "warning", "Gradients"),
        ("<p style='box-shadow:0 1px 2px #000'>x</p>", "note", "Shadows"),
        ("<img alt='x' src='https://shop.example/a.png' srcset='b.png 2x'>", "note", "srcset"),
    ],
)
def test_features_that_a_program_lacks_name_it_and_what_it_shows(
    body: str, severity: str, words: str
) -> None:
    before = set(found("", severity))
    [told] = [
        line for line in found(body, severity) if line not in before and line.startswith("client-lacks")
    ]
    assert words in told and "; " in told


@pytest.mark.parametrize(
    ("styles", "words"),
    [
        ("@font-face { font-family: x; src: url(https://shop.example/a.woff) }", "Fonts from the web"),
        ("a:hover { color: #000 }", "under the pointer"),
        ("@supports (display: grid) { p { margin: 0 } }", "@supports"),
        ("p::before { content: 'x' }", "before and after"),
    ],
)
def test_features_of_style_sheets(styles: str, words: str) -> None:
    told = [line for s in ("warning", "note") for line in found("", s, styles=styles)]
    assert [line for line in told if words in line] and not [
        line for line in found("", "note") if words in line
    ]


def test_the_table_of_programs_is_whole() -> None:
    assert len(features()) > 40
    for feature in features():
        assert feature.clients and feature.instead and feature.severity in ("error", "warning", "note")
        ways = (
            feature.css,
            feature.at_rules,
            feature.selectors,
            feature.elements,
            feature.attributes,
            feature.sources,
        )
        assert any(ways), feature.name


@pytest.mark.parametrize(
    "html", ["", "<p>", "</p></p>", "<a><b></a></b>", "<style>{{{}", "<style>a{b", "<p style=';;:'>x"]
)
def test_any_html_is_judged_without_an_error(html: str) -> None:
    assert check(RenderedMail(html, "x"), FILLED)

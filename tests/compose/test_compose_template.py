from __future__ import annotations

import dataclasses
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from compose_samples import HOSTILE, TRACKED, UNTRACKED, content
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compose.template import MailTemplate, SlotSize, load_template
from campaigns.compose.template_list import installed_templates
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.names import presentable_name

OUTDOOR = load_template("outdoor")
INSTALLED = ("outdoor", "letter")


@pytest.fixture(params=INSTALLED)
def template(request: pytest.FixtureRequest) -> MailTemplate:
    """Each template that comes with the project."""
    return load_template(request.param)


class Tags(HTMLParser):
    """All start tags with their attributes, and whether table tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open_tables = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open_tables += tag in ("table", "tr", "td", "div")

    def handle_endtag(self, tag: str) -> None:
        self.open_tables -= tag in ("table", "tr", "td", "div")

    def handle_data(self, data: str) -> None:
        self.words += data

    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def test_it_says_what_it_is_and_is_compiled_once() -> None:
    assert OUTDOOR.slots == {"hero": SlotSize(1200, 600), "offer": SlotSize(1040, 340)}
    assert OUTDOOR.languages == ("en", "de", "fr", "es", "no")
    assert load_template("outdoor") is load_template("outdoor")


def test_all_that_is_installed_is_looked_at() -> None:
    cards = {card.folder: card for card in installed_templates()}
    assert set(cards) == set(INSTALLED)
    assert all(card.has_picture and card.description for card in cards.values())


def test_either_can_be_tried_against_the_other(template: MailTemplate) -> None:
    assert template.slots == OUTDOOR.slots and template.languages == OUTDOOR.languages


def test_opening_a_mail_asks_nobody_but_us_and_the_shop(template: MailTemplate) -> None:
    fetched = re.findall(
        r"""(?:src=|background=|url\(|@import|<link[^>]+href=)["'( ]*(https?://[^"')>\s]+)""",
        template.render(content()).html,
    )
    hosts = {urlsplit(url).hostname for url in fetched}
    assert hosts == {"fjellandfern.example", "mail.fjellandfern.example"}
    assert "fonts.googleapis.com" not in template.render(content()).html


@pytest.mark.parametrize("count", range(9))
def test_any_number_of_picks_makes_a_whole_page(count: int, template: MailTemplate) -> None:
    mail = template.render(content(count))
    page = Tags(mail.html)
    assert page.open_tables == 0
    assert len(page.images()) == 2 + count + 1  # hero, offer, picks, pixel
    assert mail.html.count("<table") == mail.html.count("</table>")  # those for Outlook in comments too
    assert len(mail.html.encode()) < 80_000
    for rank in range(count):
        assert f"Line about product {rank}." in page.words and f"Line about product {rank}." in mail.text
    assert "{{" not in mail.html and "{%" not in mail.html


@pytest.mark.parametrize("given", [(), ("hero",), ("offer",), ("hero", "offer")])
def test_a_slot_that_is_not_given_is_left_out(given: tuple[str, ...], template: MailTemplate) -> None:
    full = content(2)
    mail = template.render(dataclasses.replace(full, slots={name: full.slots[name] for name in given}))
    page = Tags(mail.html)
    assert page.open_tables == 0
    assert mail.html.count("<table") == mail.html.count("</table>")
    shown = [image["alt"] for image in page.images()]
    for name, slot in full.slots.items():
        assert (slot.alt in shown) is (slot.alt in mail.text) is (name in given)


def test_both_parts_have_the_same_links_and_duties(template: MailTemplate) -> None:
    filled = content(3)
    mail = template.render(filled)
    wanted = [filled.links.unsubscribe, filled.links.preferences, filled.links.view]
    wanted += [filled.links.call_to_action, *(pick.link for pick in filled.picks)]
    wanted += [slot.link for slot in filled.slots.values()]
    hrefs = {attributes.get("href") for tag, attributes in Tags(mail.html).tags if tag == "a"}
    for link in wanted:
        assert link in hrefs and link in mail.text
    for words in ("4 March 2025", "Storgata 12, 9008 Tromsø", "Because you bought Trail Boots", "€129.50"):
        assert words in mail.html and words in mail.text


def test_without_consent_nothing_identifies_the_customer_until_they_act(template: MailTemplate) -> None:
    filled = content(4, UNTRACKED)
    mail = template.render(filled)
    page = Tags(mail.html)
    same_for_another = template.render(
        content(4, dataclasses.replace(UNTRACKED, send_id=9002, customer_id=43))
    )
    assert [image["src"] for image in page.images()] == [
        image["src"] for image in Tags(same_for_another.html).images()
    ]
    assert ".gif" not in mail.html and "/c/" not in mail.html and "/c/" not in mail.text
    assert "We do not note whether you open" in mail.html
    tracked = template.render(content(4, TRACKED)).html
    assert ".gif" in tracked and "You may withdraw that at any time" in tracked


@pytest.mark.parametrize("value", HOSTILE)
def test_values_are_never_run(value: str, template: MailTemplate) -> None:
    mail = template.render(content(3, first_name=value, subject=value, title=value))
    page = Tags(mail.html)
    assert page.open_tables == 0
    assert f"Hello {presentable_name(value)}".rstrip() in mail.text
    assert f"* {value} – " in mail.text and value in page.words
    assert "<b>" not in mail.html and "49" not in mail.text.split("http")[0]
    assert [image["alt"] for image in page.images()].count(value) == 3
    assert f"<title>{escape(value)}" in mail.html.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


@pytest.mark.parametrize("template", [load_template(name) for name in INSTALLED], ids=INSTALLED)
@settings(max_examples=25, deadline=None)
@given(value=st.text(max_size=60))
def test_any_text_keeps_the_page_whole(value: str, template: MailTemplate) -> None:
    mail = template.render(content(2, first_name=value, subject=value, title=value))
    tags = [tag for tag, _ in Tags(mail.html).tags]
    assert tags == [tag for tag, _ in Tags(template.render(content(2)).html).tags]


def test_a_greeting_without_a_name_and_in_other_languages(template: MailTemplate) -> None:
    assert "Hello," in template.render(content(first_name="  ")).text
    german = template.render(content(language="de-AT", first_name="Jürgen"))
    for words in ("Hallo Jürgen,", "4. März 2025", "Abmelden", "Weil Sie „Trail Boots“ gekauft haben"):
        assert words in german.html and words in german.text
    assert '<html lang="de"' in german.html
    assert "Hello Søren," in template.render(content(language="zh_CN")).text
    for language in template.languages:
        template.render(content(language=language))


def test_a_mail_without_slots_or_date(template: MailTemplate) -> None:
    mail = template.render(dataclasses.replace(content(0), slots={}, consent_since=None, open_pixel_url=None))
    assert "<img" not in mail.html
    assert "because you agreed to receive news" in mail.html


TOML = """
name = "T"
description = "d"
colours = {}
colours_dark = {}
[words.en]
hello = "Hello {name}"
"""


def folder(tmp_path: Path, mjml: str, toml: str = TOML, text: str = "{{ words.hello }}") -> Path:
    root = tmp_path / "t"
    root.mkdir()
    (root / "mail.mjml.j2").write_text(mjml)
    (root / "mail.txt.j2").write_text(text)
    (root / "template.toml").write_text(toml)
    return tmp_path


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        "<mjml><mj-body><mj-raw>{% if picks %}{{ words.hello }}{% endif %}</mj-raw></mj-body></mjml>",
    )
    mail = load_template("t", root).render(content(1, first_name="A&B"))
    assert "Hello A&amp;B" in mail.html and mail.text == "Hello A&B\n"


@pytest.mark.parametrize(
    "mjml, toml, text",
    [
        ("<mjml><mj-body><oops></mjml>", TOML, ""),
        ("<mjml><mj-head><mj-raw>{% if a %}</mj-raw></mj-head></mjml>", TOML, ""),
        (
            "<mjml><mj-head><mj-title>{% if a %}b{% endif %}</mj-title></mj-head><mj-body></mj-body></mjml>",
            TOML,
            "",
        ),
        ('<mjml nonsense="1"><mj-body></mj-body></mjml>', TOML, ""),
        ("<mjml><mj-body></mj-body></mjml>", TOML, "{% if %}"),
        ("<mjml><mj-body></mj-body></mjml>", TOML.replace("{name}", "{nobody}"), ""),
        ("<mjml><mj-body></mj-body></mjml>", 'name = "x"', ""),
        ("<mjml><mj-body></mj-body></mjml>", "= nonsense", ""),
    ],
)
def test_a_broken_template_says_where(tmp_path: Path, mjml: str, toml: str, text: str) -> None:
    with pytest.raises(BadInput, match=r"t/(mail\.|template\.toml)"):
        load_template("t", folder(tmp_path, mjml, toml, text))


def test_the_words_of_another_template_but_for_ones_own(tmp_path: Path) -> None:
    folder(tmp_path, "<mjml><mj-body></mj-body></mjml>", TOML + 'bye = "Bye"')
    (tmp_path / "t").rename(tmp_path / "other")
    own = TOML.split("[words.en]")[0].replace("name", 'words_from = "other"\nname', 1)
    own += '[words.en]\nbye = "So long"\n[words.de]\nhello = "Hallo {name}"\n'
    said = "{{ words.hello }} {{ words.bye }}"
    template = load_template("t", folder(tmp_path, "<mjml><mj-body></mj-body></mjml>", own, said))
    assert template.render(content(first_name="Ada")).text == "Hello Ada So long\n"
    assert template.render(content(first_name="Ada", language="de")).text == "Hallo Ada So long\n"


@pytest.mark.parametrize("other", ["nowhere", "../t", "t2"])
def test_words_of_a_template_that_is_none_are_refused(tmp_path: Path, other: str) -> None:
    (tmp_path / "t2").mkdir()
    (tmp_path / "t2" / "template.toml").write_text('words_from = "t"')
    own = f'words_from = "{other}"\n' + TOML
    with pytest.raises(BadInput, match=r"t/template\.toml: words_from: there is no template"):
        load_template("t", folder(tmp_path, "<mjml><mj-body></mj-body></mjml>", own))


@pytest.mark.parametrize(
    ("statement", "named", "instead"),
    [
        ("{% set x %}é{% endset %}{{ x }}", r"\{% set %\}", r"\{% set name = expression %\}"),
        ("{% set x | upper %}é{% endset %}{{ x }}", r"\{% set %\}", r"\{% set name = expression %\}"),
        ("{% macro f() %}é{% endmacro %}{{ f() }}", r"\{% macro %\}", "in the place where"),
        ("{% if picks %}{% call picks() %}é{% endcall %}{% endif %}", r"\{% call %\}", "in the place where"),
        ("{%- filter upper -%}é{% endfilter %}", r"\{% filter %\}", r"\{\{ value \| filter \}\}"),
        ("{% block x %}é{% endblock %}{{ self.x() }}", r"\{% block %\}", "in the place where"),
        ("{% extends 'x' %}", r"\{% extends %\}", "one file"),
        ("{% include 'x' %}", r"\{% include %\}", "one file"),
        ("{% import 'x' as x %}", r"\{% import %\}", "one file"),
        ("{% from 'x' import x %}", r"\{% from", "one file"),
        ("{% for p in picks recursive %}é{% endfor %}", r"recursive %\}", "inner loop"),
        ("{% autoescape false %}é{% endautoescape %}", r"\{% autoescape %\}", "leave it out"),
    ],
)
def test_a_statement_that_would_be_encoded_twice_is_refused_with_what_to_do_instead(
    tmp_path: Path, statement: str, named: str, instead: str
) -> None:
    says = rf", line 3: .*{named}.*; .*{instead}"
    empty = "<mjml><mj-body></mj-body></mjml>"
    with pytest.raises(BadInput, match=rf"^t/mail\.txt\.j2{says}"):
        load_template("t", folder(tmp_path, empty, text=f"Hi\n\n{statement}"))
    (tmp_path / "html").mkdir()
    mjml = f"<mjml>\n<mj-body>\n<mj-raw>{statement}</mj-raw></mj-body></mjml>"
    with pytest.raises(BadInput, match=rf"^t/mail\.mjml\.j2{says}"):
        load_template("t", folder(tmp_path / "html", mjml))


def test_a_name_for_an_expression_works_in_both_parts(tmp_path: Path) -> None:
    said = "{% set x = 'né ' ~ first_name %}{{ x }}"
    mjml = f"<mjml><mj-body><mj-raw>{said}</mj-raw></mj-body></mjml>"
    template = load_template("t", folder(tmp_path, mjml, text=said))
    mail = content(1, first_name="J<é")
    plain, wire = template.render(mail), template.render_for_wire(mail)
    assert "né J&lt;é" in plain.html and plain.text == "né J<é\n"
    assert "n=C3=A9 J&lt;=C3=A9" in wire.html and "n=C3=A9 J<=C3=A9" in wire.text


def test_a_wrong_statement_is_named_by_its_own_line(tmp_path: Path) -> None:
    mjml = "<mjml>\n<mj-body>\n<mj-raw>\n{% if %}\n{% endif %}</mj-raw></mj-body></mjml>"
    with pytest.raises(BadInput, match=r"^t/mail\.mjml\.j2, line 4: Expected an expression"):
        load_template("t", folder(tmp_path, mjml))


def test_a_template_that_asks_too_much(tmp_path: Path) -> None:
    empty = "<mjml><mj-body></mj-body></mjml>"
    for number, text in enumerate(["{{ salary }}", "{{ ''.__class__.__mro__ }}", "{{ picks.clear() }}"]):
        (tmp_path / str(number)).mkdir()
        template = load_template("t", folder(tmp_path / str(number), empty, text=text))
        with pytest.raises(BadInput, match="template t"):
            template.render(content(1))


@pytest.mark.parametrize("name", ["nowhere", "../templates/outdoor", "", "/etc", "outdoor/"])
def test_there_is_no_such_template(name: str) -> None:
    with pytest.raises(NotFound):
        load_template(name)

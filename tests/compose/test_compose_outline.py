"""Mails filled into an outline are those of the template that is run, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from compose_samples import BRAND, HOSTILE, TRACKED, UNTRACKED, content
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compose.content import MailContent
from campaigns.compose.template import MailTemplate, load_template
from campaigns.core.errors import BadInput

OUTDOOR = load_template("outdoor")
WORDS = st.one_of(
    st.sampled_from(["", *HOSTILE, "Zoë", "a\x00b", "\x007\x00", "From here", ".", "a=b"]), st.text()
)
EMPTY = "<mjml><mj-body></mj-body></mjml>"
FACTS = """name = "T"
description = ""
[colours]
page = "#fff"
[colours_dark]
page = "#000"
[words.en]
greeting = "Hi {name}, of {brand}"
bye = "{brand} & co, since {date}"
"""


@st.composite
def contents(draw: st.DrawFn) -> MailContent:
    """Mails of all shapes: tracked or not, with and without names, pictures, reasons, dates, slots."""
    ref = draw(st.sampled_from([TRACKED, UNTRACKED]))
    mail = content(
        draw(st.integers(0, 5)),
        ref,
        first_name=draw(WORDS),
        language=draw(st.sampled_from(["en", "de", "fr", "es", "no", "nb-NO", "tlh"])),
        subject=draw(WORDS),
    )
    picks = tuple(
        replace(
            pick,
            title=draw(WORDS),
            picture_url=draw(st.sampled_from([pick.picture_url, "", "https://x.example/?a=1&b=<"])),
            link=draw(
                st.sampled_from(
                    [pick.link, "https://shop.example/?q=1&p=2", "https://a.b/" + "x" * 71 + ".y"]
                )
            ),
            reason_text=draw(st.sampled_from([pick.reason_text, ""])),
            personal=draw(st.booleans()),
        )
        for pick in mail.picks
    )
    names = draw(st.sets(st.sampled_from(list(mail.slots))))
    return replace(
        mail,
        picks=picks,
        copy=replace(mail.copy, headline=draw(WORDS), preheader=draw(WORDS)),
        slots={name: slot for name, slot in mail.slots.items() if name in names},
        brand=draw(st.sampled_from([BRAND, replace(BRAND, name='"B" <&> 7')])),
        consent_since=draw(st.sampled_from([None, date(2024, 2, 29)])),
        with_pixel=draw(st.booleans()),
    )


@pytest.mark.parametrize("template", [OUTDOOR, load_template("letter")], ids=["outdoor", "letter"])
@given(mail=contents())
def test_an_outline_gives_what_the_template_gives(mail: MailContent, template: MailTemplate) -> None:
    assert template.fill_for_wire(mail) == template.render_for_wire(mail)


@pytest.mark.parametrize("ref", [TRACKED, UNTRACKED])
def test_the_second_mail_of_a_shape_does_not_run_the_template(
    ref: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = content(4, ref, first_name="Ada", title="Boots"), content(4, ref, first_name="Grace")
    expected = OUTDOOR.render_for_wire(second)
    OUTDOOR.fill_for_wire(first)
    _never_run(monkeypatch, OUTDOOR)
    assert OUTDOOR.fill_for_wire(second) == expected


def _never_run(monkeypatch: pytest.MonkeyPatch, template: MailTemplate) -> None:
    def run(*_: object) -> None:
        raise AssertionError("the template was run")

    monkeypatch.setattr(template, "render_for_wire", run)


def made(folder: Path, text: str) -> MailTemplate:
    (folder / "t").mkdir()
    (folder / "t" / "template.toml").write_text(FACTS)
    (folder / "t" / "mail.mjml.j2").write_text(EMPTY)
    (folder / "t" / "mail.txt.j2").write_text(text)
    return load_template("t", folder)


@pytest.mark.parametrize(
    "text",
    [
        "{{ words.greeting }} {{ words.bye }} {{ words['bye'] }}",
        "{% set x = copy.headline %}{{ x }}{% for p in picks %}{{ loop.index }} {{ p.title }} {{ p.personal }}{% endfor %}",
        "{% for name in slots %}{{ name }}: {{ slots[name].alt }}{% else %}none{% endfor %}",
        "{{ first_name or 'you' }} {{ picks[0].title if picks else '' }} {{ personal and consent_since }}",
        "{{ copy['headline'] }} {{ with_pixel }} {{ open_pixel_url }} {{ picks[:1][0].line }}",
        "{% if language == 'en' and 'hero' in slots and not rows %}a{% elif leading %}b{% endif %}{{ subject }}",
    ],
)
def test_statements_that_choose_and_repeat_are_outlined(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = made(tmp_path, text)
    mails = [
        content(n, ref, first_name=name)
        for n in (1, 3)
        for ref in (TRACKED, UNTRACKED)
        for name in ("Zoë", "")
    ]
    expected = [template.render_for_wire(mail) for mail in mails]
    _never_run(monkeypatch, template)
    assert [template.fill_for_wire(mail) for mail in mails] == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ first_name | upper }}",
        "{{ first_name ~ subject }}",
        "{% if first_name == 'Ada' %}a{% else %}b{% endif %}",
        "{% if open_pixel_url is none %}a{% else %}b{% endif %}",
        "{% if 'Ad' in first_name %}a{% else %}b{% endif %}",
        "{% if first_name in ['Ada'] %}a{% else %}b{% endif %}",
        "{% if picks == leading %}a{% else %}b{% endif %}{{ copy == copy }}",
        "{% for letter in first_name %}{{ letter }}-{% endfor %}",
        "{{ copy.product_lines }}",
        "{{ picks }}{{ links }}",
        "{{ first_name[0] if first_name else '' }}",
        "{{ consent_since.year if consent_since else '' }}",
    ],
)
def test_what_looks_into_a_value_is_run_for_each_mail(text: str, tmp_path: Path) -> None:
    template = made(tmp_path, text)
    for name in ("Ada", "Grace", "", "Ada"):
        for ref in (TRACKED, UNTRACKED):
            mail = content(1, ref, first_name=name)
            assert template.fill_for_wire(mail) == template.render_for_wire(mail)


def test_what_is_wrong_with_a_template_is_said_as_when_it_is_run(tmp_path: Path) -> None:
    template = made(tmp_path, "{% if first_name %}{{ salary }}{% endif %}{{ first_name }}")
    for _ in range(2):
        with pytest.raises(BadInput, match="salary"):
            template.fill_for_wire(content(1))
    nameless = content(1, first_name="")
    assert template.fill_for_wire(nameless) == template.render_for_wire(nameless)


def test_a_mail_that_is_too_large_is_refused(tmp_path: Path) -> None:
    template = made(tmp_path, "{% for p in picks %}{{ copy.intro }}{% endfor %}")
    mail = content(5)
    assert template.fill_for_wire(mail)
    with pytest.raises(BadInput, match="larger"):
        template.fill_for_wire(replace(mail, copy=replace(mail.copy, intro="x" * 200_000)))

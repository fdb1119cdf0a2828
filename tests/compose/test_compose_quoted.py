from __future__ import annotations

import quopri
from collections.abc import Mapping

import pytest
from compose_samples import HOSTILE, TRACKED, UNTRACKED, content
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compose.compiling import compile_for_wire, compile_plain
from campaigns.compose.content import SlotView
from campaigns.compose.dkim import _relaxed_body
from campaigns.compose.links import SendRef
from campaigns.compose.quoted import quoted
from campaigns.compose.template import load_template

AWKWARD = st.text(alphabet=st.sampled_from(list(" .=\tF\nå😀rom-")), max_size=300)


def decoded(encoded: str) -> str:
    return quopri.decodestring(encoded.encode("ascii")).decode().replace("\r\n", "\n")


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(AWKWARD, st.text(max_size=200)), max_size=6))
def test_pieces_can_be_put_one_behind_the_other(pieces: list[str]) -> None:
    encoded = "".join(quoted(piece) for piece in pieces)
    assert decoded(encoded) == "".join(lines_of(piece) for piece in pieces)
    for line in encoded.split("\r\n"):
        assert len(line) <= 76
        assert not line.startswith((".", "From "))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(AWKWARD, st.text(max_size=200)), max_size=6))
def test_what_is_encoded_is_already_relaxed_for_dkim(pieces: list[str]) -> None:
    body = "".join(quoted(piece) for piece in pieces).encode("ascii") + b"--\r\n"
    assert _relaxed_body(body) == body


@pytest.mark.parametrize("language", ["en", "de", "no", "xx"])
@pytest.mark.parametrize("ref", [TRACKED, UNTRACKED])
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_the_mail_on_the_wire_is_the_mail_that_is_previewed(count: int, ref: SendRef, language: str) -> None:
    template = load_template("outdoor")
    for awkward in ("", "a  b .", *HOSTILE):
        shown = content(
            count, ref, first_name=awkward, language=language, title=awkward, subject=awkward or "x"
        )
        plain, wire = template.render(shown), template.render_for_wire(shown)
        assert decoded(wire.html).strip() == plain.html.strip()
        assert decoded(wire.text).strip() == plain.text.strip()


def test_constants_are_escaped_like_everything_else() -> None:
    source = "<a href={{ brand.url }} title='{{ name }}'>{{ brand.name }}{{ brand.name|upper }}{% if name %}\n.{% endif %}</a>"
    brand = {"url": "https://x.example/?a=1&b=2", "name": "Fjell & <Fern>"}
    wire = compile_for_wire(source, {"brand": brand}, html_escaping=True)
    plain = compile_plain(source, "test", html_escaping=True)
    values = {"brand": brand, "name": "O'Neil"}
    assert decoded(wire.render(values)) == plain.render(values)


def test_a_value_that_is_no_text_is_written_as_jinja_writes_it() -> None:
    source = "{{ number }} {{ slot }} {{ slot.alt }}"
    values = {"number": 4.5, "slot": SlotView("u", "l", "a <b>")}
    wire = compile_for_wire(source, {}, html_escaping=True)
    assert decoded(wire.render(values)) == compile_plain(source, "test", html_escaping=True).render(values)


@pytest.mark.parametrize(
    "source",
    [
        "{% set x = 'né <' ~ name %}{{ x }} {{ x|upper }}",
        "{% set x = brand.name if name else '' %}{{ x }}\u2028{{ brand.name }}",
        "{% set ns = namespace(n='é') %}{% for c in name %}{% set ns.n = ns.n ~ c %}{% endfor %}{{ ns.n }}",
        "{% with x = name, y = brand %}{{ x }} = {{ y.name }}{% endwith %}",
        "{% set brand = {'name': name} %}{{ brand.name }}",
        "{% for brand in [{'name': name}] %}{{ brand.name }}{% endfor %}",
        "{% with language = name %}{{ language }}{% endwith %}",
        "{% for language, n in [(name, 1)] %}{{ language }}{% endfor %}",
    ],
)
@pytest.mark.parametrize("html_escaping", [True, False])
def test_names_that_a_template_gives_are_written_once(source: str, html_escaping: bool) -> None:
    constants: dict[str, str | Mapping[str, str]] = {
        "brand": {"name": "Fjällräven & <Söhne>"},
        "language": "de",
    }
    values = {**constants, "name": "Jürgen <J>"}
    wire = compile_for_wire(source, constants, html_escaping=html_escaping)
    plain = compile_plain(source, "test", html_escaping=html_escaping)
    assert decoded(wire.render(values)) == plain.render(values)

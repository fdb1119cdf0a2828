"""Templates that marketers edit: what tries to get out of the sandbox, or to fill the machine, is refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from compose_samples import content

from campaigns.compose.compiling import compile_plain
from campaigns.compose.sandbox import rendered
from campaigns.compose.template import MailTemplate, load_template
from campaigns.core.errors import BadInput

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "outdoor"
ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ copy.__class__ }}",
    "{{ copy['__class__'] }}",
    "{{ copy | attr('__class__') }}",
    "{{ picks | map(attribute='__class__') | first }}",
    "{{ [copy] | map(attribute='__class__') | join }}",
    "{{ links.__init__.__globals__ }}",
    "{{ words.__class__ }}",
    "{{ words.__init__ }}",
    "{{ words.setdefault('a', 'b') }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ loop.__class__ }}",
    "{% for pick in picks %}{{ loop._iterator }}{% endfor %}",
    "{{ range.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ namespace().__class__ }}",
    "{{ (1).__class__ }}",
    "{{ '%s'.format(copy) }}",
    "{{ '{0.__class__}'.format(copy) }}",
    "{{ '{0.__class__}' | format(copy) }}",
    "{{ ''.join }}",
    "{{ copy.subject.encode() }}",
    "{{ picks[0].linked('https://evil.example') }}",
    "{{ copy.headline | safe }}",
    "{{ picks.append(1) }}",
    "{{ slots.clear() }}",
    "{{ slots.update({'a': 1}) }}",
    "{{ lipsum() }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__ }}",
    "{{ joiner() }}",
    "{{ dict(a=1) }}",
    "{{ caller() }}",
    "{{ config }}",
    "{{ request }}",
    "{{ copy | pprint }}",
    "{{ loop(picks) }}",
    "{% set copy.subject = 'x' %}",
    "{{ environment }}",
    "{{ 1 / 0 }}",
    "{{ picks[99].title }}",
    "{{ copy + 1 }}",
    "{{ [1] < copy }}",
]
BOMBS = [
    "{{ 'x' * 10**9 }}",
    "{{ 'x' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 9 ** 99999999 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'x' | center(1000000000) }}",
    "{{ 'x'.center(1000000000) }}",
    "{{ 'x'.zfill(1000000000) }}",
    "{{ 'x' | indent(1000000000) }}",
    "{{ range(1000000000) | list }}",
    "{{ range(1000000000) | join }}",
    "{{ range(10**18) | length }}",
    "{% for a in range(1000000000) %}x{% endfor %}",
    "{% for a in copy.intro * 999999 %}x{% endfor %}",
    "{{ [1] | batch(1000000000, 'x') | list }}",
    "{{ 'abc' | wordwrap(1, wrapstring='x' * 999999) }}",
    "{% set a = 'xxxxxxxxxx' %}"
    + "".join(f"{{% set a{n} = {' ~ '.join(['a' + (str(n - 1) if n else '')] * 10)} %}}" for n in range(12))
    + "{{ a11 }}",
    "{% set a = 'xxxxxxxxxx' %}"
    + "".join(f"{{% set a{n} = {' + '.join(['a' + (str(n - 1) if n else '')] * 10)} %}}" for n in range(12))
    + "{{ a11 }}",
    "{% set a = ['xxxxxxxxxx'] %}"
    + "".join(f"{{% set a{n} = [{', '.join(['a' + (str(n - 1) if n else '')] * 10)}] %}}" for n in range(12))
    + "{{ a11 }}",
    "{% set a = {'x': 'xxxxxxxx'} %}"
    + "".join(
        "{% set a" + str(n) + " = {" + ", ".join(f"'{k}': a{n - 1 if n else ''}" for k in range(10)) + "} %}"
        for n in range(12)
    )
    + "{{ a11 }}",
    "{% set ns = namespace(t='xxxxxxxxxx') %}"
    "{% for a in range(100) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
    "{% set ns = namespace(n=9) %}{% for a in range(100) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
    "{% set ns = namespace(l=[1]) %}{% for a in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l }}",
    "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
    "{% set a = 'x' * 1 %}{{ 'aaaaaaaaaa' | replace('a', 'aaaaaaaaaa' ) | replace('a', 'aaaaaaaaaa')"
    " | replace('a', 'aaaaaaaaaa') | replace('a', 'aaaaaaaaaa') | replace('a', 'aaaaaaaaaa') }}",
    "{% set t = 'x' %}{{ range(100) | join(range(100) | join(range(100) | join('xxxxxxxxxx'))) }}",
    "{% for a in range(100) %}{% for b in range(100) %}{% for c in range(100) %}xxxxxxxxxx{% endfor %}"
    "{% endfor %}{% endfor %}",
]
NOT_EVEN_READ = [
    "{% for a in range(9) %}{% for b in range(9) %}{% for c in range(9) %}{% for d in range(9) %}x{% endfor %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in picks %}x{% endfor %}" * 51,
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 50_000 + "1 }}",
    "x" * 200_001,
    "{% include '/etc/passwd' %}",
    "{% include 'mail.txt.j2' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends '/etc/passwd' %}",
]


def template_with(source: str) -> MailTemplate:
    facts = {
        "name": "x", "description": "x", "colours": {}, "colours_dark": {}, "words": {"en": {}},
    }  # fmt: skip
    return MailTemplate("x", facts, ("<p>hello</p>", source))


@pytest.mark.parametrize("source", [*ESCAPES, *BOMBS], ids=lambda source: source[:50])
def test_it_is_refused_at_once(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(BadInput):
        template_with(source).render(content(4))
    with pytest.raises(BadInput):
        template_with(source).render_for_wire(content(4))
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("source", NOT_EVEN_READ, ids=lambda source: source[:50])
@pytest.mark.parametrize("file", ["mail.txt.j2", "mail.mjml.j2"])
def test_it_is_not_even_read(tmp_path: Path, source: str, file: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("template.toml", "mail.mjml.j2", "mail.txt.j2"):
        (folder / name).write_text((TEMPLATES / name).read_text(encoding="utf-8"), encoding="utf-8")
    mjml = f"<mjml><mj-body><mj-section><mj-column><mj-text>{source}</mj-text></mj-column></mj-section></mj-body></mjml>"
    (folder / file).write_text(mjml if file == "mail.mjml.j2" else source, encoding="utf-8")
    with pytest.raises(BadInput):
        load_template("mine", tmp_path).render(content(4))


def test_mjml_includes_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (tmp_path / "secret.mjml").write_text("<mj-text>the secret</mj-text>", encoding="utf-8")
    for name in ("template.toml", "mail.txt.j2"):
        (folder / name).write_text((TEMPLATES / name).read_text(encoding="utf-8"), encoding="utf-8")
    for path in (str(tmp_path / "secret.mjml"), "../secret.mjml", "file:///etc/passwd"):
        (folder / "mail.mjml.j2").write_text(
            f'<mjml><mj-body><mj-section><mj-column><mj-include path="{path}" /></mj-column></mj-section></mj-body></mjml>',
            encoding="utf-8",
        )
        load_template.__globals__["_load"].cache_clear()
        with pytest.raises(BadInput):
            load_template("mine", tmp_path)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("{{ 'a' ~ 1 ~ copy.subject }}", "a1Rain ready"),
        ("{{ 2 + 3 * 4 - 1 }} {{ 7 % 4 }} {{ 9 // 2 }}", "13 3 4"),
        ("{{ 'a' + 'b' }}", "ab"),
        ("{% for n in range(3) %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{% endfor %}", "1a2b3a"),
        ("{% for name, slot in slots.items() %}{{ name }} {% endfor %}", "hero offer "),
        ("{{ slots.get('nothing', 'none') }}", "none"),
        ("{{ [copy.subject, 'x'] | join(', ') }}", "Rain ready, x"),
        ("{{ picks | map(attribute='title') | join(' and ') }}", "Rain Jacket 0 and Rain Jacket 1"),
        ("{{ copy.subject | replace('Rain', 'Snow') | upper }}", "SNOW READY"),
        (
            "{% set ns = namespace(n=0) %}{% for p in picks %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
            "2",
        ),
        ("{{ 'yes' if 'hero' in slots and copy.subject in ('Rain ready', 'x') else 'no' }}", "yes"),
        ("{{ copy.subject[:4] }}", "Rain"),
    ],
)
def test_what_a_mail_needs_still_works(source: str, wanted: str) -> None:
    values = template_with("x")._values(content(2))
    assert rendered(compile_plain(source, "test", html_escaping=False), values) == wanted


def test_texts_that_are_joined_are_still_escaped_once() -> None:
    compiled = compile_plain("{{ '<b>' ~ name }}{{ [name, 'x'] | join('<i>') }}", "test", html_escaping=True)
    assert rendered(compiled, {"name": "<a> & b"}) == "&lt;b&gt;&lt;a&gt; &amp; b&lt;a&gt; &amp; b&lt;i&gt;x"

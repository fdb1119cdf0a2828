from __future__ import annotations

import re

import pytest
from compose_samples import content

from campaigns.compose.client_views import GMAIL_CLIPS_AT, WORD, View, as_seen, clipped
from campaigns.compose.template import load_template


@pytest.fixture(scope="module", params=["outdoor", "letter"])
def mail(request: pytest.FixtureRequest) -> str:
    return load_template(request.param).render(content()).html


def test_every_view_keeps_the_words_and_the_links(mail: str) -> None:
    links = set(re.findall(r'href="(http[^"]+)"', mail))
    for view in (
        View(),
        View(looks="dark"),
        View(looks="forced"),
        View(WORD),
        View("gmail"),
        View(images=False),
    ):
        seen = as_seen(mail, view)
        assert set(re.findall(r'href="(http[^"]+)"', seen)) >= links, view
        assert "unsubscribe" in seen.lower(), view


def test_light_and_dark_are_decided_here_and_not_by_the_browser(mail: str) -> None:
    assert "prefers-color-scheme" in mail
    light, dark = as_seen(mail, View(looks="light")), as_seen(mail, View(looks="dark"))
    for seen in (light, dark):
        assert "prefers-color-scheme" not in seen
        assert seen.count("color-scheme:only") == 1
    assert "@media (max-width:0px)" in light and "@media (min-width:0px)" in dark


def test_forced_dark_turns_grounds_and_text_and_leaves_what_is_dark_already() -> None:
    html = '<body bgcolor="#ffffff" style="color:#111111"><td style="background:#1f5a3d url(white.png);color:white">x</td>'
    seen = as_seen(html, View(looks="forced"))
    assert 'bgcolor="rgb(31,31,31)"' in seen
    assert "#1f5a3d" not in seen and "rgb(31,90,61) url(white.png)" in seen
    assert "color:rgb(255,255,255)" in seen, "white on dark stays white"
    ink = re.search(r'style="color:rgb\((\d+),', seen)
    assert ink and int(ink[1]) > 200


def test_forced_dark_does_not_use_the_mails_own_dark_rules() -> None:
    css = "<style>@media (prefers-color-scheme: dark) { .a { color: #123456; } }</style>"
    assert "(max-width:0px)" in as_seen(css, View(looks="forced"))


def test_word_reads_what_is_written_for_word_and_leaves_out_what_it_lacks() -> None:
    html = (
        "<!--[if mso | IE]><table width='600'><tr><td>for word</td></tr></table><![endif]-->"
        "<!--[if !mso]><!--><p>for others</p><!--<![endif]--><!--[if lte mso 11]>for the old<![endif]-->"
        "<style>@media (max-width:500px){.a{color:red}} .b{border-radius:4px;color:blue}</style>"
        '<a style="padding:9px;border-radius:8px;color:red">x</a>'
        '<td background="b.png" style="background-image:url(b.png);mso-padding-alt:4px 8px">y</td>'
    )
    seen = as_seen(html, View(WORD))
    assert "for word" in seen and "for others" not in seen and "for the old" not in seen
    for gone in ("border-radius", "@media", "padding:9px", "background-image"):
        assert gone not in seen, gone
    assert "color:red" in seen and "color:blue" in seen and "padding:4px 8px" in seen
    plain = as_seen(html, View())
    assert "border-radius" in plain and "for others" in plain


def test_without_pictures_the_alt_texts_stand_in_their_places(mail: str) -> None:
    seen = as_seen(mail, View(images=False))
    assert "<img" not in seen and "url(http" not in seen
    for alt in filter(None, re.findall(r'<img[^>]*\balt="([^"]*)"', mail)):
        assert alt in seen
    small = as_seen('<img src="x" width="1" height="1" alt="pixel">', View(images=False))
    assert "pixel" not in small
    styled = as_seen(
        '<img src="x" width="300" alt="A &amp; B" style="color:#ff0000;font-size:22px">', View(images=False)
    )
    assert (
        "A &amp; B" in styled
        and "color:#ff0000" in styled
        and "font-size:22px" in styled
        and "width:300px" in styled
    )


def test_what_is_not_changed_stays_as_it_is() -> None:
    odd = "<p title='a>b' data-x>1 &lt; 2 &#8203;&nbsp;<br/>ünï</P><!-- c --><![CDATA[x]]>"
    seen = as_seen(odd, View())
    assert "<p title='a>b' data-x>1 &lt; 2 &#8203;&nbsp;<br/>ünï</p><!-- c -->" in seen


def test_gmail_clips_by_bytes() -> None:
    short = "<p>" + "ä" * 1000 + "</p>"
    assert clipped(short) == short
    long = "<p>ä</p>" * 20_000
    assert len(clipped(long).encode()) <= GMAIL_CLIPS_AT + 100
    assert clipped(long).endswith("View entire message</u></p>")


def test_scripts_never_pass_a_program_that_drops_them() -> None:
    seen = as_seen("<script>alert(1)</script><svg><script>2</script></svg><p>x</p>", View("gmail"))
    assert "alert" not in seen and "svg" not in seen and "<p>x</p>" in seen

"""Charts are well-formed XML with a title and a description, safe for the page's policy, and stay inside their frame."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.insight.charts.bars import Bar, bars
from campaigns.insight.charts.intervals import Estimate, intervals
from campaigns.insight.charts.lines import Series, lines
from campaigns.insight.charts.svg import WIDTH, Caption, nice_ticks

NASTY = "<script>alert('x')</script> & \"more\""
SVG = "{http://www.w3.org/2000/svg}"
SHARES = st.floats(0, 1)
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80)


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg" and root.get("role") == "img"
    named = root.get("aria-labelledby", "").split()
    texts = {
        element.get("id"): element.text for element in root if element.tag in (f"{SVG}title", f"{SVG}desc")
    }
    assert set(named) == set(texts) and all(texts.values())
    assert "style=" not in svg and not re.search(r"<script|\bon\w+=\"|href=", svg)
    return root


@pytest.mark.parametrize("kind", ["bars", "intervals", "lines"])
def test_words_are_escaped(kind: str) -> None:
    caption = Caption("k", NASTY, NASTY)
    drawn = {
        "bars": lambda: bars(caption, [Bar(NASTY, 0.5, NASTY, 0.4, 0.6, 1)]),
        "intervals": lambda: intervals(caption, [Estimate(NASTY, 1.0, 0.5, 2.0, NASTY)], 0.0),
        "lines": lambda: lines(caption, [NASTY, "b"], [Series(NASTY, [1.0, None]), Series("t", [2, 3])]),
    }[kind]()
    parsed(drawn)


@given(st.lists(st.builds(Bar, WORDS, SHARES, WORDS, SHARES, SHARES, st.integers(0, 5)), max_size=12))
def test_bars_stay_inside(rows: list[Bar]) -> None:
    root = parsed(bars(Caption("b", "Bars", "Some bars."), rows))
    for rect in root.iter(f"{SVG}rect"):
        assert 0 <= float(rect.get("x") or 0) <= WIDTH
        assert float(rect.get("width") or 0) <= WIDTH + 0.01


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=60), st.integers(1, 4))
def test_lines_of_anything(values: list[float | None], count: int) -> None:
    series = [Series(f"s{n}", values) for n in range(count)]
    root = parsed(lines(Caption("l", "Lines", "Some lines."), [str(n) for n in range(len(values))], series))
    for path in root.iter(f"{SVG}path"):
        assert "nan" not in (path.get("d") or "") and "inf" not in (path.get("d") or "")


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e5)), max_size=8))
def test_intervals_of_anything(pairs: list[tuple[float, float]]) -> None:
    rows = [Estimate("e", mean, mean - half, mean + half, "t") for mean, half in pairs]
    root = parsed(intervals(Caption("i", "Intervals", "Some."), rows, 0.0))
    for circle in root.iter(f"{SVG}circle"):
        if circle.get("class") == "chart-point":
            assert 0 <= float(circle.get("cx") or -1) <= WIDTH


@pytest.mark.parametrize("top", [0, 0.0004, 0.1, 0.3, 1, 7, 99, 100, 1234, 9.9e8])
def test_ticks_reach_the_top_and_are_few(top: float) -> None:
    ticks = nice_ticks(top)
    assert ticks[0] == 0 and ticks[-1] >= top * 0.999 and 2 <= len(ticks) <= 6


def test_series_differ_without_colour() -> None:
    one = parsed(lines(Caption("l", "t", "d"), ["a", "b"], [Series("x", [1, 2]), Series("y", [2, 1])]))
    shapes = {element.tag for element in one.iter() if "chart-marker" in (element.get("class") or "")}
    assert shapes == {f"{SVG}circle", f"{SVG}rect"}
    striped = bars(Caption("b", "t", "d"), [Bar("x", 1, "1"), Bar("y", 1, "1", series=1)])
    assert 'fill="url(#b-p1)"' in striped

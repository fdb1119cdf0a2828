"""Bars that lie: one above another, each with its label and figure above it, so that they fit on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.insight.charts.svg import WIDTH, Caption, element, frame, pattern_of, words

_ROW, _BAR, _LABEL = 42.0, 14.0, 15.0


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` of the longest one's length; `text` is the figure in words. `low` and `high` draw an interval.

    `series` picks the pattern (0: plain).
    """

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    series: int = 0


def bars(caption: Caption, rows: Sequence[Bar], whole: float | None = None, kind: str = "bars") -> str:
    """The chart; bars are as long as their part of `whole`, or of the largest value or bound."""
    top = whole or max((max(row.value, row.high or 0.0) for row in rows), default=0.0) or 1.0
    parts: list[str] = []
    for place, row in enumerate(rows):
        y = place * _ROW
        length = _along(row.value, top)
        parts.append(words(row.label, 0, y + _LABEL - 3, "chart-label"))
        parts.append(words(row.text, WIDTH, y + _LABEL - 3, "chart-figure", "end"))
        parts.append(
            element("rect", x=0, y=y + _LABEL + 4, width=WIDTH, height=_BAR, rx=3, class_="chart-track")
        )
        if length:
            fill = pattern_of(caption.key, row.series)
            parts.append(
                element(
                    "rect", x=0, y=y + _LABEL + 4, width=length, height=_BAR, rx=3,
                    class_="chart-bar" if fill is None else "chart-edge", fill=fill,
                )
            )  # fmt: skip
        if row.low is not None and row.high is not None:
            parts.append(_whisker(_along(row.low, top), _along(row.high, top), y + _LABEL + 4 + _BAR / 2))
    return frame(caption, max(len(rows), 1) * _ROW, parts, kind)


def _along(value: float, top: float) -> float:
    return min(max(value / top, 0.0), 1.0) * WIDTH


def _whisker(low: float, high: float, y: float) -> str:
    ends = (
        f"M{low:.2f} {y - 4:.2f}V{y + 4:.2f}M{high:.2f} {y - 4:.2f}V{y + 4:.2f}M{low:.2f} {y:.2f}H{high:.2f}"
    )
    return element("path", d=ends, class_="chart-whisker")

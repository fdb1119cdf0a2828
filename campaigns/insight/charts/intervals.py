"""Estimates with their intervals, one below another, along one scale with a line to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.insight.charts.svg import WIDTH, Caption, element, frame, number, words

_ROW, _LEFT, _RIGHT = 40.0, 8.0, 8.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """`value` between `low` and `high`, where these are known; `text` says it in words."""

    label: str
    value: float
    low: float | None
    high: float | None
    text: str


def intervals(caption: Caption, rows: Sequence[Estimate], reference: float | None = None) -> str:
    """The chart. `reference` is a value that is marked by a dashed line, such as 0 for "no difference"."""
    known = [value for row in rows for value in (row.value, row.low, row.high) if value is not None] + (
        [] if reference is None else [reference]
    )
    lowest, highest = min(known, default=0.0), max(known, default=1.0)
    spread = (highest - lowest) or abs(highest) or 1.0
    lowest, spread = lowest - 0.04 * spread, spread * 1.08
    height = max(len(rows), 1) * _ROW + 4

    def at(value: float) -> float:
        return _LEFT + (value - lowest) / spread * (WIDTH - _LEFT - _RIGHT)

    parts: list[str] = []
    if reference is not None:
        line = f"M{number(at(reference))} 0V{number(height)}"
        parts.append(element("path", d=line, class_="chart-reference"))
    for place, row in enumerate(rows):
        y = place * _ROW
        parts.append(words(row.label, 0, y + 13, "chart-label"))
        parts.append(words(row.text, WIDTH, y + 13, "chart-figure", "end"))
        middle = y + 26
        if row.low is not None and row.high is not None:
            low, high = number(at(row.low)), number(at(row.high))
            ends = f"M{low} {middle - 5}V{middle + 5}M{high} {middle - 5}V{middle + 5}M{low} {middle}H{high}"
            parts.append(element("path", d=ends, class_="chart-whisker"))
        parts.append(element("circle", cx=at(row.value), cy=middle, r=5.5, class_="chart-point"))
    return frame(caption, height, parts, "intervals")

"""Lines over time. Series differ by dash and marker as well as by colour, and are named in a legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from campaigns.insight.charts.svg import WIDTH, Caption, element, frame, nice_ticks, number, words

_LEFT, _RIGHT, _TOP, _PLOT = 52.0, 10.0, 10.0, 150.0
_LEGEND_ROW = 20.0
# Where there are many points, markers would be a caterpillar.
_MOST_MARKED = 20


@dataclass(frozen=True, slots=True)
class Series:
    """`values` in the order of the labels; None where nothing is known."""

    name: str
    values: Sequence[float | None]


def lines(
    caption: Caption,
    labels: Sequence[str],
    series: Sequence[Series],
    figure: Callable[[float], str] = number,
) -> str:
    """The chart, from 0 upwards; `figure` words the values on its scale."""
    top_value = max((value for one in series for value in one.values if value is not None), default=0.0)
    ticks = nice_ticks(top_value)
    top = ticks[-1]
    legend = _LEGEND_ROW * len(series) if len(series) > 1 else 0.0
    base = _TOP + _PLOT

    def at(place: int, value: float) -> tuple[float, float]:
        along = place / (len(labels) - 1) if len(labels) > 1 else 0.5
        return _LEFT + along * (WIDTH - _LEFT - _RIGHT), base - value / top * _PLOT

    parts = [_tick(tick, base - tick / top * _PLOT, figure) for tick in ticks]
    parts += _dates(labels, [at(place, 0)[0] for place in range(len(labels))], base)
    for which, one in enumerate(series):
        points = [at(place, value) if value is not None else None for place, value in enumerate(one.values)]
        parts.append(element("path", d=_path(points), class_=f"chart-line chart-line-{which % 4}"))
        parts += [_marker(which, *point) for point in _marked(points)]
        if legend:
            y = base + 40 + which * _LEGEND_ROW
            parts.append(element("path", d=f"M0 {y - 4}H34", class_=f"chart-line chart-line-{which % 4}"))
            parts.append(_marker(which, 17, y - 4))
            parts.append(words(one.name, 44, y, "chart-text"))
    return frame(caption, base + 24 + (legend + 6 if legend else 0), parts, "lines")


def _marked(points: Sequence[tuple[float, float] | None]) -> list[tuple[float, float]]:
    """All points where they are few; else those that no line leads to."""
    few = len(points) <= _MOST_MARKED
    around = [None, *points, None]
    return [
        point
        for place, point in enumerate(points)
        if point is not None and (few or (around[place] is None and around[place + 2] is None))
    ]


def _tick(value: float, y: float, figure: Callable[[float], str]) -> str:
    line = element("path", d=f"M{_LEFT} {number(y)}H{WIDTH - _RIGHT}", class_="chart-grid")
    return line + words(figure(value), _LEFT - 6, y + 4, "chart-tick", "end")


def _dates(labels: Sequence[str], along: Sequence[float], base: float) -> list[str]:
    """The first, the middle and the last one."""
    if not labels:
        return []
    last = len(labels) - 1
    places = {0: "start", last: "end"} if last else {0: "middle"}
    if last > 3:
        places[last // 2] = "middle"
    return [
        words(labels[place], along[place], base + 17, "chart-tick", anchor)
        for place, anchor in places.items()
    ]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    drawn, joined = [], False
    for point in points:
        if point is None:
            joined = False
            continue
        drawn.append(f"{'L' if joined else 'M'}{number(point[0])} {number(point[1])}")
        joined = True
    return "".join(drawn) or "M0 0"


def _marker(which: int, x: float, y: float) -> str:
    class_ = f"chart-marker chart-marker-{which % 4}"
    if which % 4 == 1:
        return element("rect", x=x - 3.5, y=y - 3.5, width=7, height=7, class_=class_)
    if which % 4 == 2:
        corners = f"M{number(x)} {number(y - 5)}l5 8.5h-10z"
        return element("path", d=corners, class_=class_)
    if which % 4 == 3:
        return element("path", d=f"M{number(x)} {number(y - 5)}l5 5-5 5-5-5z", class_=class_)
    return element("circle", cx=x, cy=y, r=3.8, class_=class_)

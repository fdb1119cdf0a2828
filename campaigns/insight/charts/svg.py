"""The parts that all charts are made of: escaped text, rounded numbers, the frame with its title and description."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 420.0
"""In units of which a phone shows some 0.85 px and a computer some 1.2."""
_LONGEST_LABEL = 46


@dataclass(frozen=True, slots=True)
class Caption:
    """What a chart is called and, for those who do not see it, what it shows. `key` is unique on its page."""

    key: str
    title: str
    description: str


def number(value: float) -> str:
    """A coordinate."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def element(tag: str, inner: str = "", /, **attributes: object) -> str:
    """One element; `class_` is written class, `a_b` a-b. Attributes are escaped, `inner` is markup already."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(number(value) if isinstance(value, float) else str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{inner}</{tag}>" if inner else f"<{tag}{written}/>"


def words(text: str, x: float, y: float, class_: str = "chart-text", anchor: str = "start") -> str:
    """A line of text, cut where it is too long."""
    shown = text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
    return element("text", escape(shown), x=x, y=y, class_=class_, text_anchor=anchor)


def frame(caption: Caption, height: float, parts: Iterable[str], kind: str) -> str:
    """The whole picture. `kind` is a word for the style sheet."""
    title = element("title", escape(caption.title), id=f"{caption.key}-title")
    description = element("desc", escape(caption.description), id=f"{caption.key}-desc")
    patterns = element("defs", "".join(_patterns(caption.key)))
    return element(
        "svg",
        title + description + patterns + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        class_=f"chart chart-{kind}",
        viewBox=f"0 0 {number(WIDTH)} {number(height)}",
        role="img",
        aria_labelledby=f"{caption.key}-title {caption.key}-desc",
    )


def pattern_of(key: str, series: int) -> str | None:
    """The `fill` of a series; None for the first one, which is plain."""
    return f"url(#{key}-p{series % 4})" if series % 4 else None


def _patterns(key: str) -> Iterable[str]:
    """Stripes, dots and a grid: what tells series apart without colour."""
    stripe = element("path", d="M-1 7 7 -1M3 11 11 3", class_="chart-ink")
    dots = element("circle", cx=4.0, cy=4.0, r=1.8, class_="chart-dot")
    grid = element("path", d="M0 4H8M4 0V8", class_="chart-ink")
    ground = element("rect", width=8, height=8, class_="chart-ground")
    for place, drawn in enumerate((stripe, dots, grid), start=1):
        yield element(
            "pattern", ground + drawn, id=f"{key}-p{place}", width=8, height=8, patternUnits="userSpaceOnUse"
        )


def nice_ticks(top: float, most: int = 4) -> Sequence[float]:
    """From 0 to at least `top`, in steps of 1, 2 or 5 times a power of ten."""
    if top <= 0:
        return (0.0, 1.0)
    power = 10.0
    while power > 1e-12 and power * 0.1 * most >= top:
        power /= 10
    while power * most < top:
        power *= 10
    step = next(power / 10 * factor for factor in (1, 2, 5, 10) if power / 10 * factor * most >= top * 0.999)
    count = int(-(-top // step)) if step else 1
    return tuple(step * place for place in range(max(count, 1) + 1))

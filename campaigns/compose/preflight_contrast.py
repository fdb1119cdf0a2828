"""Whether text can be read on what is behind it: contrast by WCAG 2.2 (1.4.3), in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.compose.preflight_finding import Finding
from campaigns.compose.preflight_page import Page
from campaigns.compose.preflight_styles import Colour, Looks

NEEDED, NEEDED_LARGE = 4.5, 3.0
UNREADABLE = 2.0
"""Below it a text is as good as missing, whatever its size."""

_LARGE, _LARGE_BOLD = 24.0, 18.66  # CSS pixels: 18 and 14 points


def contrast(one: Colour, other: Colour) -> float:
    """The ratio of two colours (0 to 255 each): from 1, the same, to 21, black on white."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def contrast_findings(page: Page) -> Iterator[Finding]:
    """A finding for each pair of colours that is too much alike."""
    yield from _findings(page, dark=False)
    if "prefers-color-scheme" in page.styles:
        yield from _findings(page, dark=True)


def _findings(page: Page, dark: bool) -> Iterator[Finding]:
    looks = Looks(page, dark)
    seen: set[tuple[Colour, Colour, bool]] = set()
    # Programs that hide pictures at first show their alt texts instead.
    alts = [(picture, picture.attributes.get("alt", "")) for picture in page.pictures]
    for element, text in [*page.texts, *alts]:
        if not text.strip() or looks.hidden(element):
            continue
        paper = looks.paper(element)
        if paper is None:
            continue
        ink, size = looks.ink(element, paper), looks.size(element)
        large = size >= _LARGE or (size >= _LARGE_BOLD and looks.bold(element))
        pair = (ink, paper, large)
        ratio, needed = contrast(ink, paper), NEEDED_LARGE if large else NEEDED
        if ratio >= needed or size <= 1 or pair in seen:
            continue
        seen.add(pair)
        where = f"<{element.tag}>" + (" in the dark colours" if dark else "")
        yield Finding(
            "error" if ratio < UNREADABLE else "warning",
            "low-contrast",
            f"Text in {where} is {_hex(ink)} on {_hex(paper)}, a contrast of {ratio:.1f}:1; it needs {needed:g}:1.",
        )


def _luminance(colour: Colour) -> float:
    """Relative luminance, 0 to 1."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in colour)

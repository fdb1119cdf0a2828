"""Colours as (red, green, blue), 0 to 255."""

from __future__ import annotations

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (28, 34, 46)
CREAM: Colour = (247, 241, 230)


def from_hex(text: str) -> Colour:
    """The colour of "#rrggbb"."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """`one` with `part` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def lighter(colour: Colour, part: float = 0.25) -> Colour:
    """Towards white."""
    return mix(colour, WHITE, part)


def darker(colour: Colour, part: float = 0.25) -> Colour:
    """Towards a warm black: pure black looks dead next to saturated colours."""
    return mix(colour, (24, 20, 36), part)


def brightness(colour: Colour) -> float:
    """Perceived brightness, 0 to 1 (ITU-R BT.601 weights)."""
    return (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255

"""Gloves, mittens and socks, in a box of 100 by 100 units."""

from __future__ import annotations

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, darker, lighter
from campaigns.sampleshop.drawing.path import path

SOCK = ("M 34 8 L 62 8 C 63 26 61 38 60 50 C 62 58 74 66 84 72 C 94 78 94 90 82 91 C 66 92 52 88 42 80 "
        "C 34 74 33 64 34 54 C 36 40 35 24 34 8")  # fmt: skip
MITTEN = ("M 34 66 C 28 54 28 30 34 20 C 40 10 58 10 64 20 C 68 28 68 38 68 44 C 72 36 80 34 84 39 "
          "C 87 46 78 56 72 66 L 34 66")  # fmt: skip
PALM = "M 28 68 C 26 56 25 46 27 38 L 69 38 C 70 42 70 46 70 50 L 70 68 L 28 68"


def draw_socks(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A pair of socks, one behind the other."""
    with canvas.placed(-11, -2, 0.97):
        _sock(canvas, darker(main, 0.2), darker(second, 0.2))
    with canvas.placed(8, 3, 0.97):
        _sock(canvas, main, second)


def _sock(canvas: Canvas, main: Colour, second: Colour) -> None:
    outline = path(SOCK)
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        canvas.shape(path("M 30 56 C 42 56 48 66 46 84 L 28 84 L 30 56"), second)
        canvas.shape(path("M 78 64 C 72 74 72 84 76 96 L 98 96 L 98 64 L 78 64"), second)
        for y in (26, 32):
            canvas.line([(30, y), (66, y)], second, 2.6)
        canvas.box(30, 6, 66, 19, second)
        for x in range(34, 64, 3):
            canvas.line([(x, 6), (x, 19)], darker(second, 0.2), 0.7)
        for y in range(40, 60, 4):
            canvas.line([(36, y), (60, y + 1)], darker(main, 0.12), 0.6)
        canvas.fade(48, 6, 64, 60, darker(main, 0.6), 0.35, "right")
        canvas.fade(30, 70, 98, 94, darker(main, 0.6), 0.45, "down")


def draw_mitten(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A pair of mittens, crossed a little."""
    for right, down, shade in ((-12, -4, 0.22), (8, 3, 0.0)):
        with canvas.placed(right, down):
            _mitten(canvas, darker(main, shade), darker(second, shade))


def _mitten(canvas: Canvas, main: Colour, second: Colour) -> None:
    outline = path(MITTEN)
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        for y in (24, 36, 48, 60):
            canvas.line(path(f"M 26 {y} C 40 {y + 4} 54 {y + 4} 68 {y}"), darker(main, 0.25), 0.9)
            canvas.line(path(f"M 28 {y - 7} C 40 {y - 4} 50 {y - 4} 58 {y - 6}"), lighter(main, 0.25), 1.4)
        canvas.line(path("M 68 44 C 66 50 66 54 67 58"), darker(main, 0.4), 1.1)
        canvas.fade(48, 8, 90, 70, darker(main, 0.6), 0.35, "right")
    _cuff(canvas, main, second, 33, 73)


def draw_glove(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A pair of gloves with fingers."""
    for right, down, shade in ((-12, -4, 0.25), (8, 3, 0.0)):
        with canvas.placed(right, down):
            _glove(canvas, darker(main, shade), darker(second, shade))


def _glove(canvas: Canvas, main: Colour, second: Colour) -> None:
    canvas.capsule((66, 58), (82, 42), 11.5, darker(main, 0.12))
    canvas.capsule((80, 44), (82, 42), 11.5, second)
    for x, tip in ((32.5, 20), (43, 13), (53.5, 15), (64, 23)):
        canvas.capsule((x, 46), (x + (x - 48) * 0.06, tip), 10.2, main)
        canvas.line([(x - 3, tip + 10), (x + 3, tip + 10)], darker(main, 0.3), 0.7)
        canvas.line([(x - 2.5, tip - 1), (x - 2.5, tip + 8)], lighter(main, 0.3), 1.0)
    for x in (37.8, 48.2, 58.8):
        canvas.line([(x, 28), (x, 44)], darker(main, 0.45), 1.0)
    canvas.disc(43, 12, 3.6, second)
    canvas.disc(53.6, 14, 3.6, second)
    outline = path(PALM)
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        for x in (38, 48, 58):
            canvas.line([(x, 40), (x, 54)], second, 1.4)
        canvas.fade(48, 30, 72, 70, darker(main, 0.6), 0.4, "right")
    _cuff(canvas, main, second, 28, 70)


def _cuff(canvas: Canvas, main: Colour, second: Colour, left: float, right: float) -> None:
    outline = path(
        f"M {left} 64 L {right} 64 L {right + 4} 90 "
        f"C {right - 10} 94 {left + 10} 94 {left - 4} 90 L {left} 64"
    )
    with canvas.clipped(outline):
        canvas.shape(outline, second)
        canvas.box(left - 6, 64, right + 6, 70, darker(main, 0.3))
        canvas.box((left + right) / 2 - 6, 65, (left + right) / 2 + 8, 69, CREAM, 0.8)
        for y in (76, 81, 86):
            canvas.line([(left - 6, y), (right + 6, y)], darker(second, 0.18), 0.7)
        canvas.fade((left + right) / 2, 64, right + 6, 94, darker(second, 0.6), 0.4, "right")

"""Trousers, shorts, tights and waders from the front, in a box of 100 by 100 units."""

from __future__ import annotations

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, darker, lighter
from campaigns.sampleshop.drawing.path import mirrored, path, symmetric

STRAIGHT = "M 50 12 L 66 12 C 69 24 71 40 71 54 L 72 90 C 67 92 61 92 57 91 L 52 46 L 50 42"
WIDE = "M 50 12 L 67 12 C 71 24 74 40 75 56 L 77 90 C 70 92.5 63 92.5 57 91 L 52 48 L 50 44"
CLOSE = "M 50 12 L 64 12 C 68 22 69 34 67 46 C 67 58 65 64 66 72 L 63 91 C 61 92 58 92 56 91 L 54 66 L 50 42"
SHORT = "M 50 18 L 69 18 C 73 32 76 46 78 60 C 71 64 63 65 56 64 L 52 50 L 50 47"
CUT = {
    "trousers": STRAIGHT, "overtrousers": WIDE, "tights": CLOSE, "shorts": SHORT,
    "quilted_trousers": WIDE, "bib": WIDE, "waders": WIDE,
}  # fmt: skip


def draw_legs(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    """Draw one of CUT."""
    high = shape in ("bib", "waders")
    if high:
        _bib(canvas, main, second)
    squeeze = 0.74 if high else 1.0
    with canvas.placed(50 * (1 - squeeze), 24 if high else 0, squeeze):
        _trousers(canvas, shape, main, second)
    if shape == "waders":
        foot = path("M 54 87 L 65.5 87 C 69 91 74 92 75 96 L 54 96 L 54 87")
        for boot in (foot, mirrored(foot)):
            canvas.shape(boot, darker(second, 0.25))


def _trousers(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    outline = symmetric(CUT[shape])
    top = 18 if shape == "shorts" else 12
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        if shape == "quilted_trousers":
            _quilting(canvas, main)
        canvas.fade(60, 10, 80, 94, darker(main, 0.6), 0.45, "right")
        canvas.fade(42, 40, 50, 94, darker(main, 0.6), 0.4, "right")
        canvas.fade(22, 10, 32, 94, lighter(main, 0.5), 0.25, "left")
        _seams(canvas, shape, main, second, top)
        canvas.box(20, top, 80, top + 5, darker(main, 0.22))
    if shape in ("trousers", "overtrousers", "quilted_trousers", "bib", "waders"):
        for x in (38, 46, 54, 62):
            canvas.box(x - 0.8, top - 0.8, x + 0.8, top + 5.6, darker(main, 0.4), 0.4)
    if shape in ("shorts", "tights"):
        for cord in (48.5, 51.5):
            canvas.line([(cord, top + 3), (2 * cord - 50, top + 13)], CREAM, 0.8)


def _seams(canvas: Canvas, shape: str, main: Colour, second: Colour, top: float) -> None:
    dark = darker(main, 0.38)
    canvas.line([(50, top + 5), (50, 48)], dark, 0.8)
    pocket = path(f"M 67 {top + 5} C 66 {top + 12} 63 {top + 16} 58 {top + 18}")
    if shape == "trousers":
        thigh = path("M 57 52 L 69 50 L 70 63 L 58 65 L 57 52")
        for flap in (thigh, mirrored(thigh)):
            canvas.shape(flap, darker(main, 0.12))
            canvas.line((*flap, flap[0]), dark, 0.5)
        for knee in (path("M 55 66 C 60 69 66 69 72 66"), mirrored(path("M 55 66 C 60 69 66 69 72 66"))):
            canvas.line(knee, dark, 0.6)
        canvas.box(20, 88.5, 80, 95, second)
    elif shape in ("overtrousers", "bib"):
        stripe = path("M 66 17 C 70 30 72 44 72.6 58 L 74 94")
        for edge in (stripe, mirrored(stripe)):
            canvas.line(edge, second, 2.0)
            canvas.line(edge, darker(second, 0.4), 0.5)
    elif shape == "tights":
        panel = path("M 66 18 C 62 34 66 50 62 66 L 60 94")
        for edge in (panel, mirrored(panel)):
            canvas.line(edge, second, 1.2)
    elif shape == "shorts":
        side = path("M 66 40 C 74 46 78 54 80 66 L 68 66 C 70 56 69 48 66 40")
        for edge in (side, mirrored(side)):
            canvas.shape(edge, second)
    elif shape == "waders":
        knee = path("M 55 58 L 74 56 L 75 74 L 57 76 L 55 58")
        for patch in (knee, mirrored(knee)):
            canvas.shape(patch, second)
            canvas.stitches((*patch, patch[0]), lighter(second, 0.3))
    if shape in ("trousers", "overtrousers"):
        for edge in (pocket, mirrored(pocket)):
            canvas.line(edge, dark, 0.8)


def _quilting(canvas: Canvas, main: Colour) -> None:
    for y in range(17, 95, 9):
        canvas.line([(20, y), (80, y)], darker(main, 0.4), 0.9)
        canvas.line([(20, y + 2.4), (80, y + 2.4)], lighter(main, 0.2), 1.5)


def _bib(canvas: Canvas, main: Colour, second: Colour) -> None:
    strap = path("M 57 26 C 58 16 57 8 53 4 L 56.5 4 C 61 9 62 17 61 26")
    for side in (strap, mirrored(strap)):
        canvas.shape(side, darker(second, 0.1))
    front = symmetric("M 50 19 L 62 19 C 63 26 63 31 63 36 L 50 40")
    with canvas.clipped(front):
        canvas.shape(front, main)
        canvas.fade(54, 16, 64, 42, darker(main, 0.6), 0.4, "right")
        canvas.box(43, 24, 57, 33, lighter(main, 0.08), 1)
        canvas.line([(43, 26), (57, 26)], second, 1.0)
    for x in (40.6, 59.4):
        canvas.box(x - 1.6, 18.5, x + 1.6, 23, CREAM, 0.6)

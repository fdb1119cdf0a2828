"""People who wear the shop's things: heads and hands for the tops of `jackets`, in their units."""

from __future__ import annotations

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, INK, Colour, darker, lighter, mix
from campaigns.sampleshop.drawing.jackets import FACE_HOLE
from campaigns.sampleshop.drawing.path import mirrored, path, symmetric


def hands(canvas: Canvas, colour: Colour) -> None:
    """Two hands or mittens below the cuffs; draw them before the sleeves."""
    for side in (1, -1):
        canvas.capsule((50 + side * 37, 79), (50 + side * 38, 84), 8, colour)


def face_in_hood(canvas: Canvas, skin: Colour, hair: Colour) -> None:
    """A face that fills the opening of a raised hood."""
    hole = symmetric(FACE_HOLE)
    with canvas.clipped(hole):
        canvas.disc(50, 20.5, 10.6, skin, tall=10.6)
        canvas.shape(path("M 38 8 L 62 8 L 62 20 C 58 13 54 14.5 46 13.5 C 43 15 41 18 40 24 L 38 8"), hair)
        canvas.fade(52, 8, 61, 32, darker(skin, 0.6), 0.35, "right")
        _features(canvas, 50, 21, skin)


def head(canvas: Canvas, skin: Colour, hair: Colour, sunglasses: bool = False) -> None:
    """A head on a neck above a collar, bare of any hat."""
    canvas.box(45, 6, 55, 19, darker(skin, 0.16), 2)
    canvas.shape(path("M 36.5 6 C 34 -20 66 -20 63.5 6 C 61 8 59 7 58 4 L 42 4 C 41 7 39 8 36.5 6"), hair)
    for side in (1, -1):
        canvas.disc(50 + side * 11.2, 0.5, 2.2, darker(skin, 0.08), tall=2.8)
    canvas.disc(50, 0, 11.4, skin, tall=13)
    canvas.shape(path("M 37 -2 C 37 -18 63 -18 63 -2 C 60 -8 56 -9 50 -9 C 44 -9 40 -8 37 -2"), hair)
    with canvas.placed(50 - 50 * 1.2, 1.5 - 21 * 1.2, 1.2):
        _features(canvas, 50, 21, skin, sunglasses)


def pack_straps(canvas: Canvas, colour: Colour, buckle: Colour) -> None:
    """The straps of a rucksack over both shoulders and across the chest."""
    strap = path(
        "M 60 22 C 66 30 67 44 65.5 56 C 65.5 66 69 73 73 76 "
        "L 73 70 C 71 67 70 62 70.5 56 C 72 42 71 30 67 23 L 60 22"
    )
    for side in (strap, mirrored(strap)):
        canvas.shape(side, colour)
        canvas.stitches(side[:15], lighter(colour, 0.35), 0.4)
    canvas.line([(35, 44), (65, 44)], colour, 2.0)
    canvas.box(46.5, 42, 53.5, 46, buckle, 1)


def _features(canvas: Canvas, x: float, y: float, skin: Colour, sunglasses: bool = False) -> None:
    blush = mix(skin, (226, 92, 82), 0.45)
    for side in (1, -1):
        canvas.disc(x + side * 5.2, y + 2.4, 1.7, blush, 0.65, tall=1.2)
        if not sunglasses:
            canvas.disc(x + side * 3.4, y - 0.6, 0.75, INK, tall=1.0)
            brow = f"M {x + side * 2.2} {y - 3.2} Q {x + side * 3.6} {y - 4} {x + side * 5} {y - 2.9}"
            canvas.line(path(brow), darker(skin, 0.55), 0.5)
    canvas.line(path(f"M {x} {y} L {x - 0.6} {y + 1.6} L {x + 0.4} {y + 1.9}"), darker(skin, 0.3), 0.45)
    canvas.line(path(f"M {x - 2.4} {y + 4} C {x - 1} {y + 5.4} {x + 1} {y + 5.4} {x + 2.4} {y + 4}"),
                darker(skin, 0.6), 0.6)  # fmt: skip
    if sunglasses:
        canvas.line([(x - 9, y - 1.2), (x + 9, y - 1.2)], INK, 0.7)
        for side in (1, -1):
            canvas.disc(x + side * 3.9, y - 0.5, 2.9, INK, tall=2.5)
            canvas.line([(x + side * 3.9 - 1.6, y - 1.2), (x + side * 3.9 - 0.2, y - 2)], CREAM, 0.5)

"""Boots and shoes from the side, toe to the right, in a box of 100 by 100 units."""

from __future__ import annotations

import random

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, darker, lighter, mix
from campaigns.sampleshop.drawing.path import Points, path

TALL = (
    "M 27 12 C 36 15 46 15 54 12 C 54 30 53 44 59 52 C 70 58 88 58 90 73 L 90 80 L 25 80 "
    "C 24 70 29 58 29 46 L 27 12"
)
MIDDLE = (
    "M 27 25 C 34 29 44 28 51 24 C 52 36 54 44 61 49 C 72 56 89 58 91 73 L 91 80 L 22 80 C 19 66 27 50 27 25"
)
ANKLE = (
    "M 27 29 C 35 33 46 33 54 29 C 54 40 56 48 62 53 C 72 59 89 60 91 73 L 91 80 L 22 80 C 20 66 27 52 27 29"
)
LOW = (
    "M 22 42 C 26 36 33 40 36 46 C 41 50 47 48 51 41 C 57 48 64 54 73 58 C 84 62 93 65 93 75 L 93 80 "
    "L 18 80 C 15 66 19 54 22 42"
)
UPPERS = {
    "wellington": TALL, "hiking_boot": MIDDLE, "mountain_boot": TALL, "winter_boot": MIDDLE,
    "chelsea": ANKLE, "desert_boot": ANKLE, "trail_shoe": LOW,
}  # fmt: skip
TOE_CAP = "M 74 50 C 78 60 80 70 79 82 L 95 82 L 95 50 L 74 50"
HEEL_CAP = "M 14 56 C 24 58 31 64 33 82 L 14 82 L 14 56"


def draw_boot(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    """A pair: one shoe behind in its own shade, one in front."""
    with canvas.placed(-5, -6, 0.97):
        _shoe(canvas, shape, darker(main, 0.28), darker(second, 0.28))
    with canvas.placed(4, 2, 0.97):
        _shoe(canvas, shape, main, second)


def _shoe(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    upper = path(UPPERS[shape])
    _sole(canvas, shape, main, second)
    with canvas.clipped(upper):
        canvas.shape(upper, main)
        canvas.fade(18, 54, 94, 82, darker(main, 0.6), 0.4, "down")
        canvas.fade(16, 10, 40, 82, darker(main, 0.6), 0.4, "left")
        _upper_details(canvas, shape, main, second)
    if shape in ("hiking_boot", "mountain_boot", "winter_boot", "trail_shoe", "desert_boot"):
        _laces(canvas, shape, main, second)
    if shape == "winter_boot":
        _fur(canvas, second)
    if shape in ("hiking_boot", "trail_shoe", "chelsea"):
        pull = {"hiking_boot": 24, "chelsea": 28, "trail_shoe": 40}[shape]
        canvas.line([(26, pull + 8), (24, pull - 2), (28, pull - 1), (29, pull + 7)], second, 1.4)


def _sole(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    rubber: Colour = (44, 42, 48)
    if shape == "desert_boot":
        canvas.shape(
            path("M 20 77 L 92 77 C 94 80 94 84 91 85 L 22 85 C 19 84 19 80 20 77"), mix(second, CREAM, 0.55)
        )
        canvas.line([(20, 79), (92, 79)], darker(second, 0.2), 0.6)
        return
    if shape == "chelsea":
        canvas.shape(path("M 21 77 L 92 77 C 94 80 94 83 92 84 L 44 84 L 43 87 L 22 87 L 21 77"), rubber)
        return
    middle = CREAM if shape == "trail_shoe" else mix(rubber, main, 0.25) if shape == "wellington" else second
    canvas.shape(path("M 18 75 L 94 75 C 97 79 96 83 93 85 L 21 85 C 17 83 17 79 18 75"), rubber)
    for left in range(21, 92, 8):
        canvas.shape([(left, 84), (left + 6, 84), (left + 5.2, 87.2), (left + 0.8, 87.2)], rubber)
    if shape == "trail_shoe":
        canvas.shape(path("M 17 74 C 40 78 70 78 94 74 L 95 81 L 18 81 L 17 74"), middle)
        canvas.line(path("M 20 79 C 40 81 70 81 93 79"), second, 1.2)
    else:
        canvas.line([(19, 80.5), (95, 80.5)], middle, 1.1)


def _upper_details(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    dark = darker(main, 0.35)
    if shape in ("hiking_boot", "mountain_boot", "trail_shoe", "winter_boot"):
        rubber = second if shape in ("mountain_boot", "trail_shoe") else darker(main, 0.3)
        canvas.shape(path(TOE_CAP), rubber)
        canvas.shape(path(HEEL_CAP), rubber)
        canvas.stitches(path("M 72 50 C 76 60 78 70 77 80"), lighter(main, 0.35), 0.6)
    if shape == "hiking_boot":
        canvas.shape(path("M 20 20 L 56 20 L 53 32 C 44 36 34 36 22 32 L 20 20"), second)
        canvas.stitches(path("M 30 40 C 34 52 46 62 70 66"), lighter(main, 0.35), 0.6)
        canvas.shape(
            path("M 33 56 C 44 52 52 58 62 70 L 54 80 C 48 68 42 62 33 62 L 33 56"), darker(main, 0.14)
        )
    elif shape == "mountain_boot":
        canvas.shape(path("M 20 8 L 60 8 L 56 24 C 46 27 36 27 20 24 L 20 8"), second)
        canvas.line(path("M 40 24 C 41 42 44 54 56 66"), second, 3.2)
        canvas.line(path("M 40 24 C 41 42 44 54 56 66"), CREAM, 0.7)
    elif shape == "wellington":
        canvas.line(path("M 34 20 C 36 36 35 50 32 62"), lighter(main, 0.55), 2.6)
        canvas.line(path("M 70 62 C 78 64 83 67 85 71"), lighter(main, 0.55), 1.8)
        canvas.line(path("M 26 17 C 36 20 46 20 56 17"), second, 3.0)
        canvas.box(20, 71, 95, 82, second)
        canvas.line([(20, 71), (95, 71)], lighter(main, 0.2), 0.6)
        canvas.box(46, 22, 51, 30, second, 1)
    elif shape == "chelsea":
        gore = path("M 36 31 L 50 31 C 49 44 49 52 46 60 C 42 60 40 60 38 60 C 39 50 38 40 36 31")
        canvas.shape(gore, second)
        for x in range(38, 50, 2):
            canvas.line([(x, 31), (x + 0.5, 60)], lighter(second, 0.2), 0.4)
        canvas.line(path("M 70 60 C 78 62 84 66 86 71"), lighter(main, 0.4), 1.4)
        canvas.line([(20, 74), (94, 74)], dark, 0.8)
    elif shape == "desert_boot":
        canvas.line(path("M 44 36 C 42 50 46 60 52 78"), dark, 0.8)
        canvas.stitches(path("M 46 36 C 44 50 48 60 54 78"), lighter(main, 0.4), 0.5)
    elif shape == "trail_shoe":
        canvas.shape(path("M 18 44 C 26 46 34 50 38 50 L 34 56 C 28 54 22 52 16 52 L 18 44"), second)
        for step in range(3):
            x = 44 + 9 * step
            canvas.line([(x, 80), (x + 7 - step, 58 + 2 * step)], second, 2.2)
        canvas.fade(40, 44, 80, 60, lighter(main, 0.6), 0.3, "up")


def _laces(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    top, bottom, rows = {
        "hiking_boot": ((50, 31), (67, 53), 5),
        "mountain_boot": ((53, 28), (66, 54), 5),
        "winter_boot": ((51, 37), (67, 53), 4),
        "trail_shoe": ((52, 45), (69, 57), 4),
        "desert_boot": ((54, 36), (57, 44), 2),
    }[shape]
    lace = CREAM if shape != "desert_boot" else second
    canvas.line([(top[0] - 4, top[1]), (bottom[0] - 5, bottom[1] + 2)], darker(main, 0.4), 1.0)
    for row in range(rows):
        part = row / max(1, rows - 1)
        x, y = top[0] + (bottom[0] - top[0]) * part, top[1] + (bottom[1] - top[1]) * part
        canvas.capsule((x + 0.4, y - 0.6), (x - 6.5, y + 3.2), 1.5, darker(lace, 0.35))
        canvas.capsule((x + 0.4, y - 1.0), (x - 6.5, y + 2.6), 1.2, lace)
        canvas.disc(x - 6.8, y + 2.9, 1.1, second)
    for drop in ((-9.0, 7.0), (-3.0, 9.0)):
        end = (top[0] + drop[0], top[1] + drop[1])
        canvas.line([(top[0] - 4, top[1] + 1), end], lace, 0.8)


def _fur(canvas: Canvas, second: Colour) -> None:
    rng = random.Random("fur")
    rim: Points = path("M 26 25 C 34 30 44 29 52 24")
    for tone in (darker(second, 0.16), second, lighter(second, 0.5)):
        for x, y in rim:
            canvas.disc(x + rng.uniform(-0.8, 0.8), y + rng.uniform(-2.6, 2.6), rng.uniform(1.6, 2.9), tone)

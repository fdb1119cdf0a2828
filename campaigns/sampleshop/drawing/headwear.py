"""Hats from the front or a little from the side, in a box of 100 by 100 units."""

from __future__ import annotations

import math
import random

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, brightness, darker, lighter, mix
from campaigns.sampleshop.drawing.path import Points, mirrored, path, symmetric

DOME = "M 50 22 C 70 22 80 40 79 66 C 70 70 60 71 50 71"


def draw_bobble_hat(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A knitted hat with a pattern, a broad rib and a bobble."""
    dome = symmetric(DOME)
    with canvas.clipped(dome):
        canvas.shape(dome, main)
        for row, colour in ((33, second), (40, lighter(main, 0.35)), (47, second)):
            zigzag = [(x, row + (4 if number % 2 else 0)) for number, x in enumerate(range(18, 86, 4))]
            canvas.line(zigzag, colour, 1.8)
        for x in range(20, 84, 8):
            canvas.disc(x, 57, 1.3, second)
        _round_off(canvas, main)
    _rib(canvas, darker(main, 0.1), 60, 77)
    pompom(canvas, 50, 17, 11.5, second)


def pompom(canvas: Canvas, x: float, y: float, reach: float, colour: Colour) -> None:
    """A woollen ball of strands."""
    rng = random.Random("pompom")
    canvas.disc(x, y, reach * 0.86, darker(colour, 0.18))
    tones = (darker(colour, 0.12), colour, lighter(colour, 0.35))
    for number in range(90):
        angle, far = rng.uniform(0, 2 * math.pi), reach * rng.uniform(0.78, 1.04)
        tip = (x + far * math.cos(angle), y + far * math.sin(angle))
        root = (x + far * 0.3 * math.cos(angle), y + far * 0.3 * math.sin(angle))
        canvas.line([root, tip], tones[number % 3], reach * 0.075)


def draw_beanie(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A close rib-knit cap with a folded edge."""
    dome = symmetric(DOME)
    with canvas.clipped(dome):
        canvas.shape(dome, main)
        for number in range(-6, 7):
            x = 50 + number * 5.4
            canvas.line(
                path(f"M {50 + number * 1.2} 22 Q {x + number * 0.6} 40 {x} 72"), darker(main, 0.25), 1.0
            )
        _round_off(canvas, main)
    _rib(canvas, main, 58, 76)
    canvas.box(55, 63, 65, 71, mix(CREAM, second, 0.12), 0.8)
    canvas.line(path("M 57 69 L 59.5 65 L 61 67 L 62 66 L 64 69"), second, 0.9)


def draw_headband(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A band of knitted wool, seen from the front, its back showing behind."""
    canvas.shape(path("M 18 46 C 26 32 74 32 82 46 L 82 56 C 70 46 30 46 18 56 L 18 46"), darker(main, 0.5))
    band = path("M 14 47 C 30 62 70 62 86 47 L 86 66 C 72 84 28 84 14 66 L 14 47")
    with canvas.clipped(band):
        canvas.shape(band, main)
        canvas.line(path("M 12 56 C 30 72 70 72 88 56"), second, 4.6)
        zigzag = [
            (14 + 6 * n, 56 + 12 * math.sin(math.pi * n / 12) + (2 if n % 2 else -1)) for n in range(13)
        ]
        canvas.line(zigzag, main, 1.4)
        canvas.fade(56, 40, 88, 86, darker(main, 0.6), 0.5, "right")
        canvas.fade(12, 40, 30, 86, darker(main, 0.6), 0.3, "left")


def draw_cap(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A light cap, its peak to the right."""
    crown = path("M 16 62 C 14 34 32 22 48 22 C 66 22 78 36 78 58 C 60 54 36 56 16 62")
    peak = path("M 34 58.5 C 52 52 78 52 97 66 C 98 70 94 71 90 70 C 74 63 56 61 34 60.5 L 34 58.5")
    with canvas.clipped(crown):
        canvas.shape(crown, main)
        canvas.shape(path("M 10 20 L 34 20 C 28 32 26 48 30 70 L 10 70 L 10 20"), darker(main, 0.12))
        for seam in ("M 48 22 C 36 30 31 44 31 60", "M 48 22 C 60 30 64 42 64 58"):
            canvas.line(path(seam), darker(main, 0.28), 0.7)
        for x in (20, 23.5, 27):
            for y in (42, 46, 50):
                canvas.disc(x, y, 0.8, darker(main, 0.4))
        canvas.fade(12, 20, 80, 66, darker(main, 0.6), 0.25, "down")
    canvas.line(path("M 16 62 C 36 56 60 54 78 58"), darker(main, 0.3), 1.2)
    with canvas.clipped(peak):
        canvas.shape(peak, second if brightness(second) < 0.9 else darker(main, 0.18))
        canvas.line(path("M 46 58.5 C 62 56 78 58 93 68"), lighter(second, 0.3), 0.7)
        canvas.fade(40, 60, 98, 72, darker(main, 0.7), 0.4, "down")
    canvas.disc(48, 22.5, 2, darker(main, 0.25))
    canvas.shape(path("M 46 47 L 52 36 L 55 41 L 57 38.5 L 62 46"), CREAM)


def draw_neck_cap(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A cap with a curtain over the neck."""
    cloth = path("M 15 56 C 10 68 9 82 12 92 C 24 94 34 90 42 86 C 40 76 40 68 42 58 L 15 56")
    with canvas.clipped(cloth):
        canvas.shape(cloth, lighter(main, 0.2))
        for x in (20, 28, 36):
            canvas.line(path(f"M {x} 56 C {x - 3} 70 {x - 4} 82 {x - 3} 94"), darker(main, 0.2), 0.8)
        canvas.fade(26, 50, 44, 94, darker(main, 0.6), 0.35, "right")
    draw_cap(canvas, main, second)


def draw_bucket(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A rain hat with a short brim all round."""
    crown = symmetric("M 50 22 C 62 22 69 25 71 30 L 77 58 C 70 63 60 64 50 64")
    brim = symmetric("M 50 56 C 64 56 74 54 78 52 L 92 70 C 84 80 66 83 50 83")
    canvas.shape(symmetric("M 50 78 C 66 78 82 76 91 70 C 84 81 66 84 50 84"), darker(main, 0.5))
    _brim_and_crown(canvas, brim, crown, main)
    canvas.line(path("M 23 57 C 34 64 66 64 77 57"), second, 3.0)
    for row in range(3):
        arc = path(
            f"M {20 - 3 * row} {63 + 5 * row} "
            f"C 36 {72 + 4.5 * row} 64 {72 + 4.5 * row} {80 + 3 * row} {63 + 5 * row}"
        )
        canvas.stitches(arc, lighter(main, 0.3), 0.5)
    _drops(canvas, main)


def draw_brim_hat(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A wide-brimmed hat with a band."""
    canvas.disc(50, 66, 44, darker(main, 0.42), tall=14)
    brim = symmetric("M 50 50 C 70 50 90 54 95 63 C 92 73 70 77 50 77")
    crown = symmetric("M 50 25 C 54 22 62 22 66 27 C 70 34 72 46 73 60 C 66 66 58 67 50 67")
    _brim_and_crown(canvas, brim, crown, main)
    band = path("M 27.5 53 C 36 60 64 60 72.5 53 L 73 60 C 64 67 36 67 27 60 L 27.5 53")
    canvas.shape(band, second)
    canvas.line(path("M 50 26 C 47 30 47 36 49 40"), darker(main, 0.3), 1.2)
    canvas.line(path("M 12 66 C 26 74 74 74 88 66"), lighter(main, 0.3), 0.7)


def draw_souwester(canvas: Canvas, main: Colour, second: Colour) -> None:
    """The seaman's rain hat: short brim in front, long behind, ribbons to tie."""
    back = path("M 22 50 C 10 62 4 74 6 84 C 22 90 40 86 52 78 L 60 54 L 22 50")
    crown = path("M 20 58 C 18 34 34 20 52 20 C 70 20 80 36 80 56 C 62 62 38 63 20 58")
    front = path("M 46 58 C 60 60 76 56 82 52 C 90 58 96 64 96 70 C 82 76 60 76 44 70 L 46 58")
    for outline, opacity in ((back, 0.5), (crown, 0.3), (front, 0.35)):
        with canvas.clipped(outline):
            canvas.shape(outline, main)
            canvas.fade(4, 30, 98, 90, darker(second, 0.4), opacity, "down")
    for seam in ("M 52 20 C 38 30 34 44 35 60", "M 52 20 C 66 30 70 42 69 59"):
        canvas.line(path(seam), darker(main, 0.25), 0.9)
    canvas.line(path("M 20 58 C 38 63 62 62 80 56"), second, 2.4)
    canvas.stitches(path("M 10 80 C 24 84 38 80 48 74"), darker(second, 0.2), 0.6)
    canvas.stitches(path("M 48 67 C 62 72 80 72 93 68"), darker(second, 0.2), 0.6)
    canvas.line(path("M 30 36 C 34 29 40 26 46 25"), lighter(main, 0.7), 2.6)
    canvas.line(path("M 40 70 C 42 80 38 86 40 94"), darker(second, 0.1), 1.4)
    _drops(canvas, main)


def draw_trapper(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A winter hat with ear flaps and a furred front."""
    flap = path("M 71 56 C 82 58 86 72 82 88 C 76 93 68 91 66 84 C 67 74 66 66 64 62 L 71 56")
    for side in (flap, mirrored(flap)):
        with canvas.clipped(side):
            canvas.shape(side, main)
            canvas.fade(10, 55, 90, 95, darker(main, 0.6), 0.4, "down")
        _wool(canvas, side[::3], second, 2.4)
    dome = symmetric("M 50 20 C 70 20 80 36 80 60 C 70 64 60 65 50 65")
    with canvas.clipped(dome):
        canvas.shape(dome, main)
        canvas.line(path("M 50 18 L 50 66"), darker(main, 0.3), 0.9)
        canvas.line(path("M 34 24 C 30 40 30 50 30 66"), darker(main, 0.3), 0.9)
        canvas.line(path("M 66 24 C 70 40 70 50 70 66"), darker(main, 0.3), 0.9)
        _round_off(canvas, main)
    front = path("M 22 42 C 36 34 64 34 78 42 L 80 60 C 64 66 36 66 20 60 L 22 42")
    canvas.shape(front, second)
    _wool(canvas, [(x, 42 + 4.4 * row - 3 * math.sin(math.pi * (x - 22) / 56)) for row in range(5)
                   for x in range(22, 80, 4)], second, 3.0)  # fmt: skip
    for x in (25.5, 74.5):
        canvas.line([(x, 89), (x + 1, 97)], darker(main, 0.3), 1.2)


def draw_balaclava(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A thin hood over head and neck with an opening for the face."""
    outline = symmetric(
        "M 50 12 C 70 12 78 28 77 46 C 76 58 72 64 74 72 C 78 80 80 86 81 90 C 70 94 60 95 50 95"
    )
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        canvas.line([(50, 10), (50, 28)], darker(main, 0.4), 0.8)
        canvas.line(path("M 26 62 C 36 74 64 74 74 62"), second, 1.6)
        for row in range(3):
            canvas.line(path(f"M 24 {78 + 4 * row} C 36 {84 + 4 * row} 64 {84 + 4 * row} 76 {78 + 4 * row}"),
                        lighter(main, 0.18), 0.6)  # fmt: skip
        _round_off(canvas, main)
    canvas.shape(symmetric("M 50 28 C 62 28 68 33 68 40 C 68 50 62 56 50 57"), second)
    canvas.shape(
        symmetric("M 50 30.5 C 60 30.5 65.5 35 65.5 40.5 C 65.5 48 60 53.5 50 54.5"), darker(main, 0.75)
    )


def _brim_and_crown(canvas: Canvas, brim: Points, crown: Points, main: Colour) -> None:
    with canvas.clipped(brim):
        canvas.shape(brim, main)
        canvas.fade(50, 40, 96, 90, darker(main, 0.6), 0.4, "right")
        canvas.glow(50, 62, 32, darker(main, 0.6), 0.5, flat=0.35)
    with canvas.clipped(crown):
        canvas.shape(crown, main)
        _round_off(canvas, main)


def _round_off(canvas: Canvas, main: Colour) -> None:
    canvas.fade(52, 8, 84, 96, darker(main, 0.6), 0.5, "right")
    canvas.glow(38, 36, 20, lighter(main, 0.7), 0.35)


def _rib(canvas: Canvas, colour: Colour, top: float, bottom: float) -> None:
    edge = symmetric(f"M 50 {top} C 62 {top} 72 {top - 1} 80 {top - 3} "
                     f"C 83 {top + 4} 83 {bottom - 5} 81 {bottom - 2} "
                     f"C 70 {bottom + 2} 60 {bottom + 2} 50 {bottom + 2}")  # fmt: skip
    with canvas.clipped(edge):
        canvas.shape(edge, colour)
        for number in range(-8, 9):
            x = 50 + 4 * number
            canvas.line([(x, top - 4), (x + number * 0.1, bottom + 4)], darker(colour, 0.28), 1.1)
        canvas.fade(52, top - 4, 84, bottom + 4, darker(colour, 0.6), 0.5, "right")
        canvas.fade(18, top - 4, 84, top + 5, lighter(colour, 0.5), 0.3, "up")


def _wool(canvas: Canvas, points: Points, colour: Colour, size: float) -> None:
    rng = random.Random("wool")
    for tone, share in ((darker(colour, 0.16), 1.0), (colour, 0.8), (lighter(colour, 0.5), 0.45)):
        for x, y in points:
            canvas.disc(x + rng.uniform(-1, 1), y + rng.uniform(-1, 1), size * share, tone)


def _drops(canvas: Canvas, main: Colour) -> None:
    for x, y in ((36, 40), (58, 33), (66, 46), (44, 50), (72, 66), (28, 70)):
        canvas.disc(x, y, 1.3, lighter(main, 0.65), tall=1.7)

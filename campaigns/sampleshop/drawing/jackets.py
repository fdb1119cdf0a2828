"""Jackets and tops from the front, in a box of 100 by 100 units; x = 50 is the zip."""

from __future__ import annotations

import random
from dataclasses import dataclass

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, INK, WHITE, Colour, brightness, darker, lighter, mix
from campaigns.sampleshop.drawing.path import Points, mirrored, path, symmetric

BODY = "M 50 24 L 58 22 C 64 23 69 25 73 29 C 74 38 71 44 71 52 L 73 87 C 66 90 58 91 50 91"
SLEEVE = "M 67 25 C 76 26 81 31 83 40 L 92 76 C 90 80 86 82 81 82 L 71 54 L 68 40 L 67 25"
CUFF = "M 90 70 L 92 76 C 90 80 86 82 81 82 L 79 76 C 84 76 88 74 90 70"
SHORT_SLEEVE = "M 67 25 C 76 26 81 31 84 41 L 87 50 C 84 54 79 56 74 56 L 69 44 L 67 25"
COLLAR = "M 50 15 L 58 15 C 60 18 60 23 59 27 C 56 30 53 31 50 31"
HOOD = "M 50 4 C 62 4 68 12 66 21 C 65 27 60 31 50 33"
FACE_HOLE = "M 50 9 C 57 9 61 14 60 20 C 59 26 55 29 50 30"
HOOD_DOWN = "M 50 13 C 58 13 66 17 67 24 C 63 30 57 31 50 31"


@dataclass(frozen=True, slots=True)
class Cut:
    """What makes one kind of jacket or top; the defaults are a plain crew neck."""

    neck: str = "crew"  # crew, collar, hood_up, hood_down, shirt
    closure: str = "none"  # none, zip, half_zip, buttons
    sleeves: str = "long"  # long, short, none
    pockets: str = "none"  # none, slanted, flaps, kangaroo, chest
    yoke: bool = False
    slick: bool = False
    pile: bool = False
    hem_band: bool = False


CUTS = {
    "rain_jacket": Cut(neck="hood_up", closure="zip", pockets="flaps", slick=True),
    "shell": Cut(neck="hood_up", closure="zip", pockets="slanted", yoke=True),
    "wind_shirt": Cut(neck="collar", closure="half_zip", pockets="chest", hem_band=True, yoke=True),
    "fleece": Cut(neck="collar", closure="zip", pockets="slanted", pile=True, yoke=True),
    "softshell": Cut(neck="collar", closure="zip", pockets="slanted"),
    "overshirt": Cut(neck="shirt", closure="buttons", pockets="chest"),
    "hoody": Cut(neck="hood_down", closure="half_zip", pockets="kangaroo", hem_band=True),
    "crew": Cut(hem_band=True),
    "zip_neck": Cut(neck="collar", closure="half_zip", hem_band=True),
    "tee": Cut(sleeves="short"),
    "singlet": Cut(sleeves="none"),
}
SINGLET = "M 50 36 C 56 35 60 30 61 21 L 67 21 C 67 34 68 43 72 48 L 73 87 C 66 90 58 91 50 91"


def draw_top(canvas: Canvas, shape: str, main: Colour, second: Colour) -> None:
    """Draw one of CUTS."""
    cut = CUTS[shape]
    if cut.neck == "hood_down":
        _part(canvas, symmetric(HOOD_DOWN), darker(main, 0.12))
        canvas.shape(symmetric("M 50 17 C 56 17 60 20 60 24 L 50 30"), darker(main, 0.45))
    if cut.neck in ("crew", "shirt"):
        canvas.shape(symmetric("M 50 19 C 56 19 59 21 60 24 L 50 32"), darker(main, 0.45))
    _sleeves(canvas, cut, main, second)
    body = symmetric(SINGLET if cut.sleeves == "none" else BODY)
    with canvas.clipped(body):
        _cloth(canvas, body, main, cut)
        _body_details(canvas, cut, main, second)
    _neck(canvas, cut, main, second)
    _closure(canvas, cut, main, second)
    _pockets(canvas, cut, main, second)


def draw_down(canvas: Canvas, main: Colour, second: Colour, long: bool = False) -> None:
    """A down jacket of puffy horizontal baffles; `long` makes it a parka with a furred hood."""
    hem = 95.0 if long else 88.0
    for side in (1, -1):
        _down_sleeve(canvas, main, side)
    rows = 8 if long else 7
    high = (hem - 27) / rows
    if not long:
        canvas.shape(symmetric(COLLAR), darker(main, 0.2))
    for row in range(rows):
        middle = 27 + high * (row + 0.5)
        half = (19.5, 23.0, 23.0, 22.5, 22.5, 23.0, 23.5, 24.0)[row]
        _baffle(canvas, (50 - half + high / 2, middle), (50 + half - high / 2, middle), high, main)
    if long:
        _furred_hood(canvas, main)
    else:
        for row in range(2):
            _baffle(canvas, (42 - row, 19 + 5.2 * row), (58 + row, 19 + 5.2 * row), 6.4, main)
    canvas.line([(50, 16 if not long else 30), (50, hem - 0.6)], darker(main, 0.55), 1.9)
    canvas.line([(50, 16 if not long else 30), (50, hem - 0.6)], lighter(second, 0.25), 0.7)
    canvas.capsule((50, 33), (50, 36.5), 1.6, mix(CREAM, second, 0.15))
    for side in (1, -1):
        canvas.capsule((50 + side * 10, 70), (50 + side * 13.5, 61), 1.5, darker(main, 0.5))


def _down_sleeve(canvas: Canvas, main: Colour, side: int) -> None:
    """Baffles across the line from shoulder to wrist, and a cuff."""
    for row in range(7):
        part = row / 6
        x, y = 50 + side * (20 + 15 * part), 32.5 + 43.5 * part
        half = 5.6 - 1.6 * part
        outer, inner = (x + side * half, y - 0.3 * half), (x - side * half, y + 0.3 * half)
        _baffle(canvas, min(outer, inner), max(outer, inner), 8.6, main)
    outer, inner = (50 + side * 41, 80.0), (50 + side * 34.2, 82.4)
    canvas.capsule(outer, inner, 3.2, darker(main, 0.45))


def _baffle(
    canvas: Canvas, left: tuple[float, float], right: tuple[float, float], high: float, main: Colour
) -> None:
    """One chamber of down: dark seam below, base, light on the upper side."""
    (x1, y1), (x2, y2) = left, right
    canvas.capsule((x1, y1 + high * 0.06), (x2, y2 + high * 0.06), high * 1.06, darker(main, 0.42))
    canvas.capsule((x1, y1 - high * 0.03), (x2, y2 - high * 0.03), high * 0.94, main)
    inset = high * 0.12
    canvas.capsule(
        (x1 + inset, y1 - high * 0.17), (x2 - inset, y2 - high * 0.17), high * 0.44, lighter(main, 0.16)
    )
    canvas.capsule(
        (x1 + inset * 2, y1 - high * 0.25),
        (x2 - inset * 3, y2 - high * 0.25),
        high * 0.13,
        lighter(main, 0.42),
    )


def _furred_hood(canvas: Canvas, main: Colour) -> None:
    canvas.shape(symmetric(HOOD), main)
    canvas.line(path("M 38 8 C 33 13 33 22 38 28"), lighter(main, 0.2), 1.2)
    fur, rng = mix(CREAM, (150, 110, 70), 0.35), random.Random("fur")
    ring = symmetric(FACE_HOLE)
    for x, y in ring[::2]:
        canvas.disc(x + rng.uniform(-0.6, 0.6), y + rng.uniform(-0.6, 0.6), 3.4, darker(fur, 0.18))
    for x, y in ring[::2]:
        canvas.disc(x + rng.uniform(-0.6, 0.6), y - 0.5 + rng.uniform(-0.5, 0.5), 2.5, lighter(fur, 0.2))
    canvas.shape(symmetric("M 50 12 C 55 12 57.5 15 57 20 C 56.5 24 53.5 26.5 50 27"), darker(main, 0.72))


def _sleeves(canvas: Canvas, cut: Cut, main: Colour, second: Colour) -> None:
    if cut.sleeves == "none":
        return
    outline = path(SLEEVE if cut.sleeves == "long" else SHORT_SLEEVE)
    for side, sleeve in ((1, outline), (-1, mirrored(outline))):
        with canvas.clipped(sleeve):
            _cloth(canvas, sleeve, darker(main, 0.06), cut)
            inner = "left" if side > 0 else "right"
            edges = sorted((50 + side * 17, 50 + side * 33))
            canvas.fade(edges[0], 24, edges[1], 84, darker(main, 0.55), 0.5, inner)
            if cut.slick:
                shine = path("M 77 32 C 80 38 82 46 84 56")
                canvas.line(shine if side > 0 else mirrored(shine), lighter(main, 0.6), 1.5)
            if cut.sleeves == "short":
                hem = path("M 88 47.5 C 84 52 79 54 73 54")
                canvas.stitches(hem if side > 0 else mirrored(hem), darker(main, 0.35))
        if cut.sleeves == "long":
            colour = second if cut.yoke or cut.hem_band or cut.slick else darker(main, 0.25)
            canvas.shape(path(CUFF) if side > 0 else mirrored(path(CUFF)), colour)


def _cloth(canvas: Canvas, outline: Points, colour: Colour, cut: Cut) -> None:
    canvas.shape(outline, colour)
    if not cut.pile:
        return
    rng = random.Random("pile")
    tones = (lighter(colour, 0.16), darker(colour, 0.12))
    for number in range(420):
        canvas.disc(rng.uniform(6, 94), rng.uniform(22, 92), rng.uniform(0.6, 1.2), tones[number % 2], 0.7)


def _body_details(canvas: Canvas, cut: Cut, main: Colour, second: Colour) -> None:
    if cut.yoke:
        canvas.shape(symmetric("M 50 16 L 80 16 L 80 38 C 70 40 60 40 50 43"), second)
        canvas.line(symmetric("M 80 38 C 70 40 60 40 50 43")[:-15], darker(second, 0.3), 0.5)
    if cut.hem_band:
        canvas.box(20, 86, 80, 95, second)
        canvas.line([(22, 86), (78, 86)], darker(second, 0.25), 0.5)
    canvas.fade(58, 20, 76, 94, darker(main, 0.6), 0.42, "right")
    canvas.fade(26, 20, 38, 94, darker(main, 0.6), 0.2, "left")
    fold = darker(main, 0.2)
    canvas.line(path("M 31 54 C 36 58 40 60 45 60"), fold, 0.7)
    canvas.line(path("M 69 58 C 64 63 61 65 57 66"), fold, 0.7)
    if not cut.hem_band and not cut.slick:
        canvas.stitches(path("M 26 84.5 C 34 88 42 88.5 50 88.5 C 58 88.5 66 88 74 84.5"), darker(main, 0.35))
    if cut.slick:
        canvas.line(path("M 35 32 C 33 42 34 52 33 66"), lighter(main, 0.55), 2.6)
        canvas.line(path("M 39 31 C 38 36 38 40 38 44"), lighter(main, 0.55), 1.1)
        canvas.line(path("M 28 80 C 36 84 42 85 50 85 C 58 85 66 84 73 80"), darker(main, 0.22), 0.8)


def _neck(canvas: Canvas, cut: Cut, main: Colour, second: Colour) -> None:
    if cut.neck == "collar":
        collar = second if cut.yoke else darker(main, 0.12)
        _part(canvas, symmetric(COLLAR), collar)
        canvas.shape(symmetric("M 50 15 L 58 15 C 57 17.5 54 18.5 50 18.5"), darker(collar, 0.45))
    elif cut.neck == "hood_up":
        hood = symmetric(HOOD)
        with canvas.clipped(hood):
            canvas.shape(hood, main)
            canvas.fade(54, 2, 68, 34, darker(main, 0.6), 0.4, "right")
            canvas.line(path("M 40 9 C 36 13 36 19 38 25"), lighter(main, 0.55 if cut.slick else 0.22), 1.8)
            canvas.line([(50, 2), (50, 10)], darker(main, 0.28), 0.7)
        canvas.shape(symmetric(FACE_HOLE), darker(second if cut.slick else main, 0.68))
        canvas.shape(path("M 40.2 19 C 40 13 44 9 50 9 C 56 9 60 13 59.8 19 "
                          "C 57 14 54 12 50 12 C 46 12 43 14 40.2 19"),
                     darker(main, 0.2))  # fmt: skip
        for x in (46, 54):
            canvas.line([(x, 29), (x - 0.4, 38)], CREAM if cut.slick else second, 0.7)
            canvas.disc(x - 0.4, 38.5, 0.9, CREAM if cut.slick else second)
    elif cut.neck == "shirt":
        leaf = path("M 50 32 L 41 21 L 37 25 L 43 37 L 50 32")
        for flap in (leaf, mirrored(leaf)):
            canvas.shape(flap, lighter(main, 0.14))
            canvas.line((*flap, flap[0]), darker(main, 0.3), 0.5)
    elif cut.sleeves != "none":
        band = path("M 40.5 23 C 42 30 46 32.5 50 32.5 C 54 32.5 58 30 59.5 23")
        canvas.line(band, second, 1.9)


def _closure(canvas: Canvas, cut: Cut, main: Colour, second: Colour) -> None:
    top = {"collar": 18.5, "hood_up": 30.0, "hood_down": 30.0}.get(cut.neck, 32.0)
    dark = darker(main, 0.5)
    if cut.closure in ("zip", "half_zip"):
        bottom = 90.4 if cut.closure == "zip" else 50.0
        if cut.slick:
            canvas.box(47.4, top, 52.6, bottom - 1, mix(main, second, 0.45))
            canvas.line([(52.6, top), (52.6, bottom - 1)], darker(second, 0.2), 0.5)
            for y in range(40, 86, 11):
                canvas.disc(50, y, 1.15, darker(second, 0.35))
                canvas.disc(49.7, y - 0.3, 0.55, CREAM)
            return
        canvas.line([(50, top), (50, bottom)], dark, 1.6)
        canvas.line([(50, top), (50, bottom)], second if not cut.yoke else CREAM, 0.6)
        canvas.capsule((50, top + 4), (50, top + 7), 1.5, CREAM if brightness(main) < 0.75 else second)
    elif cut.closure == "buttons":
        canvas.line([(48, 34), (48, 90.5)], darker(main, 0.25), 0.5)
        canvas.line([(52, 34), (52, 90.5)], darker(main, 0.25), 0.5)
        for y in range(38, 90, 10):
            canvas.disc(50, y, 1.2, darker(second, 0.3))
            canvas.disc(49.8, y - 0.2, 0.5, lighter(second, 0.5))


def _pockets(canvas: Canvas, cut: Cut, main: Colour, second: Colour) -> None:
    dark = darker(main, 0.4)
    if cut.pockets == "slanted":
        for outline in (path("M 63 56 L 67 70"), path("M 37 56 L 33 70")):
            canvas.line(outline, dark, 2.0)
            canvas.line(outline, second, 0.8)
    elif cut.pockets == "flaps":
        flap = path("M 56 63 L 68.5 63 L 69 69 C 64 71 60 71 56 70 L 56 63")
        for outline in (flap, mirrored(flap)):
            canvas.shape([(x, y + 0.9) for x, y in outline], darker(main, 0.32))
            canvas.shape(outline, lighter(main, 0.1))
            middle = sum(x for x, _ in outline) / len(outline)
            canvas.disc(middle, 68.3, 0.9, darker(second, 0.3))
    elif cut.pockets == "kangaroo":
        pouch = symmetric("M 50 62 L 60 62 L 66 72 L 66 82 L 50 82")
        canvas.shape(pouch, darker(main, 0.08))
        canvas.line((*pouch, pouch[0]), darker(main, 0.32), 0.6)
    elif cut.pockets == "chest":
        sides = (57.0,) if cut.closure == "half_zip" else (57.0, 34.0)
        for left in sides:
            canvas.box(left, 46, left + 9, 57, darker(main, 0.09), 1)
            canvas.box(
                left, 46, left + 9, 49.2, second if cut.closure == "half_zip" else lighter(main, 0.1), 1
            )
            canvas.stitches([(left + 0.7, 56), (left + 8.3, 56)], darker(main, 0.4), 0.35)


def _part(canvas: Canvas, outline: Points, colour: Colour) -> None:
    """A filled outline that turns away from the light on its right."""
    with canvas.clipped(outline):
        canvas.shape(outline, colour)
        across = [x for x, _ in outline]
        canvas.fade((min(across) + max(across)) / 2, 0, max(across), 100, INK, 0.28, "right")
        canvas.line([(min(across), 0), (min(across), 100)], WHITE, 0.6, 0.25)

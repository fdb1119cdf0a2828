"""Packs and bags from the front, in a box of 100 by 100 units."""

from __future__ import annotations

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, darker, lighter, mix
from campaigns.sampleshop.drawing.path import Points, mirrored, path, symmetric


def draw_daypack(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A plain rucksack with a front pocket."""
    _handle(canvas, 16, darker(main, 0.35))
    for side in (
        path("M 74 56 C 82 56 84 62 83 84 L 74 86 L 74 56"),
        path("M 26 56 C 18 56 16 62 17 84 L 26 86 L 26 56"),
    ):
        canvas.shape(side, darker(main, 0.4))
    _body(canvas, symmetric("M 50 16 C 68 16 76 26 76 42 L 77 82 C 77 89 72 92 50 92"), main)
    canvas.line(path("M 26 46 C 26 26 38 22 50 22 C 62 22 74 26 74 46"), darker(main, 0.35), 1.4)
    canvas.capsule((73, 46), (73, 52), 1.8, second)
    _body(
        canvas,
        symmetric("M 50 56 L 68 56 C 70 56 71 58 71 60 L 71 82 C 71 86 68 87 50 87"),
        lighter(main, 0.08),
    )
    canvas.line([(31, 61), (69, 61)], darker(main, 0.45), 1.4)
    canvas.capsule((66, 61), (66, 66), 1.8, second)
    canvas.box(43, 36, 57, 46, second, 1.5)
    canvas.shape(path("M 45 44 L 49 38.5 L 51 41.5 L 52.5 40 L 55 44"), CREAM)


def draw_rolltop(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A waterproof pack whose top is rolled down and clipped."""
    _body(canvas, symmetric("M 50 26 L 72 26 C 74 50 75 66 75 86 C 75 91 70 93 50 93"), main)
    canvas.box(25, 68, 75, 93, second, 3)
    canvas.fade(56, 68, 75, 92, darker(second, 0.6), 0.4, "right")
    _body(canvas, symmetric("M 50 12 L 73 12 C 77 12 77 20 73 20 L 50 20"), darker(main, 0.08))
    _body(canvas, symmetric("M 50 19 L 74 19 C 78 19 78 28 74 28 L 50 28"), main)
    canvas.line([(27, 20), (73, 20)], darker(main, 0.4), 0.7)
    for x in (25, 75):
        canvas.line([(x, 18), (x, 46)], second, 2.0)
        canvas.box(x - 2.6, 33, x + 2.6, 40, darker(second, 0.3), 1)
    canvas.line(path("M 34 34 L 33 62"), lighter(main, 0.6), 2.2)
    canvas.box(42, 46, 58, 56, second, 1)
    canvas.shape(path("M 45 54 L 49.5 48 L 52 51.5 L 53.5 50 L 56 54"), main)
    canvas.line([(32, 78), (68, 78)], lighter(second, 0.3), 1.0)
    canvas.line([(32, 80), (68, 80)], mix(second, CREAM, 0.7), 0.6)


def draw_trekking_pack(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A tall pack with a lid, side pockets and a mat."""
    _handle(canvas, 10, darker(main, 0.35))
    canvas.capsule((24, 91), (76, 91), 10, second)
    for x in (24, 76):
        canvas.disc(x, 91, 4.6, darker(second, 0.25))
        canvas.disc(x, 91, 2.6, second)
        canvas.disc(x, 91, 1.2, darker(second, 0.4))
    for side in (
        path("M 71 46 C 83 48 84 56 82 84 L 71 86 L 71 46"),
        path("M 29 46 C 17 48 16 56 18 84 L 29 86 L 29 46"),
    ):
        _body(canvas, side, darker(main, 0.25))
    _body(canvas, symmetric("M 50 24 L 70 24 C 74 40 74 60 73 84 C 72 88 66 89 50 89"), main)
    _body(canvas, symmetric("M 50 58 L 67 58 C 69 66 69 76 67 84 L 50 85"), darker(main, 0.13))
    canvas.line([(33, 62), (67, 62)], darker(main, 0.5), 1.0)
    for x in (38, 62):
        canvas.line([(x, 22), (x, 84)], second, 1.7)
        canvas.box(x - 2, 44, x + 2, 50, darker(main, 0.6), 0.8)
        canvas.line([(x, 84), (x, 96)], darker(main, 0.5), 1.5)
    _body(canvas, symmetric("M 50 11 C 66 11 75 15 76 24 C 76 31 72 34 50 34"), lighter(main, 0.08))
    canvas.line(path("M 29 25 C 40 29 60 29 71 25"), darker(main, 0.4), 1.2)
    canvas.capsule((68, 26), (69.5, 31), 1.6, second)


def draw_alpine_pack(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A narrow climbing pack with an ice axe and a coil of rope."""
    steel: Colour = (170, 178, 188)
    _body(canvas, symmetric("M 50 22 L 66 22 C 71 40 72 64 70 86 C 69 91 64 92 50 92"), main)
    _body(canvas, symmetric("M 50 76 L 71 76 C 71 82 71 86 69 89 C 66 92 60 92 50 92"), second)
    for number, colour in enumerate((lighter(second, 0.5), CREAM)):
        for row in range(3):
            arc = path(f"M 33 {28 + 3 * row} C 40 {41 + 3 * row} 60 {41 + 3 * row} 67 {28 + 3 * row}")
            canvas.line([(x, y + number * 1.3) for x, y in arc], colour, 1.4)
    canvas.line([(60, 30), (60, 90)], darker(second, 0.2), 2.4)
    canvas.line([(60, 30), (60, 90)], steel, 1.5)
    canvas.line(path("M 72 24 C 68 22 64 22 60 25 C 56 27 52 29 49 34"), darker(steel, 0.35), 3.0)
    canvas.line(
        path("M 72 23.5 C 68 21.5 64 21.5 60 24.5 C 56 26.5 52 28.5 49 33.5"), lighter(steel, 0.3), 1.7
    )
    for y in (56, 80):
        canvas.line([(56, y), (64, y)], second if y < 70 else main, 2.4)
    _body(canvas, symmetric("M 50 12 C 62 12 69 14 70 22 C 70 28 67 30 50 30"), second)
    for y in (48, 62):
        canvas.line([(29.5, y), (40, y + 3)], darker(main, 0.45), 1.6)
        canvas.line([(70.5, y), (63, y + 3)], darker(main, 0.45), 1.6)
    canvas.box(36, 62, 48, 70, CREAM, 1)
    canvas.shape(path("M 38 68.5 L 41.5 63.5 L 43.5 66.5 L 44.5 65.3 L 46.5 68.5"), second)


def draw_running_vest(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A vest with two soft flasks on the chest."""
    canvas.shape(symmetric("M 50 16 C 58 16 62 18 64 22 L 60 80 L 50 82"), darker(main, 0.55))
    half = path(
        "M 62 14 C 72 16 78 24 78 36 C 78 48 74 56 76 70 C 74 80 66 86 56 86 L 56 50 C 58 38 60 24 62 14"
    )
    for side in (half, mirrored(half)):
        _body(canvas, side, main)
    for x in (66, 34):
        flask = path(
            f"M {x - 5} 34 L {x + 5} 34 C {x + 7} 44 {x + 7} 54 {x + 6} 62 "
            f"L {x - 6} 62 C {x - 7} 54 {x - 7} 44 {x - 5} 34"
        )
        canvas.shape(flask, mix(CREAM, (120, 190, 225), 0.55))
        canvas.line([(x - 2.5, 38), (x - 3, 50)], CREAM, 1.4)
        canvas.capsule((x, 32), (x, 28), 4.4, second)
        canvas.capsule((x, 28), (x, 24), 2.2, lighter(second, 0.3))
        canvas.box(x - 7.6, 48, x + 7.6, 64, second, 1.5)
        canvas.line([(x - 7, 51), (x + 7, 51)], lighter(second, 0.35), 0.7)
        canvas.box(x - 7, 68, x + 7, 80, darker(main, 0.15), 1.5)
        canvas.line([(x - 6, 71), (x + 6, 71)], CREAM, 0.7)
    for y in (44, 58):
        canvas.line([(42, y), (58, y)], darker(second, 0.2), 1.8)
        canvas.box(47.5, y - 2, 52.5, y + 2, CREAM, 0.8)


def draw_sling(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A bag on one strap across the chest."""
    canvas.line(path("M 24 64 C 20 30 44 8 70 8 C 84 10 86 30 82 50"), darker(main, 0.45), 5.0)
    canvas.line(path("M 24 64 C 20 30 44 8 70 8 C 84 10 86 30 82 50"), second, 1.2)
    body = path("M 18 56 C 30 44 62 40 84 46 C 90 58 88 78 80 86 C 62 94 36 94 22 86 C 14 78 14 66 18 56")
    _body(canvas, body, main)
    front = path("M 26 66 C 40 60 62 60 76 64 C 78 72 77 80 72 84 C 58 89 42 89 30 84 C 25 78 24 72 26 66")
    _body(canvas, front, darker(main, 0.12))
    canvas.line(path("M 20 58 C 36 50 64 48 84 52"), darker(main, 0.5), 1.3)
    canvas.line(path("M 27 68 C 42 63 62 63 75 67"), second, 1.3)
    canvas.capsule((74, 67), (74, 73), 1.8, second)
    canvas.box(40, 70, 58, 80, second, 1.2)
    for x, colour in ((44, (214, 69, 65)), (49, CREAM), (54, (69, 150, 200))):
        canvas.line([(x, 77), (x, 73)], darker(second, 0.6), 0.7)
        for lean in (-1.6, 0.0, 1.6):
            canvas.line([(x, 74.5), (x + lean, 71.5)], colour, 0.8)


def draw_duffel(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A long bag with handles."""
    canvas.line(path("M 34 46 C 36 20 64 20 66 46"), second, 4.0)
    body = path("M 14 46 C 22 36 78 36 86 46 C 92 56 92 76 86 84 C 70 89 30 89 14 84 C 8 76 8 56 14 46")
    with canvas.clipped(body):
        canvas.shape(body, main)
        canvas.shape(path("M 0 30 L 24 30 C 16 50 16 72 24 94 L 0 94 L 0 30"), darker(main, 0.25))
        canvas.shape(path("M 100 30 L 76 30 C 84 50 84 72 76 94 L 100 94 L 100 30"), darker(main, 0.35))
        canvas.fade(8, 56, 92, 90, darker(main, 0.6), 0.45, "down")
        canvas.fade(8, 36, 92, 52, lighter(main, 0.6), 0.3, "up")
        for x in (34, 66):
            canvas.line([(x, 36), (x, 92)], second, 4.0)
    canvas.line(path("M 22 45 C 40 40 60 40 78 45"), darker(main, 0.5), 1.5)
    canvas.capsule((74, 44.5), (79, 48), 2.0, CREAM)
    canvas.line(path("M 34 60 C 36 40 64 40 66 60"), darker(second, 0.25), 3.6)
    canvas.box(42, 62, 58, 74, CREAM, 1.5)
    canvas.shape(path("M 44.5 71.5 L 49 64.5 L 51.5 68.5 L 53 67 L 55.5 71.5"), main)


def draw_dry_bags(canvas: Canvas, main: Colour, second: Colour) -> None:
    """Three roll-top sacks of three sizes."""
    for left, top, wide, colour in ((8, 40, 30, second), (34, 16, 36, main), (66, 54, 26, (106, 153, 78))):
        right = left + wide
        outline = path(
            f"M {left} {top + 8} L {right} {top + 8} C {right + 2} 60 {right + 1} 80 {right} 88 "
            f"C {right - 8} 92 {left + 8} 92 {left} 88 C {left - 1} 80 {left - 2} 60 {left} {top + 8}"
        )
        _body(canvas, outline, colour)
        canvas.capsule((left + 2, top + 6), (right - 2, top + 6), 6, darker(colour, 0.2))
        middle = left + wide / 2
        canvas.line(path(f"M {left + 1} {top + 5} "
                         f"C {left + 2} {top - 8} {right - 2} {top - 8} {right - 1} {top + 5}"),
                    (52, 54, 62), 1.6)  # fmt: skip
        canvas.box(middle - 4, top - 8, middle + 4, top - 3, (52, 54, 62), 1)
        canvas.line([(left + 5, top + 16), (left + 4.5, 78)], lighter(colour, 0.5), 1.8)
        canvas.box(middle - 5, 66, middle + 5, 75, CREAM, 1)
        canvas.shape(
            path(
                f"M {middle - 3.5} 73.5 L {middle - 0.5} 68.5 "
                f"L {middle + 1} 71 L {middle + 2} 70 L {middle + 4} 73.5"
            ),
            colour,
        )


def _body(canvas: Canvas, outline: Points, colour: Colour) -> None:
    with canvas.clipped(outline):
        canvas.shape(outline, colour)
        across, down = [x for x, _ in outline], [y for _, y in outline]
        left, right = min(across), max(across)
        middle = (left + right) / 2
        canvas.fade(middle, min(down), right, max(down), darker(colour, 0.6), 0.45, "right")
        canvas.fade(left, min(down), left + (right - left) / 4, max(down), darker(colour, 0.6), 0.25, "left")


def _handle(canvas: Canvas, top: float, colour: Colour) -> None:
    canvas.line(path(f"M 42 {top + 4} C 42 {top - 7} 58 {top - 7} 58 {top + 4}"), colour, 2.4)

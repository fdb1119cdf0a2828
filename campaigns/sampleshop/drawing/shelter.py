"""Tents and what one sleeps on, in a box of 100 by 100 units."""

from __future__ import annotations

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, darker, lighter, mix
from campaigns.sampleshop.drawing.path import path

WOOD: Colour = (122, 88, 60)


def draw_dome(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A dome tent, its porch half open."""
    _guys(canvas, ((20, 64, 4, 84), (80, 64, 96, 84)))
    outline = path("M 10 84 C 18 52 34 28 52 24 C 70 28 84 54 91 84 L 10 84")
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        canvas.shape(path("M 52 24 C 70 28 84 54 91 84 L 72 84 C 70 58 62 36 52 24"), darker(main, 0.3))
        canvas.shape(path("M 52 24 C 36 36 28 60 26 84 L 10 84 C 18 52 34 28 52 24"), lighter(main, 0.2))
        canvas.line(path("M 52 24 C 36 36 28 60 26 84"), second, 1.6)
        canvas.line(path("M 52 24 C 62 36 70 58 72 84"), second, 1.6)
        canvas.shape(path("M 50 40 C 42 52 36 68 34 84 L 64 84 C 62 66 58 52 50 40"), darker(main, 0.68))
        canvas.shape(
            path("M 50 40 C 56 52 60 64 58 74 C 62 76 64 80 66 84 L 72 84 C 70 64 62 50 50 40"), second
        )
        canvas.box(36, 78, 62, 86, mix(second, CREAM, 0.4), 2)
    canvas.line([(8, 84.5), (93, 84.5)], darker(main, 0.5), 1.2)


def draw_tipi(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A lavvo: one pole, a stove pipe, smoke."""
    for x, y, size in ((68, 12, 3.0), (71, 6, 4.0), (67, -1, 5.0)):
        canvas.disc(x, y, size, CREAM, 0.7)
    canvas.line([(66, 48), (66, 15)], (70, 70, 76), 3.0)
    canvas.line([(63.5, 15), (68.5, 15)], (70, 70, 76), 2.0)
    _guys(canvas, ((24, 62, 2, 88), (76, 62, 98, 88)))
    outline = path("M 50 10 L 91 86 C 70 91 30 91 9 86 L 50 10")
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        for left, right, tone in ((9, 24, 0.22), (62, 78, 0.14), (78, 92, 0.3)):
            canvas.shape([(50, 10), (left, 92), (right, 92)], darker(main, tone))
        canvas.shape([(50, 10), (24, 92), (36, 92)], lighter(main, 0.25))
        canvas.shape(path("M 50 10 L 37 23 L 63 23 L 50 10"), second)
        canvas.shape(path("M 50 38 L 39 92 L 61 92 L 50 38"), darker(second, 0.55))
        canvas.shape(path("M 50 38 L 61 92 L 69 92 C 66 70 58 56 50 38"), second)
        canvas.glow(50, 84, 15, (255, 190, 90), 0.8)
        canvas.line(path("M 8 82 C 30 87 70 87 92 82"), second, 2.6)
    canvas.line([(50, 12), (47, 3)], WOOD, 1.4)
    canvas.line([(50, 12), (53, 3)], WOOD, 1.4)


def draw_tunnel(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A tunnel tent on three hoops."""
    _guys(canvas, ((84, 50, 99, 82), (20, 46, 2, 82)))
    outline = path("M 6 82 C 8 56 16 38 30 36 C 50 32 66 36 80 48 C 90 56 95 70 96 82 L 6 82")
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        canvas.shape(path("M 30 36 C 46 40 52 62 52 82 L 6 82 C 8 56 16 38 30 36"), lighter(main, 0.16))
        canvas.fade(50, 30, 98, 84, darker(main, 0.6), 0.5, "right")
        canvas.shape(path("M 28 50 C 18 54 14 70 14 82 L 42 82 C 42 66 38 54 28 50"), darker(main, 0.66))
        canvas.shape(path("M 28 50 C 36 56 36 70 35 82 L 42 82 C 42 66 38 54 28 50"), second)
        for arc in (
            "M 30 36 C 46 40 52 62 52 82",
            "M 56 34 C 70 42 74 62 74 82",
            "M 78 46 C 88 56 90 70 90 82",
        ):
            canvas.line(path(arc), darker(main, 0.35), 2.6)
            canvas.line(path(arc), second, 1.3)
        canvas.box(6, 78, 98, 83, darker(main, 0.4))
        canvas.box(58, 52, 67, 58, second, 2)
    canvas.line([(4, 83), (97, 83)], darker(main, 0.55), 1.2)


def draw_sleeping_bag(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A mummy bag, a little open at the chest."""
    outline = path("M 50 4 C 64 4 70 14 71 26 C 76 36 74 54 70 70 C 68 86 62 96 50 96 "
                   "C 38 96 32 86 30 70 C 26 54 24 36 29 26 C 30 14 36 4 50 4")  # fmt: skip
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        for y in range(30, 98, 9):
            canvas.line(path(f"M 24 {y} C 36 {y + 4} 64 {y + 4} 76 {y}"), darker(main, 0.4), 1.1)
            canvas.line(path(f"M 28 {y - 5} C 38 {y - 2} 52 {y - 2} 60 {y - 3}"), lighter(main, 0.25), 1.8)
        canvas.fade(54, 2, 77, 98, darker(main, 0.6), 0.5, "right")
        canvas.shape(path("M 62 26 C 68 40 66 58 63 66 C 60 54 60 40 54 30 L 62 26"), second)
        canvas.line(path("M 63 26 C 69 42 67 58 63.5 66"), CREAM, 0.8)
    canvas.disc(50, 18, 14, darker(main, 0.3), tall=12.5)
    canvas.disc(50, 19, 11.5, second, tall=10)
    canvas.box(41, 17, 59, 27, mix(CREAM, second, 0.15), 4)
    canvas.line(path("M 44 20 C 47 23 53 23 56 20"), mix(CREAM, second, 0.4), 0.8)


def draw_mat(canvas: Canvas, main: Colour, second: Colour) -> None:
    """An air mat lying slantwise, its end rolled up."""
    outline = path("M 12 74 L 58 22 C 62 18 68 20 72 23 L 88 36 C 92 39 92 44 89 47 L 46 92 "
                   "C 42 96 36 95 32 92 L 14 82 C 10 80 9 77 12 74")  # fmt: skip
    canvas.shape([(x + 1.5, y + 3.5) for x, y in outline], darker(second, 0.35))
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        for row in range(9):
            x, y = 16 + 6.4 * row, 80 - 7.1 * row
            canvas.line([(x - 8, y - 5), (x + 32, y + 21)], darker(main, 0.3), 1.4)
            canvas.line([(x - 5, y - 7), (x + 32, y + 17)], lighter(main, 0.28), 1.8)
        canvas.fade(8, 18, 92, 96, darker(second, 0.5), 0.35, "down")
    canvas.capsule((20, 80), (40, 92), 4, second)
    canvas.disc(85, 40, 3, second)
    canvas.disc(85, 40, 1.4, CREAM)


def draw_hammock(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A hammock between two birches."""
    for x in (8, 86):
        canvas.box(x, 2, x + 7, 94, (240, 236, 226))
        canvas.fade(x + 3, 2, x + 7, 94, (90, 90, 90), 0.35, "right")
        for y in range(8, 92, 13):
            canvas.line([(x + (y % 3), y), (x + 3.4 + (y % 3), y + 0.8)], (62, 58, 58), 1.3)
    for start, end in (((15, 28), (25, 50)), ((86, 28), (75, 50))):
        for spread in (-4, 0, 4):
            canvas.line([start, (end[0], end[1] + spread)], darker(second, 0.3), 0.8)
    canvas.box(7, 25, 16, 29, second)
    canvas.box(85, 25, 94, 29, second)
    outline = path("M 23 44 C 34 62 66 62 77 44 L 77 54 C 70 84 30 84 23 54 L 23 44")
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        canvas.shape(
            path("M 23 44 C 34 62 66 62 77 44 L 77 49 C 66 68 34 68 23 49 L 23 44"), darker(main, 0.35)
        )
        canvas.line(path("M 22 56 C 34 78 66 78 78 56"), second, 4.0)
        canvas.line(path("M 22 50 C 34 70 66 70 78 50"), second, 1.2)
        canvas.fade(22, 56, 78, 80, darker(main, 0.6), 0.4, "down")


def draw_tarp(canvas: Canvas, main: Colour, second: Colour) -> None:
    """A tarp pitched over a ridge line, with a pot on the fire below."""
    canvas.line([(0, 24), (100, 24)], darker(second, 0.45), 0.8)
    _guys(canvas, ((10, 54, 2, 88), (92, 54, 99, 88)))
    for x in (20, 80):
        canvas.line([(x, 22), (x, 90)], WOOD, 2.2)
    canvas.shape(path("M 20 24 L 80 24 L 76 60 C 60 54 40 54 26 60 L 20 24"), darker(main, 0.45))
    outline = path(
        "M 20 24 L 80 24 C 84 36 88 46 93 55 C 76 60 70 58 52 61 C 34 58 26 62 8 55 C 13 46 17 36 20 24"
    )
    with canvas.clipped(outline):
        canvas.shape(outline, main)
        canvas.shape(path("M 36 20 L 52 20 L 50 64 L 30 64 L 36 20"), lighter(main, 0.16))
        canvas.shape(path("M 68 20 L 84 20 L 98 64 L 74 64 L 68 20"), darker(main, 0.24))
        canvas.line([(18, 24), (84, 24)], second, 2.2)
        canvas.line(path("M 8 54 C 26 60 34 56 52 59.5 C 70 56 76 58 93 54"), second, 1.2)
    for x in (42, 50, 58):
        canvas.line([(x, 92), (x + (50 - x) * 0.4, 82)], WOOD, 2.4)
    canvas.shape(path("M 45 88 C 43 80 49 79 50 73 C 53 78 57 81 55 88 L 45 88"), (242, 140, 40))
    canvas.box(43, 68, 57, 77, (64, 68, 76), 1.5)
    canvas.line(path("M 43 69 C 44 60 56 60 57 69"), (64, 68, 76), 0.8)


def _guys(canvas: Canvas, lines: tuple[tuple[float, float, float, float], ...]) -> None:
    for x1, y1, x2, y2 in lines:
        canvas.line([(x1, y1), (x2, y2)], (120, 116, 108), 0.6)
        canvas.line([(x2, y2 - 2), (x2 + (1 if x2 > 50 else -1), y2 + 2)], (90, 86, 80), 1.2)

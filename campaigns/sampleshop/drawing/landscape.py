"""What a landscape is made of: sky, mountains, woods, weather. Units: the canvas is 200 wide and 100 high."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, WHITE, Colour, darker, lighter, mix
from campaigns.sampleshop.drawing.path import Point, path

WIDE = 200.0


def sky(canvas: Canvas, stops: Sequence[tuple[float, Colour]]) -> None:
    """Colours flowing into one another from the first height to the last."""
    for (top, above), (bottom, below) in pairwise(stops):
        canvas.box(-1, top, WIDE + 1, bottom + 0.2, above)
        canvas.fade(-1, top, WIDE + 1, bottom + 0.2, below, 1.0, "down")


def sun(canvas: Canvas, x: float, y: float, reach: float, colour: Colour) -> None:
    """A disc with a wide glow."""
    canvas.glow(x, y, reach * 6, lighter(colour, 0.5), 0.75)
    canvas.glow(x, y, reach * 2.6, lighter(colour, 0.6), 0.8)
    canvas.disc(x, y, reach, lighter(colour, 0.55))


def cloud(canvas: Canvas, x: float, y: float, size: float, colour: Colour, opacity: float = 1.0) -> None:
    """A flat-bottomed cloud."""
    rounds = ((-1.5, -0.1, 0.5), (-0.8, -0.45, 0.7), (0.1, -0.7, 0.95), (1.0, -0.4, 0.7), (1.7, -0.05, 0.45))
    left, right_end, floor = x - 2.2 * size, x + 2.4 * size, y + 0.3 * size
    with canvas.clipped([(left, y - 2 * size), (right_end, y - 2 * size), (right_end, floor), (left, floor)]):
        for right, down, reach in rounds:
            canvas.disc(x + right * size, y + down * size, reach * size, colour, opacity)
        canvas.box(x - 1.9 * size, y - 0.25 * size, x + 2.1 * size, y + 0.3 * size, colour, 0.27 * size)


def cloud_bank(canvas: Canvas, seed: str, depth: float, colour: Colour) -> None:
    """A heavy ceiling of cloud that hangs about `depth` down from the top."""
    rng = random.Random(seed)
    for tone, part in ((darker(colour, 0.1), 1.0), (colour, 0.72), (lighter(colour, 0.07), 0.42)):
        low = depth * part
        for x in range(-10, 216, 11):
            reach = rng.uniform(0.45, 0.7) * depth * 0.75
            canvas.disc(x + rng.uniform(-4, 4), low - reach, reach * 1.35, tone, tall=reach)
        canvas.box(-1, -1, WIDE + 1, low - depth * 0.36, tone)


def northern_lights(canvas: Canvas, left: int, right: int, colour: Colour) -> None:
    """A curtain of light, brightest along its lower edge."""
    for x in range(left, right):
        edge = 36 + 7 * math.sin(x / 17) + 2.5 * math.sin(x / 6)
        high = 24 + 7 * math.sin(x / 9)
        strength = 0.5 * math.sin(math.pi * (x - left) / (right - left)) * (0.7 + 0.3 * math.sin(x / 2.3))
        canvas.fade(x, edge - high, x + 1, edge, colour, strength, "down")
        canvas.fade(x, edge, x + 1, edge + 5, colour, strength, "up")


def ridge(
    canvas: Canvas, seed: str, base: float, rise: float, colour: Colour, mist: Colour | None = None
) -> None:
    """A far chain of hills, rough at every scale; `mist` gathers at its foot."""
    rng = random.Random(seed)
    heights = [rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.0)]
    spread = 0.55
    for _ in range(7):
        grown = [heights[0]]
        for near, far in pairwise(heights):
            grown += [(near + far) / 2 + rng.uniform(-spread, spread), far]
        heights, spread = grown, spread * 0.52
    lowest, highest = min(heights), max(heights)
    step = (WIDE + 4) / (len(heights) - 1)
    crest = [
        (-2 + number * step, base - rise * (height - lowest) / (highest - lowest))
        for number, height in enumerate(heights)
    ]
    outline = [*crest, (WIDE + 2, 101.0), (-2.0, 101.0)]
    with canvas.clipped(outline):
        canvas.shape(outline, colour)
        if mist is not None:
            canvas.fade(-2, base - rise * 0.7, WIDE + 2, base + 12, mist, 0.85, "down")


def peak(
    canvas: Canvas, x: float, top: float, base: float, half: float, colour: Colour, cap: float = 0.4
) -> None:
    """A mountain of two faces, lit from the left, with snow on the upper `cap` of it."""
    high = base - top
    left: list[Point] = [(x, top), (x - half * 0.3, top + high * 0.26), (x - half * 0.42, top + high * 0.34),
                         (x - half, base)]  # fmt: skip
    right: list[Point] = [
        (x + half, base),
        (x + half * 0.5, top + high * 0.45),
        (x + half * 0.36, top + high * 0.3),
    ]
    outline = [*left, *right]
    shade = [(x, top), (x + half * 0.1, top + high * 0.3), (x - half * 0.06, top + high * 0.5),
             (x + half * 0.2, base), (x + half, base), (x + half * 1.1, top)]  # fmt: skip
    snow_line = top + high * cap
    with canvas.clipped(outline):
        canvas.shape(outline, lighter(colour, 0.14))
        canvas.shape(shade, darker(colour, 0.16))
        if cap:
            reach = half * cap * 1.25
            teeth = [(x - reach + number * reach / 4, snow_line + high * (0.09 if number % 2 else -0.08))
                     for number in range(9)]  # fmt: skip
            snow = [(x - reach, top), *teeth, (x + reach, top)]
            with canvas.clipped(snow):
                canvas.box(x - half, top, x + half, base, lighter(mix(WHITE, colour, 0.06), 0.5))
                canvas.shape(shade, mix(WHITE, colour, 0.38))


def pines(
    canvas: Canvas, seed: str, places: tuple[float, float], ground: float, size: float, colour: Colour,
    count: int, snow: bool = False,
) -> None:  # fmt: skip
    """A stand of conifers between two places, the nearer ones larger."""
    rng = random.Random(seed)
    trees = sorted((rng.uniform(0.6, 1.1), rng.uniform(*places)) for _ in range(count))
    for scale, x in trees:
        pine(
            canvas, x, ground + scale * 3, size * scale, mix(colour, lighter(colour, 0.3), 1.1 - scale), snow
        )


def pine(canvas: Canvas, x: float, ground: float, high: float, colour: Colour, snow: bool = False) -> None:
    """One conifer of four tiers."""
    canvas.box(x - high * 0.03, ground - high * 0.15, x + high * 0.03, ground, darker(colour, 0.4))
    for tier in range(4):
        top, bottom = ground - high * (1 - 0.2 * tier), ground - high * (0.6 - 0.165 * tier)
        half = high * (0.12 + 0.055 * tier)
        outline = [(x, top), (x + half, bottom), (x, bottom - high * 0.025), (x - half, bottom)]
        canvas.shape(outline, colour)
        canvas.shape([(x, top), (x + half, bottom), (x, bottom - high * 0.025)], darker(colour, 0.22))
        if snow:
            cap = bottom - (bottom - top) * 0.42
            canvas.shape(
                [(x, top), (x + half * 0.6, cap), (x + half * 0.2, cap - high * 0.02),
                 (x - half * 0.1, cap + high * 0.03),
                 (x - half * 0.6, cap)], WHITE, 0.95)  # fmt: skip


def hill(canvas: Canvas, outline: str, colour: Colour, below: Colour) -> None:
    """A near, smooth hill, its colour turning into `below` towards its foot."""
    points = path(f"{outline} L 202 101 L -2 101")
    with canvas.clipped(points):
        canvas.shape(points, colour)
        canvas.fade(-2, min(y for _, y in points), 202, 101, below, 1.0, "down")


def rain(canvas: Canvas, seed: str, count: int, colour: Colour, strength: float) -> None:
    """Slanting streaks; `strength` 1 is near, less is far."""
    rng = random.Random(seed)
    for _ in range(count):
        x, y, long = rng.uniform(-5, 215), rng.uniform(-8, 98), rng.uniform(3.5, 8) * strength
        canvas.line(
            [(x, y), (x - long * 0.28, y + long)], colour, 0.32 * strength, rng.uniform(0.35, 0.75) * strength
        )


def snowfall(canvas: Canvas, seed: str, count: int, sizes: tuple[float, float]) -> None:
    """Flakes as soft dots."""
    rng = random.Random(seed)
    for _ in range(count):
        canvas.disc(
            rng.uniform(-2, 202), rng.uniform(-2, 102), rng.uniform(*sizes), WHITE, rng.uniform(0.65, 1.0)
        )


def flake(canvas: Canvas, x: float, y: float, reach: float) -> None:
    """A six-armed snow crystal."""
    for right, down in ((0, 1), (0.866, 0.5), (0.866, -0.5)):
        canvas.line(
            [(x - reach * right, y - reach * down), (x + reach * right, y + reach * down)],
            WHITE,
            reach * 0.16,
        )
        for side in (1, -1):
            for far in (0.55, 0.8):
                at = (x + side * reach * far * right, y + side * reach * far * down)
                for lean in (1, -1):
                    turn = (right * 0.5 - lean * down * 0.866, down * 0.5 + lean * right * 0.866)
                    tip = (at[0] + side * reach * 0.25 * turn[0], at[1] + side * reach * 0.25 * turn[1])
                    canvas.line([at, tip], WHITE, reach * 0.13)


def stars(canvas: Canvas, seed: str, count: int, lowest: float) -> None:
    """Stars down to a height, most of them small."""
    rng = random.Random(seed)
    for _ in range(count):
        size = rng.choice((0.18, 0.22, 0.28, 0.45))
        canvas.disc(
            rng.uniform(0, WIDE),
            rng.uniform(0, lowest),
            size,
            mix(WHITE, CREAM, rng.random()),
            rng.uniform(0.5, 1),
        )


def cabin(
    canvas: Canvas, x: float, ground: float, size: float, wall: Colour, lit: bool, snow: bool = False
) -> None:
    """A wooden cabin with a turf roof, seen from its gable."""
    roof = WHITE if snow else darker(wall, 0.55)
    with canvas.placed(x, ground, size):
        canvas.box(3.4, -13, 5.4, -7.5, darker(wall, 0.6))
        canvas.shape([(-6, 0), (-6, -6), (0, -11), (6, -6), (6, 0)], wall)
        canvas.shape([(0, 0), (0, -11), (6, -6), (6, 0)], darker(wall, 0.12))
        for row in range(1, 6):
            canvas.line([(-6, -row), (6, -row)], darker(wall, 0.25), 0.18)
        canvas.shape([(-7.6, -5.2), (0, -12.4), (7.6, -5.2), (6.8, -4.3), (0, -10.4), (-6.8, -4.3)], roof)
        glass: Colour = (255, 214, 120) if lit else (198, 222, 235)
        for left in (-4.6, 1.8):
            canvas.box(left - 0.3, -5.3, left + 3.1, -2.2, CREAM)
            canvas.box(left, -5, left + 2.8, -2.5, glass)
            canvas.line([(left + 1.4, -5), (left + 1.4, -2.5)], CREAM, 0.25)
        canvas.box(-1.1, -4.6, 1.1, 0, darker(wall, 0.4))

"""Outlines: a small dialect of SVG path data, turned into points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

Point = tuple[float, float]
Points = Sequence[Point]

STEPS = 14  # straight pieces per curve: smooth at the sizes drawn here


@cache
def path(data: str) -> tuple[Point, ...]:
    """Points of `data`: M and L (x y), Q (2 points), C (3 points), absolute, one outline, spaces between all.

    Raises:
        ValueError: another command, or numbers missing.
    """
    words = data.replace(",", " ").split()
    points: list[Point] = []
    command = ""
    at = 0
    sizes = {"M": 1, "L": 1, "Q": 2, "C": 3}
    while at < len(words):
        if words[at].isalpha():
            command = words[at]
            at += 1
            continue
        if command not in sizes or at + 2 * sizes[command] > len(words):
            raise ValueError(f"not a path: {data}")
        numbers = [float(word) for word in words[at : at + 2 * sizes[command]]]
        at += len(numbers)
        controls = list(zip(numbers[::2], numbers[1::2], strict=True))
        points.extend(controls if len(controls) == 1 else _curve([points[-1], *controls]))
    return tuple(points)


@cache
def symmetric(data: str, axis: float = 50) -> tuple[Point, ...]:
    """The outline whose right half is `data`, from the top to the bottom of the axis."""
    half = path(data)
    return (*half, *((2 * axis - x, y) for x, y in reversed(half)))


def mirrored(points: Points, axis: float = 50) -> tuple[Point, ...]:
    """The points on the other side of a vertical axis."""
    return tuple((2 * axis - x, y) for x, y in points)


def moved(points: Points, right: float, down: float) -> tuple[Point, ...]:
    """The points somewhere else."""
    return tuple((x + right, y + down) for x, y in points)


def _curve(controls: list[Point]) -> list[Point]:
    """Points of the Bézier curve after its start (de Casteljau)."""
    found = []
    for step in range(1, STEPS + 1):
        part = step / STEPS
        layer = controls
        while len(layer) > 1:
            layer = [(x + (p - x) * part, y + (q - y) * part) for (x, y), (p, q) in pairwise(layer)]
        found.append(layer[0])
    return found

"""A canvas in units of its own: drawn twice as large, then brought down, so that edges are smooth."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from PIL import Image, ImageDraw

from campaigns.sampleshop.drawing.colour import Colour
from campaigns.sampleshop.drawing.path import Point, Points

OVERSAMPLE = 2


class Canvas:
    """`size` in pixels; all coordinates in units, `units_wide` of which make the width."""

    def __init__(self, size: tuple[int, int], units_wide: float, background: Colour) -> None:
        self._size = size
        self._image = Image.new("RGB", (size[0] * OVERSAMPLE, size[1] * OVERSAMPLE), background)
        self._pen = ImageDraw.Draw(self._image, "RGBA")
        self._scale = size[0] * OVERSAMPLE / units_wide
        self._origin = (0.0, 0.0)
        self.width = units_wide
        self.height = units_wide * size[1] / size[0]

    @contextmanager
    def placed(self, right: float, down: float, scale: float = 1.0) -> Iterator[None]:
        """Within: the origin moved by so many units, then units of `scale` the size."""
        before = self._origin, self._scale
        (x, y), was = before
        self._origin, self._scale = (x + right * was, y + down * was), was * scale
        try:
            yield
        finally:
            self._origin, self._scale = before

    @contextmanager
    def clipped(self, outline: Points) -> Iterator[None]:
        """Within: only what falls inside the outline stays."""
        pixels = self._pixels(outline)
        box = self._box_of(pixels)
        box = (box[0], box[1], max(box[0] + 1, box[2]), max(box[1] + 1, box[3]))
        before = self._image.copy()
        yield
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in pixels], fill=255)
        before.paste(self._image.crop(box), box, mask)
        self._image = before
        self._pen = ImageDraw.Draw(before, "RGBA")

    def shape(self, outline: Points, colour: Colour, opacity: float = 1.0) -> None:
        """A filled outline."""
        self._pen.polygon(self._pixels(outline), fill=(*colour, round(255 * opacity)))

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: Colour, round_by: float = 0
    ) -> None:
        """A filled rectangle, its corners rounded by so many units."""
        corners = self._pixels([(left, top), (right, bottom)])
        self._pen.rounded_rectangle(corners, radius=round_by * self._scale, fill=colour)

    def disc(
        self,
        x: float,
        y: float,
        across: float,
        colour: Colour,
        opacity: float = 1.0,
        tall: float | None = None,
    ) -> None:
        """A filled ellipse round (x, y) with the half-axes `across` and `tall` (a circle without `tall`)."""
        high = across if tall is None else tall
        corners = self._pixels([(x - across, y - high), (x + across, y + high)])
        self._pen.ellipse(corners, fill=(*colour, round(255 * opacity)))

    def line(self, points: Points, colour: Colour, width: float, opacity: float = 1.0) -> None:
        """A line through the points."""
        thick = max(1, round(width * self._scale))
        joint = "curve" if opacity == 1 and len(points) > 2 else None
        self._pen.line(self._pixels(points), fill=(*colour, round(255 * opacity)), width=thick, joint=joint)

    def capsule(self, start: Point, end: Point, width: float, colour: Colour) -> None:
        """A line with round ends."""
        self.line([start, end], colour, width)
        for x, y in (start, end):
            self.disc(x, y, width / 2, colour)

    def stitches(self, points: Points, colour: Colour, width: float = 0.4, dash: float = 1.3) -> None:
        """A dashed line."""
        for (x1, y1), (x2, y2) in pairwise(points):
            length = math.hypot(x2 - x1, y2 - y1)
            count = max(1, round(length / (2 * dash)))
            for number in range(count):
                near, far = number / count, (number + 0.55) / count
                start = (x1 + (x2 - x1) * near, y1 + (y2 - y1) * near)
                self.line([start, (x1 + (x2 - x1) * far, y1 + (y2 - y1) * far)], colour, width)

    def fade(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: Colour,
        opacity: float,
        towards: str,
    ) -> None:
        """A veil that grows from nothing to `opacity` towards "left", "right", "up" or "down"."""
        (x1, y1), (x2, y2) = self._pixels([(left, top), (right, bottom)])
        size = (max(1, round(x2 - x1)), max(1, round(y2 - y1)))
        turn = {"down": None, "up": Image.Transpose.ROTATE_180, "right": Image.Transpose.ROTATE_90,
                "left": Image.Transpose.ROTATE_270}[towards]  # fmt: skip
        ramp = Image.linear_gradient("L").point([round(level * opacity) for level in range(256)])
        veil = (ramp.transpose(turn) if turn is not None else ramp).resize(size)
        self._image.paste(colour, (round(x1), round(y1)), veil)

    def glow(
        self, x: float, y: float, reach: float, colour: Colour, opacity: float, flat: float = 1.0
    ) -> None:
        """Light (or, dark, a soft shadow) round (x, y) that dies away at `reach`; `flat` squeezes it."""
        (x1, y1), (x2, y2) = self._pixels([(x - reach, y - reach * flat), (x + reach, y + reach * flat)])
        size = (max(1, round(x2 - x1)), max(1, round(y2 - y1)))
        levels = [round(255 * opacity * max(0.0, 1 - level / 255) ** 2) for level in range(256)]
        veil = Image.radial_gradient("L").point(_inscribed(levels)).resize(size)
        self._image.paste(colour, (round(x1), round(y1)), veil)

    def jpeg(self, quality: int = 84, fine_colour: bool = True) -> bytes:
        """The picture as a JPEG of the size asked for; without `fine_colour` smaller, colours less sharp."""
        small = self._image.resize(self._size, Image.Resampling.BOX, reducing_gap=None)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality, progressive=True, subsampling=0 if fine_colour else 2)
        return out.getvalue()

    def _pixels(self, points: Points) -> list[Point]:
        (x0, y0), scale = self._origin, self._scale
        return [(x0 + x * scale, y0 + y * scale) for x, y in points]

    def _box_of(self, pixels: Points) -> tuple[int, int, int, int]:
        across, down = [x for x, _ in pixels], [y for _, y in pixels]
        wide, high = self._image.size
        return (
            max(0, math.floor(min(across))),
            max(0, math.floor(min(down))),
            min(wide, math.ceil(max(across)) + 1),
            min(high, math.ceil(max(down)) + 1),
        )


def _inscribed(levels: list[int]) -> list[int]:
    """Levels for Pillow's radial gradient, which is 255 in the corners: let the light end at the sides."""
    reach = 255 / math.sqrt(2)
    return [levels[min(255, round(level * 255 / reach))] for level in range(256)]

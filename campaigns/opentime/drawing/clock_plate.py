"""The plate of a countdown: label, tiles and units, drawn once, and the digits that go onto it.

All is drawn as numbers of a palette of 16 colours: shades from background to text and from background to accent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from campaigns.opentime.drawing.drawings import CardStyle, rgb_of
from campaigns.opentime.drawing.fonts import Face, legible
from campaigns.opentime.drawing.typesetting import Box, Paragraph, blend, write

PALETTE_SIZE = 16

_TEXT_SHADES = 7  # palette 1 to 7; 0 is the background
_ACCENT_SHADES = 8  # palette 8 to 15
_OVERSAMPLING = 4
_UNIT_SHARE = 0.235  # of a tile's height, for the names of the units below it
_LOWEST_UNITS = 11  # pixels below which the names of the units are left out
_WIDE = 3.4  # width to height from which the label stands beside the tiles
_WHITE = (255, 255, 255)

_TEXT_INDEX = [round(value / 255 * _TEXT_SHADES) for value in range(256)]
_ACCENT_INDEX = [
    _TEXT_SHADES + shade if (shade := round(value / 255 * _ACCENT_SHADES)) else 0 for value in range(256)
]
_DIGIT_INDEX = _ACCENT_INDEX[::-1]  # digits have the background's colour, on a tile of the accent's


@dataclass(frozen=True, slots=True)
class Plate:
    """`image` has a palette number for each pixel; `cells` are where digits go, `digits` what 0 to 9 look like.

    `key` tells plates apart; all cells have one size, and one top.
    """

    key: tuple[object, ...]
    image: Image.Image
    palette: bytes
    cells: tuple[Box, ...]
    digits: tuple[Image.Image, ...]

    def with_digits(self, digits: str) -> Image.Image:
        """A copy with these digits in the cells."""
        shown = self.image.copy()
        for cell, digit in zip(self.cells, digits, strict=True):
            shown.paste(self.digits[int(digit)], (cell.left, cell.top))
        return shown

    def around(self, first: int, end: int) -> Box:
        """The box of the cells from `first` to before `end`."""
        one, last = self.cells[first], self.cells[end - 1]
        return Box(one.left, one.top, last.right, last.bottom)


@lru_cache(maxsize=16)
def plate_for(
    label: str, units: tuple[str, str, str, str], style: CardStyle, width: int, height: int, days_digits: int
) -> Plate:
    """The plate of this size in pixels with so many digits for the days."""
    face, (_, label, *names) = legible(["0123456789"], [label, *units])
    image = Image.new("L", (width, height), 0)
    room = _room_for_tiles(image, face, label)
    legible_units = any(names) and room.height * _UNIT_SHARE / (1 + _UNIT_SHARE) >= _LOWEST_UNITS - 1
    unit_share = _UNIT_SHARE if legible_units else 0.0
    tiles = _tiles(room, unit_share, days_digits)
    for tile in tiles:
        image.paste(_tile(tile.width, tile.height), (tile.left, tile.top))
    if legible_units:
        _name_units(image, face, names, tiles, max(_LOWEST_UNITS, round(unit_share * tiles[0].height)))
    cells, digits = _cells(face, tiles, days_digits)
    key = (label, units, style, width, height, days_digits)
    return Plate(key, image, _palette(style), cells, digits)


def _palette(style: CardStyle) -> bytes:
    ground, text, accent = rgb_of(style.background), rgb_of(style.text), rgb_of(style.accent)
    shades = [blend(text, ground, step / _TEXT_SHADES) for step in range(_TEXT_SHADES + 1)]
    shades += [blend(accent, ground, step / _ACCENT_SHADES) for step in range(1, _ACCENT_SHADES + 1)]
    return bytes(part for shade in shades for part in shade)


def _room_for_tiles(image: Image.Image, face: Face, label: str) -> Box:
    """Write the label, above or at the left; the box that is left."""
    width = image.width
    height = min(image.height, width // 2)  # in a higher picture all stays together in the middle
    upper = (image.height - height) // 2
    pad = max(2, round(min(0.1 * height, 0.05 * width)))
    whole = Box(pad, upper + pad, width - pad, upper + height - pad)
    if not label:
        return whole
    if width >= _WIDE * height:
        middle = round(0.36 * width)
        text = Paragraph(label, 0.2 * height, _WHITE, bold=True, lines=3)
        _write(image, Box(pad, whole.top, middle - pad, whole.bottom), face, text, centred=False)
        return Box(middle, whole.top, whole.right, whole.bottom)
    below = whole.top + round(0.24 * whole.height)
    text = Paragraph(label, 0.155 * height, _WHITE, bold=True)
    _write(image, Box(pad, whole.top, whole.right, below - pad // 2), face, text, centred=True)
    return Box(pad, below, whole.right, whole.bottom)


def _tiles(room: Box, unit_share: float, days_digits: int) -> list[Box]:
    """Four boxes in a row, as wide as their digits and half a digit more, in the middle of the room.

    Below them stays space for the units, `unit_share` of their height.
    """
    gap = max(2, round(0.025 * room.width))
    counts = [days_digits + 0.5, 2.5, 2.5, 2.5]
    slot = (room.width - 3 * gap) / sum(counts)
    height = round(min(room.height / (1 + unit_share), 2.9 * slot))
    slot = min(slot, 0.68 * height)
    widths = [round(count * slot) for count in counts]
    left = room.left + (room.width - sum(widths) - 3 * gap) // 2
    top = room.top + (room.height - round(height * (1 + unit_share))) // 2
    tiles = []
    for width in widths:
        tiles.append(Box(left, top, left + width, top + height))
        left += width + gap
    return tiles


def _tile(width: int, height: int) -> Image.Image:
    large = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
    radius = 0.12 * min(large.size)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, large.width - 1, large.height - 1), radius, 255)
    return large.resize((width, height), Image.Resampling.BOX).point(_ACCENT_INDEX)


def _name_units(image: Image.Image, face: Face, names: list[str], tiles: list[Box], height: int) -> None:
    size = 0.8 * height
    widest = max((face.at(100).getlength(name) / tile.width for name, tile in zip(names, tiles, strict=True)))
    size = min(size, 100 / widest) if widest else size  # all names in one size
    for name, tile in zip(names, tiles, strict=True):
        box = Box(tile.left, tile.bottom, tile.right, tile.bottom + height)
        _write(image, box, face, Paragraph(name, size, _WHITE), centred=True)


def _write(image: Image.Image, box: Box, face: Face, text: Paragraph, centred: bool) -> None:
    """Write white on black, so that the result is the coverage of each pixel, and paste that as shades."""
    if box.width <= 0 or box.height <= 0:
        return
    canvas = Image.new("RGB", (box.width, box.height))
    write(canvas, Box(0, 0, box.width, box.height), face, [text], centred)
    image.paste(canvas.convert("L").point(_TEXT_INDEX), (box.left, box.top))


def _cells(face: Face, tiles: list[Box], days_digits: int) -> tuple[tuple[Box, ...], tuple[Image.Image, ...]]:
    per_em = max(face.at(100, bold=True).getlength(digit) for digit in "0123456789") / 100
    slot = min(tile.width / (count + 0.5) for tile, count in zip(tiles, (days_digits, 2, 2, 2), strict=True))
    size = max(4, math.floor(min(0.78 * tiles[0].height, slot / per_em)))
    width = max(1, min(math.ceil(per_em * size), math.floor(slot)))
    height = min(tiles[0].height, math.ceil(0.9 * size))
    cells = []
    for tile, count in zip(tiles, (days_digits, 2, 2, 2), strict=True):
        left = tile.left + (tile.width - count * width) // 2
        top = tile.top + (tile.height - height) // 2
        cells += [Box(left + n * width, top, left + (n + 1) * width, top + height) for n in range(count)]
    return tuple(cells), tuple(_digit(face, digit, size, width, height) for digit in "0123456789")


def _digit(face: Face, digit: str, size: int, width: int, height: int) -> Image.Image:
    image = Image.new("L", (width, height))
    font = face.at(size, bold=True)
    _, top, _, bottom = font.getbbox("0", anchor="ls")
    x = (width - font.getlength(digit)) / 2
    ImageDraw.Draw(image).text((x, (height - top - bottom) / 2), digit, 255, font, anchor="ls")
    return image.point(_DIGIT_INDEX)

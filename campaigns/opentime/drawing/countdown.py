"""Draws a countdown: an animated GIF of at most 60 frames of a second each, of which the first is right alone.

A further frame is only the digits that changed, and these are few: the last digit has ten faces. Their encoded
bytes are kept, so the GIF of the next second costs its first frame and a join. Source of the format: GIF89a.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta

from PIL import GifImagePlugin, Image

from campaigns.opentime.drawing.byte_cache import ByteCache
from campaigns.opentime.drawing.clock_plate import PALETTE_SIZE, Plate, plate_for
from campaigns.opentime.drawing.drawings import Countdown

FRAMES = 60
FRAME_MS = 1000
_KEEP_WHAT_IS_DRAWN = 1  # the disposal method by which a frame draws over the one before


def seconds_left(drawing: Countdown, now: datetime) -> int:
    """Whole seconds from the aware `now` to the deadline, rounded down: never more than there are; 0 after it."""
    return max(0, (drawing.deadline - now) // timedelta(seconds=1))


def digits_of(seconds: int) -> tuple[str, str, str, str]:
    """Days, hours, minutes and seconds in two digits each, days in as many as they need."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day:02}", f"{hour:02}", f"{minute:02}", f"{second:02}"


def still(drawing: Countdown, width: int, height: int, seconds: int) -> Image.Image:
    """The countdown in RGB of exactly this size in pixels with so many seconds left."""
    plate, digits = _shown(drawing, width, height, seconds)
    image = plate.with_digits(digits)
    image.putpalette(plate.palette)
    return image.convert("RGB")


def animate(drawing: Countdown, width: int, height: int, seconds: int, cache: ByteCache[bytes]) -> bytes:
    """The GIF that counts down from `seconds`, once; its last frame stays. Encoded digits go through `cache`."""
    plate, digits = _shown(drawing, width, height, seconds)
    parts = [_header(plate), _encoded(plate.with_digits(digits), (0, 0))]
    for left in range(seconds - 1, max(-1, seconds - FRAMES), -1):
        plate_before, digits_before = plate, digits
        plate, digits = _shown(drawing, width, height, left)
        if plate is plate_before:
            parts.append(_changed_digits(plate, digits_before, digits, cache))
        else:  # the days lost a digit, so all moved
            parts.append(_encoded(plate.with_digits(digits), (0, 0)))
    return b"".join((*parts, b";"))


def _shown(drawing: Countdown, width: int, height: int, seconds: int) -> tuple[Plate, str]:
    days, *others = digits_of(seconds)
    plate = plate_for(drawing.label, drawing.units, drawing.style, width, height, len(days))
    return plate, "".join((days, *others))


def _changed_digits(plate: Plate, before: str, after: str, cache: ByteCache[bytes]) -> bytes:
    changed = [number for number, digit in enumerate(after) if digit != before[number]]
    first, end = changed[0], changed[-1] + 1
    key = (plate.key, first, after[first:end])
    frame = cache.get(key)
    if frame is None:
        box = plate.around(first, end)
        part = plate.with_digits(after).crop((box.left, box.top, box.right, box.bottom))
        frame = _encoded(part, (box.left, box.top))
        cache.put(key, frame)
    return frame


def _header(plate: Plate) -> bytes:
    """Signature, screen, palette. No loop extension: without it a GIF is played once."""
    size_bits = PALETTE_SIZE.bit_length() - 2  # a palette of 2 ** (size_bits + 1) colours
    packed = 0x80 | size_bits << 4 | size_bits
    screen = struct.pack("<HHBBB", plate.image.width, plate.image.height, packed, 0, 0)
    return b"GIF89a" + screen + plate.palette


def _encoded(indexes: Image.Image, at: tuple[int, int]) -> bytes:
    """One frame of a GIF; `indexes` holds a number of the palette for each pixel."""
    how = {"duration": FRAME_MS, "disposal": _KEEP_WHAT_IS_DRAWN, "interlace": 0}
    return b"".join(GifImagePlugin.getdata(indexes, at, **how))

"""Turns a drawing into the bytes of a picture, and keeps what it drew: equal drawings are drawn once.

Pure but for its cache: no database, no network, no clock of its own.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from PIL import Image

from campaigns.opentime.drawing import countdown, product_card, shop_card
from campaigns.opentime.drawing.byte_cache import ByteCache
from campaigns.opentime.drawing.clock_plate import plate_for
from campaigns.opentime.drawing.drawings import Countdown, Drawing, ProductCard, ShopCard
from campaigns.opentime.drawing.fonts import CannotDraw

__all__ = ["CACHE_BYTES", "SMALLEST_SIDE", "CannotDraw", "draw", "forget_drawings"]

CACHE_BYTES = 32 * 2**20
SMALLEST_SIDE = 32

PictureOf = Callable[[str], bytes | None]

_kept = ByteCache[bytes](CACHE_BYTES)
_locks = tuple(threading.Lock() for _ in range(32))
_HOW_TO_SAVE: dict[str, tuple[str, dict[str, Any]]] = {
    "image/png": ("PNG", {"compress_level": 6}),
    # No chroma subsampling: it smears coloured letters.
    "image/jpeg": ("JPEG", {"quality": 86, "subsampling": 0, "optimize": True}),
    "image/gif": ("GIF", {}),
}


def draw(
    drawing: Drawing, width_px: int, height_px: int, media_type: str, now: datetime, picture_of: PictureOf
) -> bytes:
    """The drawing as a PNG, JPEG or GIF (`media_type`) of exactly this size in pixels, at the aware moment `now`.

    Only a countdown depends on `now`: as a GIF it counts from there for at most 60 s, as another type it stands
    still; from its deadline on it shows zeros. `picture_of` gives the bytes of a stored picture by sha256, or None;
    a product's picture that is missing or damaged is left out of its card.

    Raises:
        CannotDraw: no font has the glyphs without which the drawing says nothing, or a side has less than
            SMALLEST_SIDE pixels; show the slot's default.
        KeyError: no such media type.
    """
    if min(width_px, height_px) < SMALLEST_SIDE:
        raise CannotDraw(f"{width_px}x{height_px} pixels are too few to write on")
    left = countdown.seconds_left(drawing, now) if isinstance(drawing, Countdown) else 0
    key = (drawing, width_px, height_px, media_type, left)
    # A picture that is missing now may be there later: a card without it is kept for this minute only.
    key_without = (*key, int(now.timestamp() // 60))
    body = _kept.get(key) or _kept.get(key_without)
    if body is not None:
        return body
    with _locks[hash(key) % len(_locks)]:  # who asks for the same at the same time waits for it
        body = _kept.get(key) or _kept.get(key_without)
        if body is None:
            if isinstance(drawing, Countdown):
                body, whole = _counted(drawing, width_px, height_px, media_type, left), True
            else:
                image, whole = _card(drawing, width_px, height_px, picture_of)
                body = _encoded(image, media_type)
            _kept.put(key if whole else key_without, body)
        return body


def forget_drawings() -> None:
    """Draw everything anew, as after other fonts were named."""
    _kept.clear()
    plate_for.cache_clear()


def _counted(drawing: Countdown, width: int, height: int, media_type: str, seconds: int) -> bytes:
    if media_type == "image/gif":
        return countdown.animate(drawing, width, height, seconds, _kept)
    return _encoded(countdown.still(drawing, width, height, seconds), media_type)


def _card(
    drawing: ProductCard | ShopCard, width: int, height: int, picture_of: PictureOf
) -> tuple[Image.Image, bool]:
    """The card, and whether it is whole: with its picture, if it has one."""
    if isinstance(drawing, ShopCard):
        return shop_card.render(drawing, width, height), True
    stored = picture_of(drawing.picture) if drawing.picture else None
    photo = product_card.open_photo(stored, width, height) if stored else None
    return product_card.render(drawing, width, height, photo), photo is not None or not drawing.picture


def _encoded(image: Image.Image, media_type: str) -> bytes:
    out = io.BytesIO()
    kind, options = _HOW_TO_SAVE[media_type]
    image.save(out, kind, **options)
    return out.getvalue()

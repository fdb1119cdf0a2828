"""Pictures that are always there, made from nothing but memory, for when nothing at all is known."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache

from PIL import Image

from campaigns.opentime.drawing.pictures import LARGEST_SIDE, PictureFile

# GIF89a: header, 1x1 screen with two colours, colour 0 transparent, one pixel of colour 0, trailer.
PIXEL_GIF = b"".join(
    (
        b"GIF89a" + b"\x01\x00\x01\x00" + b"\x80\x00\x00",
        b"\xff\xff\xff" + b"\x00\x00\x00",
        b"\x21\xf9\x04" + b"\x01\x00\x00\x00\x00",
        b"\x2c" + b"\x00\x00\x00\x00" + b"\x01\x00\x01\x00" + b"\x00",
        b"\x02" + b"\x02\x44\x01\x00",
        b"\x3b",
    )
)
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}
_QUIET_GREY = (238, 240, 238)


def pixel() -> PictureFile:
    """One transparent pixel."""
    return PictureFile(hashlib.sha256(PIXEL_GIF).hexdigest(), "image/gif", 1, 1, PIXEL_GIF)


def plain_picture(width: int, height: int, media_type: str) -> PictureFile:
    """A quiet plain picture of this size and type, cached; one transparent pixel if it cannot be made."""
    try:
        return _plain(width, height, media_type)
    except Exception:  # an image request is always answered with a picture
        return pixel()


@lru_cache(maxsize=64)
def _plain(width: int, height: int, media_type: str) -> PictureFile:
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise ValueError("no such size")
    out = io.BytesIO()
    Image.new("RGB", (width, height), _QUIET_GREY).save(out, _FORMATS[media_type])
    body = out.getvalue()
    return PictureFile(hashlib.sha256(body).hexdigest(), media_type, width, height, body)

"""Picture files that mail clients show: PNG, JPEG or GIF, decoded once to be sure."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image

from campaigns.core.errors import BadInput

LARGEST_BYTES = 2_000_000
LARGEST_SIDE = 4000

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}
# MPO is what Pillow calls the JPEG of a camera that appended a second picture; clients show the first.
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "GIF": "image/gif"}


@dataclass(frozen=True, slots=True)
class PictureFile:
    """`sha256` of `body` in hexadecimal; width and height in pixels."""

    sha256: str
    media_type: str
    width: int
    height: int
    body: bytes

    @property
    def size(self) -> str:
        """As people write it: 1200x600."""
        return f"{self.width}x{self.height}"


def check_picture(body: bytes, where: str) -> PictureFile:
    """The picture with its real type and size.

    Raises:
        BadInput: not a whole PNG, JPEG or GIF, or too large; names `where`.
    """
    if len(body) > LARGEST_BYTES:
        raise BadInput(f"{len(body):,} bytes; a picture in a mail has at most {LARGEST_BYTES:,}", where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(body), formats=("PNG", "JPEG", "GIF")) as image:
                width, height = image.size
                if max(width, height) > LARGEST_SIDE:
                    raise BadInput(f"{width}x{height} pixels; at most {LARGEST_SIDE} a side", where)
                media_type = _MEDIA_TYPES[image.format or ""]
                image.load()
    except BadInput:
        raise
    except Exception as error:  # decoders of hostile bytes raise nearly anything
        raise BadInput(f"not a whole PNG, JPEG or GIF picture ({type(error).__name__})", where) from None
    return PictureFile(hashlib.sha256(body).hexdigest(), media_type, width, height, body)

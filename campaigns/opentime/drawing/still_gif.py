"""Turning a picture into a GIF of the same size, for slots whose URL ends in gif because they can move."""

from __future__ import annotations

import io

from PIL import Image

from campaigns.opentime.drawing.pictures import PictureFile, check_picture


def as_gif(picture: PictureFile, where: str) -> PictureFile:
    """The picture as a GIF with a palette of its own; a GIF stays as it is, transparent parts become white.

    Raises:
        BadInput: the GIF would be too large for a mail; names `where`.
    """
    if picture.media_type == "image/gif":
        return picture
    with Image.open(io.BytesIO(picture.body)) as image:
        seen = image.convert("RGBA")
    ground = Image.new("RGBA", seen.size, "white")
    flat = Image.alpha_composite(ground, seen).convert("RGB")
    out = io.BytesIO()
    few = flat.quantize(256, Image.Quantize.MEDIANCUT)
    if flat.getcolors(256) is None:  # more than a GIF has: dithered, against bands in the sky of a photograph
        few = flat.quantize(palette=few, dither=Image.Dither.FLOYDSTEINBERG)
    few.save(out, "GIF", optimize=True)
    return check_picture(out.getvalue(), where)

"""Draws the card of a product: its picture, title, price and a note."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageOps

from campaigns.opentime.drawing.drawings import CardStyle, ProductCard, rgb_of
from campaigns.opentime.drawing.fonts import legible
from campaigns.opentime.drawing.pictures import LARGEST_SIDE
from campaigns.opentime.drawing.typesetting import Box, Paragraph, blend, muted, write

_LANDSCAPE = 1.15  # width to height from which the picture stands beside the text, not above it


def render(card: ProductCard, width: int, height: int, photo: Image.Image | None) -> Image.Image:
    """The card in RGB of exactly this size in pixels; `photo` fills its left (or upper) part.

    Raises:
        CannotDraw: no font has the glyphs of title or price.
    """
    face, (title, price, note) = legible([card.title, card.price_text], [card.note])
    style = card.style
    image = Image.new("RGB", (width, height), style.background)
    box = _with_photo(image, photo) if photo else _without_photo(image, style)
    unit = min(1.65 * box.height, 0.95 * box.width)
    paragraphs = [
        Paragraph(title, unit * 0.126, rgb_of(style.text), bold=True, lines=2),
        Paragraph(price, unit * 0.168, rgb_of(style.accent), bold=True, gap=unit * 0.05),
        Paragraph(note, unit * 0.092, muted(style), gap=unit * 0.03),
    ]
    write(image, box, face, paragraphs)
    frame(image, style)
    return image


def frame(image: Image.Image, style: CardStyle) -> None:
    """A hairline around the card, so that it has an edge on a page of its own colour."""
    colour = blend(rgb_of(style.text), rgb_of(style.background), 0.14)
    thickness = max(1, round(min(image.size) / 240))
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), None, colour, thickness)


def open_photo(body: bytes, width: int, height: int) -> Image.Image | None:
    """The picture of a PNG, JPEG or GIF file, the right way up, for a card of this size; None for anything else."""
    try:
        with Image.open(io.BytesIO(body), formats=("PNG", "JPEG", "GIF")) as image:
            if max(image.size) > LARGEST_SIDE:
                return None
            side = round(_LANDSCAPE * min(width, height))
            image.draft("RGB", (side, side))  # a JPEG is decoded no larger than the card can use
            return ImageOps.exif_transpose(image).convert("RGBA" if _has_alpha(image) else "RGB")
    except Exception:  # decoders of hostile bytes raise nearly anything
        return None


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _with_photo(image: Image.Image, photo: Image.Image) -> Box:
    """Paste the photo; the box that is left for text."""
    width, height = image.size
    beside = width >= _LANDSCAPE * height
    size = (round(min(height, 0.44 * width)), height) if beside else (width, round(0.54 * height))
    fitted = ImageOps.fit(photo, size, Image.Resampling.LANCZOS)
    image.paste(fitted, (0, 0), fitted if fitted.mode == "RGBA" else None)
    if beside:
        pad = round(min(0.1 * height, 0.05 * width))
        return Box(size[0] + pad, pad, width - pad, height - pad)
    pad = round(0.07 * width)
    return Box(pad, size[1] + pad // 2, width - pad, height - pad // 2)


def _without_photo(image: Image.Image, style: CardStyle) -> Box:
    """A bar of the accent colour at the left; the box that is left for text."""
    width, height = image.size
    pad = round(min(0.11 * height, 0.08 * width))
    bar = max(2, round(pad * 0.28))
    ImageDraw.Draw(image).rectangle((0, 0, bar - 1, height - 1), style.accent)
    return Box(bar + round(pad * 1.2), pad, width - pad, height - pad)

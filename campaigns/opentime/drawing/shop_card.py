"""Draws the card of a shop: a pin, its name, how far it is, whether it is open."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from campaigns.opentime.drawing.drawings import ShopCard, rgb_of
from campaigns.opentime.drawing.fonts import legible
from campaigns.opentime.drawing.product_card import frame
from campaigns.opentime.drawing.typesetting import Box, Paragraph, blend, muted, write

_LANDSCAPE = 1.6  # width to height from which the pin stands beside the text, not above it
_OVERSAMPLING = 4  # Pillow draws shapes without antialiasing


def render(card: ShopCard, width: int, height: int) -> Image.Image:
    """The card in RGB of exactly this size in pixels.

    Raises:
        CannotDraw: no font has the glyphs of the name.
    """
    face, (name, distance, hours) = legible([card.name], [card.distance_text, card.hours_text])
    style = card.style
    ground, accent = rgb_of(style.background), rgb_of(style.accent)
    image = Image.new("RGB", (width, height), ground)
    beside = width >= _LANDSCAPE * height
    pad = round(min(0.12 * height, 0.06 * width))
    disc = max(2, round(min(0.56 * height, 0.22 * width) if beside else 0.3 * height))
    left, top = (pad, (height - disc) // 2) if beside else ((width - disc) // 2, pad)
    image.paste(blend(accent, ground, 0.12), (left, top), _disc(disc))
    pin = round(disc * 0.58)
    image.paste(accent, (left + (disc - pin) // 2, top + (disc - pin) // 2), _pin(pin))
    if beside:
        box = Box(pad + disc + round(pad * 0.9), round(pad * 0.6), width - pad, height - round(pad * 0.6))
    else:
        box = Box(pad, top + disc + pad // 2, width - pad, height - pad // 2)
    unit = min(1.15 * box.height, 0.62 * box.width)
    paragraphs = [
        Paragraph(name, unit * 0.18, rgb_of(style.text), bold=True, lines=2),
        Paragraph(hours, unit * 0.135, accent, bold=True, gap=unit * 0.045),
        Paragraph(distance, unit * 0.125, muted(style), gap=unit * 0.02),
    ]
    write(image, box, face, paragraphs, centred=not beside)
    frame(image, style)
    return image


def _disc(side: int) -> Image.Image:
    large = Image.new("L", (side * _OVERSAMPLING,) * 2)
    ImageDraw.Draw(large).ellipse((0, 0, large.width - 1, large.height - 1), 255)
    return large.resize((side, side), Image.Resampling.LANCZOS)


def _pin(side: int) -> Image.Image:
    """The mask of a map pin in a square: a head with a hole, running down to a point in two tangents."""
    size = side * _OVERSAMPLING
    large = Image.new("L", (size, size))
    pen = ImageDraw.Draw(large)
    radius, x, y = 0.36 * size, size / 2, 0.37 * size
    angle = math.acos(radius / (size - 1 - y))  # between the axis and the radius to where a tangent touches
    touch_x, touch_y = radius * math.sin(angle), radius * math.cos(angle)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    pen.polygon([(x - touch_x, y + touch_y), (x + touch_x, y + touch_y), (x, size - 1)], 255)
    hole = 0.15 * size
    pen.ellipse((x - hole, y - hole, x + hole, y + hole), 0)
    return large.resize((side, side), Image.Resampling.LANCZOS)

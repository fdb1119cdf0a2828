"""The sample shop's pictures, drawn by code: one per product, and the stored ones of the slots."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, partial
from importlib import resources

from campaigns.sampleshop.catalogue import Product, catalogue
from campaigns.sampleshop.drawing import (
    footwear,
    handsfeet,
    headwear,
    heroes,
    jackets,
    legs,
    packs,
    shelter,
    strips,
)
from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, Colour, brightness, darker, from_hex, lighter, mix

_HEROES: dict[str, Callable[[Canvas], None]] = {
    "neutral": heroes.draw_neutral,
    "rain": heroes.draw_rain,
    "snow": heroes.draw_snow,
    "clear": heroes.draw_clear,
    "night": heroes.draw_night,
    "expired": heroes.draw_expired,
}
HERO_KINDS = tuple(_HEROES)
_OFFERS: dict[str, Callable[[Canvas], None]] = {
    "default": strips.draw_collection,
    "expired": strips.draw_afterwards,
}
OFFER_KINDS = tuple(_OFFERS)
CAMPAIGN_PICTURES = (
    *(f"hero-{kind}.jpg" for kind in HERO_KINDS),
    *(f"offer-{kind}.jpg" for kind in OFFER_KINDS),
)
MEDIA_TYPE = "image/jpeg"

Drawing = Callable[[Canvas, Colour, Colour], None]


@cache
def _by_shape() -> dict[str, Drawing]:
    top, leg = jackets.draw_top, legs.draw_legs
    return {
        **{shape: partial(_named, top, shape) for shape in jackets.CUTS},
        **{shape: partial(_named, leg, shape) for shape in legs.CUT},
        **{shape: partial(_named, footwear.draw_boot, shape) for shape in footwear.UPPERS},
        "daypack": packs.draw_daypack,
        "rolltop": packs.draw_rolltop,
        "trekking_pack": packs.draw_trekking_pack,
        "alpine_pack": packs.draw_alpine_pack,
        "running_vest": packs.draw_running_vest,
        "sling": packs.draw_sling,
        "duffel": packs.draw_duffel,
        "dry_bags": packs.draw_dry_bags,
        "dome": shelter.draw_dome,
        "tipi": shelter.draw_tipi,
        "tunnel": shelter.draw_tunnel,
        "sleeping_bag": shelter.draw_sleeping_bag,
        "mat": shelter.draw_mat,
        "hammock": shelter.draw_hammock,
        "tarp": shelter.draw_tarp,
        "socks": handsfeet.draw_socks,
        "glove": handsfeet.draw_glove,
        "mitten": handsfeet.draw_mitten,
        "bobble_hat": headwear.draw_bobble_hat,
        "beanie": headwear.draw_beanie,
        "headband": headwear.draw_headband,
        "cap": headwear.draw_cap,
        "neck_cap": headwear.draw_neck_cap,
        "bucket": headwear.draw_bucket,
        "brim_hat": headwear.draw_brim_hat,
        "souwester": headwear.draw_souwester,
        "trapper": headwear.draw_trapper,
        "balaclava": headwear.draw_balaclava,
        "down_jacket": jackets.draw_down,
        "down_parka": partial(jackets.draw_down, long=True),
    }


def _named(draw: Callable[..., None], shape: str, canvas: Canvas, main: Colour, second: Colour) -> None:
    draw(canvas, shape, main, second)


@cache
def product_picture(product: Product, size: tuple[int, int] = (600, 600)) -> bytes:
    """The product as a JPEG of `size` pixels (width, height), in its own shape and colours.

    Raises:
        KeyError: nobody knows how to draw its shape.
    """
    main, second = (from_hex(colour) for colour in product.colours)
    wash = mix(main, CREAM, 0.84 if brightness(main) < 0.8 else 0.35)
    canvas = Canvas(size, 100, wash)
    canvas.disc(50, 50, 42, lighter(wash, 0.5))
    canvas.glow(50, 93, 36, darker(main, 0.7), 0.45, flat=0.13)
    with canvas.placed(7, 6, 0.86):
        _by_shape()[product.shape](canvas, main, second)
    return canvas.jpeg()


@cache
def hero_picture(kind: str, size: tuple[int, int] = (1200, 600)) -> bytes:
    """The hero variant `kind` (one of HERO_KINDS) as a JPEG of `size` pixels, twice as wide as high.

    Raises:
        KeyError: no such kind.
    """
    canvas = Canvas(size, 200, CREAM)
    _HEROES[kind](canvas)
    return canvas.jpeg(quality=70, fine_colour=False)  # rain and snow are costly: this keeps them below 60 kB


@cache
def offer_picture(kind: str, size: tuple[int, int] = (1040, 340)) -> bytes:
    """What the offer slot shows in place of a card, `kind` being one of OFFER_KINDS, as a JPEG of `size` pixels.

    Raises:
        KeyError: no such kind.
    """
    canvas = Canvas(size, 200, CREAM)
    _OFFERS[kind](canvas)
    return canvas.jpeg()


def campaign_pictures() -> dict[str, bytes]:
    """The pictures that the sample campaigns name, by file name: all of CAMPAIGN_PICTURES."""
    bodies = [*map(hero_picture, HERO_KINDS), *map(offer_picture, OFFER_KINDS)]
    return dict(zip(CAMPAIGN_PICTURES, bodies, strict=True))


def pictures_fingerprint() -> str:
    """Changes when the code or the data that the pictures are drawn from changes."""
    digest = hashlib.sha256(repr(catalogue()).encode())
    drawing = resources.files(__package__).joinpath("drawing")
    for file in sorted(drawing.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()

"""The drawn pictures: of one size and type, small, each its own, and told apart by their colours."""

from __future__ import annotations

import io
import time
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from campaigns.sampleshop import SampleFiles, SampleShop
from campaigns.sampleshop.catalogue import catalogue
from campaigns.sampleshop.drawing.path import path, symmetric
from campaigns.sampleshop.pictures import (
    HERO_KINDS,
    OFFER_KINDS,
    hero_picture,
    offer_picture,
    pictures_fingerprint,
    product_picture,
)

LARGEST_BYTES = 60_000
CPU_SECONDS = 8.0


@pytest.fixture(scope="module")
def drawn() -> Iterator[tuple[dict[str, bytes], dict[str, bytes]]]:
    """All pictures of products and heroes, drawn within the time allowed."""
    product_picture.cache_clear()
    hero_picture.cache_clear()
    began = time.process_time()
    products = {product.sku: product_picture(product) for product in catalogue()}
    heroes = {kind: hero_picture(kind) for kind in HERO_KINDS}
    assert time.process_time() - began < CPU_SECONDS
    yield products, heroes


def opened(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


def test_pictures_of_products_are_small_jpegs_of_one_size_and_all_different(
    drawn: tuple[dict[str, bytes], dict[str, bytes]],
) -> None:
    products, _ = drawn
    assert {(opened(body).format, opened(body).size) for body in products.values()} == {("JPEG", (600, 600))}
    assert max(map(len, products.values())) < LARGEST_BYTES
    assert len(set(products.values())) == len(products)


def test_heroes_share_type_and_size_and_differ(drawn: tuple[dict[str, bytes], dict[str, bytes]]) -> None:
    _, heroes = drawn
    assert {(opened(body).format, opened(body).size) for body in heroes.values()} == {("JPEG", (1200, 600))}
    assert max(map(len, heroes.values())) < LARGEST_BYTES
    assert len(set(heroes.values())) == len(HERO_KINDS) == 6


def chest_colour(body: bytes) -> tuple[int, int, int]:
    """The mean colour where the jacket's chest is, at the width of a telephone."""
    small = opened(body).resize((375, 188)).crop((245, 110, 320, 180)).resize((1, 1), Image.Resampling.BOX)
    red, green, blue = small.getpixel((0, 0))  # type: ignore[misc]  # an RGB picture
    return red, green, blue


def test_the_rain_jacket_is_yellow_and_the_down_jacket_red(
    drawn: tuple[dict[str, bytes], dict[str, bytes]],
) -> None:
    _, heroes = drawn
    red, green, blue = chest_colour(heroes["rain"])
    assert red > 180 and green > 130 and blue < 110
    red, green, blue = chest_colour(heroes["snow"])
    assert red > 150 and green < 100 and blue < 100


def test_a_picture_can_be_drawn_in_another_size_and_is_the_same_each_time() -> None:
    product = catalogue()[0]
    assert opened(product_picture(product, (200, 200))).size == (200, 200)
    first = hero_picture("rain", (300, 150))
    hero_picture.cache_clear()
    assert hero_picture("rain", (300, 150)) == first


def test_an_unknown_hero_or_offer_is_refused() -> None:
    for draw in (hero_picture, offer_picture):
        with pytest.raises(KeyError):
            draw("hail")


def test_the_stored_pictures_of_the_offer_are_small_and_differ() -> None:
    bodies = [offer_picture(kind) for kind in OFFER_KINDS]
    assert {(opened(body).format, opened(body).size) for body in bodies} == {("JPEG", (1040, 340))}
    assert max(map(len, bodies)) < LARGEST_BYTES
    assert len(set(bodies)) == 2


def test_every_product_and_every_picture_of_the_campaigns_is_written(tmp_path: Path) -> None:
    files: SampleFiles = SampleShop(customers=3, today=date(2026, 11, 21)).write(tmp_path)
    assert {file.name for file in files.pictures.glob("*.jpg")} == {p.picture_name for p in catalogue()}
    for product in catalogue():
        assert (files.products.parent / product.image_url).exists()
    for campaign in (files.campaign, files.second_campaign):
        for slot in tomllib.loads(campaign.read_text(encoding="utf-8"))["slots"]:
            for variant in (slot["default"], slot["expired"], *slot.get("rules", ())):
                picture = opened((campaign.parent / variant["picture"]).read_bytes())
                assert picture.size == (slot["width"], slot["height"])


def test_pictures_are_drawn_again_only_when_something_is_missing_or_changed(tmp_path: Path) -> None:
    shop = SampleShop(customers=1, today=date(2026, 11, 21))
    pictures = shop.write(tmp_path).pictures
    picture = pictures / catalogue()[0].picture_name
    picture.write_bytes(b"mine")
    shop.write(tmp_path)
    assert picture.read_bytes() == b"mine"
    (pictures / ".drawn").write_text("drawn by an older program")
    shop.write(tmp_path)
    assert opened(picture.read_bytes()).size == (600, 600)
    picture.unlink()
    shop.write(tmp_path)
    assert picture.exists()
    assert (pictures / ".drawn").read_text() == pictures_fingerprint()


def test_paths_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="not a path"):
        path("M 1 2 A 3 4")
    with pytest.raises(ValueError, match="not a path"):
        path("M 1 2 C 3 4 5 6")


def test_symmetric_outlines_mirror_at_the_axis() -> None:
    assert symmetric("M 50 0 L 60 10 L 50 20") == ((50, 0), (60, 10), (50, 20), (50, 20), (40, 10), (50, 0))

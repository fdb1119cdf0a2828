"""Cards drawn at open: what they say, how they look, what is kept of them."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentime_samples import picture
from PIL import Image

from campaigns.core.errors import BadInput
from campaigns.opentime.drawing import product_card
from campaigns.opentime.drawing.byte_cache import ByteCache
from campaigns.opentime.drawing.drawing import SMALLEST_SIDE, CannotDraw, draw, forget_drawings
from campaigns.opentime.drawing.drawings import (
    CardStyle,
    Countdown,
    Drawing,
    ProductCard,
    ShopCard,
    contrast,
    drawing_from_json,
    parse_style,
)

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DARK = CardStyle("#14213d", "#f5f5f5", "#fca311")
JACKET = ProductCard("Rain jacket Bergen", "$129.00", "Only 3 left", "a" * 64)
SHOP = ShopCard("Fjord & Fell Oslo", "about 12 km", "Open until 18:00")
SOON = Countdown(NOW + timedelta(days=2), "Offer ends in")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    forget_drawings()
    yield
    forget_drawings()


def no_picture(_: str) -> bytes | None:
    return None


def shown(
    drawing: Drawing,
    size: tuple[int, int] = (600, 300),
    media_type: str = "image/png",
    picture_of: Callable[[str], bytes | None] = no_picture,
) -> Image.Image:
    with Image.open(io.BytesIO(draw(drawing, *size, media_type, NOW, picture_of))) as image:
        assert image.size == size
        return image.convert("RGB")


@pytest.mark.parametrize("drawing", [JACKET, SHOP, SOON, ProductCard("A", "", style=DARK)])
def test_a_drawing_survives_its_way_through_json(drawing: Drawing) -> None:
    again = drawing_from_json(json.loads(json.dumps(drawing.to_json())))
    assert again == drawing
    assert hash(again) == hash(drawing)


@pytest.mark.parametrize(
    "raw",
    [
        {"kind": "map", "style": DARK.to_json()},
        {"kind": "shop_card", "style": {"background": "white", "text": "#000000", "accent": "#000000"}},
        {"kind": "shop_card"},
        {**SOON.to_json(), "units": ["days"]},
        {**SOON.to_json(), "deadline": "2026-11-30T00:00:00"},
    ],
)
def test_what_was_not_made_by_to_json_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        drawing_from_json(raw)


def test_a_style_is_read_with_defaults_and_short_colours() -> None:
    assert parse_style({}, "slot 'a', style") == CardStyle()
    assert parse_style({"background": "#000", "text": "#FFF", "accent": "#ffcc00"}, "s") == CardStyle(
        "#000000", "#ffffff", "#ffcc00"
    )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"text": "#999999"}, r"slot 'a', style\.text: #999999 on #ffffff has a contrast of 2\.8:1"),
        ({"accent": "#ffcc00"}, r"slot 'a', style\.accent: #ffcc00 on #ffffff has a contrast of 1\.5:1"),
        ({"background": "#1f6f54"}, r"style\.text: "),
        ({"text": "black"}, r"style\.text: expects a colour like"),
        ({"text": "#12345"}, r"style\.text: expects a colour like"),
        ({"text": 7}, r"style\.text: expects a colour like"),
        ({"ink": "#000000"}, r"there is no field 'ink'"),
        ("dark", r"expects a table"),
    ],
)
def test_a_style_that_nobody_can_read_is_refused(raw: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_style(raw, "slot 'a', style")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/gif"])
@pytest.mark.parametrize("drawing", [JACKET, SHOP, SOON])
@pytest.mark.parametrize("size", [(600, 300), (1200, 600), (300, 400), (320, 100), (1200, 240)])
def test_every_drawing_comes_in_the_size_and_type_asked_for(
    drawing: Drawing, size: tuple[int, int], media_type: str
) -> None:
    body = draw(drawing, *size, media_type, NOW, no_picture)
    with Image.open(io.BytesIO(body)) as image:
        assert (f"image/{(image.format or '').lower()}", image.size) == (media_type, size)
        colours = image.convert("RGB").getcolors(size[0] * size[1])
    assert colours is not None
    assert len(colours) > 8  # more than a plain picture: something is written on it


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([JACKET, SHOP, SOON]),
    st.integers(SMALLEST_SIDE, 260),
    st.integers(SMALLEST_SIDE, 260),
    st.booleans(),
)
def test_every_size_from_the_smallest_can_be_drawn(
    drawing: Drawing, width: int, height: int, gif: bool
) -> None:
    media_type = "image/gif" if gif else "image/png"
    body = draw(drawing, width, height, media_type, NOW, lambda _: picture(30, 20))
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        assert image.size == (width, height)


@pytest.mark.parametrize("size", [(SMALLEST_SIDE - 1, 300), (300, SMALLEST_SIDE - 1), (0, 0)])
def test_nothing_is_written_on_a_stamp(size: tuple[int, int]) -> None:
    with pytest.raises(CannotDraw, match="too few"):
        draw(SHOP, *size, "image/png", NOW, no_picture)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400), st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_drawn_or_said_to_be_impossible(title: str, price: str, note: str) -> None:
    try:
        body = draw(ProductCard(title, price, note), 300, 120, "image/png", NOW, no_picture)
    except CannotDraw:
        return
    Image.open(io.BytesIO(body)).load()


def test_text_keeps_a_margin_however_long_it_is() -> None:
    long = ProductCard("Wonderfully waterproof " * 12, "$1,234,567,890.00", "Only 3 left " * 20)
    for size in ((600, 150), (600, 300), (300, 300)):
        image = shown(long, size)
        edge = image.crop((size[0] - 8, 4, size[0] - 4, size[1] - 4))
        assert edge.getcolors() == [(4 * (size[1] - 8), (255, 255, 255))]


def test_what_the_card_says_is_seen() -> None:
    plain = ProductCard("Rain jacket", "$129.00")
    assert shown(plain).tobytes() != shown(ProductCard("Rain jacket", "$119.00")).tobytes()
    assert shown(plain).tobytes() != shown(ProductCard("Snow jacket", "$129.00")).tobytes()
    assert shown(plain).tobytes() != shown(ProductCard("Rain jacket", "$129.00", "In stock")).tobytes()
    assert (31, 111, 84) in {colour for _, colour in shown(plain).getcolors(200_000) or ()}  # the accent


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
@pytest.mark.parametrize(("width", "height"), [(40, 400), (400, 40), (2000, 1500)])
def test_the_products_picture_fills_its_part_of_the_card(kind: str, width: int, height: int) -> None:
    image = shown(JACKET, picture_of=lambda _: picture(width, height, kind, "#c8553d"))
    for at in ((20, 20), (20, 280), (240, 150)):
        pixel = image.getpixel(at)
        assert isinstance(pixel, tuple)
        assert all(abs(part - want) < 8 for part, want in zip(pixel, (0xC8, 0x55, 0x3D), strict=True))
    assert image.getpixel((300, 20)) == (255, 255, 255)
    upright = shown(JACKET, (300, 400), picture_of=lambda _: picture(width, height, "PNG", "#c8553d"))
    assert upright.getpixel((280, 100)) == (0xC8, 0x55, 0x3D)
    assert upright.getpixel((280, 390)) == (255, 255, 255)


def test_a_transparent_picture_shows_the_cards_background() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(out, "PNG")
    image = shown(ProductCard("Socks", "$9", picture="b", style=DARK), picture_of=lambda _: out.getvalue())
    assert image.getpixel((100, 100)) == (0x14, 0x21, 0x3D)


@pytest.mark.parametrize("stored", [None, b"", b"no picture", picture()[:60]])
def test_a_missing_or_damaged_picture_is_left_out(stored: bytes | None) -> None:
    without = ProductCard(JACKET.title, JACKET.price_text, JACKET.note)
    assert shown(JACKET, picture_of=lambda _: stored).tobytes() == shown(without).tobytes()


def test_equal_drawings_are_drawn_once() -> None:
    asked = []

    def picture_of(sha256: str) -> bytes:
        asked.append(sha256)
        return picture()

    first = draw(JACKET, 300, 150, "image/png", NOW, picture_of)
    again = draw(
        drawing_from_json(JACKET.to_json()), 300, 150, "image/png", NOW + timedelta(days=1), picture_of
    )
    assert again is first
    assert asked == [JACKET.picture]
    assert draw(JACKET, 300, 151, "image/png", NOW, picture_of) is not first


def test_a_card_without_its_picture_is_not_kept_for_long() -> None:
    whole = draw(JACKET, 300, 150, "image/png", NOW, lambda _: picture())
    forget_drawings()
    without = draw(JACKET, 300, 150, "image/png", NOW, no_picture)
    assert without != whole
    # Within the minute it is not drawn again, however often it is asked for.
    assert draw(JACKET, 300, 150, "image/png", NOW + timedelta(seconds=59), lambda _: picture()) is without
    assert draw(JACKET, 300, 150, "image/png", NOW + timedelta(seconds=60), lambda _: picture()) == whole


def test_many_who_ask_at_once_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    render = product_card.render

    def counting(*given: object) -> Image.Image:
        drawn.append(1)
        return render(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(product_card, "render", counting)
    bodies = []
    barrier = threading.Barrier(6)

    def ask() -> None:
        barrier.wait()
        bodies.append(draw(JACKET, 900, 450, "image/jpeg", NOW, no_picture))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(drawn), len(bodies), len(set(bodies))) == (1, 6, 1)


def test_the_cache_keeps_to_its_bound_and_drops_the_oldest() -> None:
    cache = ByteCache[bytes](100)
    for name in "abc":
        cache.put(name, bytes(40))
    assert (cache.get("a"), cache.size, len(cache)) == (None, 80, 2)
    cache.get("b")
    cache.put("d", bytes(40))
    assert (cache.get("b"), cache.get("c")) == (bytes(40), None)
    cache.put("b", bytes(10))
    assert cache.size == 50
    cache.put("b", bytes(101))
    assert (cache.get("b"), cache.size) == (None, 40)
    cache.clear()
    assert (cache.size, len(cache)) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=40))
def test_the_cache_always_knows_its_size(puts: list[tuple[int, int]]) -> None:
    cache = ByteCache[bytes](100)
    for key, length in puts:
        cache.put(key, bytes(length))
        kept = [cache.get(name) for name in range(6)]
        assert cache.size == sum(len(value) for value in kept if value is not None) <= 100

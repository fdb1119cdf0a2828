"""Pictures that are always there, and the headers they travel with."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentime_samples import picture
from PIL import Image

from campaigns.core.errors import BadInput
from campaigns.opentime.drawing import pictures
from campaigns.opentime.drawing.neutral import PIXEL_GIF, pixel, plain_picture
from campaigns.opentime.serving.headers import picture_headers


def test_the_pixel_is_one_transparent_gif() -> None:
    with Image.open(io.BytesIO(PIXEL_GIF)) as image:
        assert (image.format, image.size) == ("GIF", (1, 1))
        assert image.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert pixel().sha256 == hashlib.sha256(PIXEL_GIF).hexdigest()


@pytest.mark.parametrize(
    ("media_type", "kind"), [("image/png", "PNG"), ("image/jpeg", "JPEG"), ("image/gif", "GIF")]
)
def test_a_plain_picture_has_the_size_and_type_asked_for(media_type: str, kind: str) -> None:
    plain = plain_picture(600, 300, media_type)
    with Image.open(io.BytesIO(plain.body)) as image:
        assert (image.format, image.size) == (kind, (600, 300))
    assert (plain.width, plain.height, plain.media_type) == (600, 300, media_type)
    assert plain_picture(600, 300, media_type) is plain
    assert len(plain.body) < 5000


@settings(max_examples=30, deadline=None)
@given(st.integers(), st.integers(), st.text())
def test_a_picture_comes_whatever_is_asked_for(width: int, height: int, media_type: str) -> None:
    assert plain_picture(width, height, media_type) == pixel()


def test_a_personal_picture_is_kept_by_nobody() -> None:
    assert picture_headers("image/png", b"12345", personal=True) == {
        "Content-Type": "image/png",
        "Content-Length": "5",
        "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate, private",
        "X-Content-Type-Options": "nosniff",
    }


def test_a_picture_for_everybody_may_be_kept() -> None:
    headers = picture_headers("image/gif", PIXEL_GIF, personal=False)
    assert headers["Cache-Control"] == "public, max-age=3600"
    assert headers["Content-Length"] == str(len(PIXEL_GIF))
    assert headers["ETag"] != picture_headers("image/gif", b"other", personal=False)["ETag"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_a_picture_is_known_by_its_bytes(kind: str) -> None:
    body = picture(40, 20, kind)
    found = pictures.check_picture(body, "here")
    assert found == pictures.PictureFile(
        hashlib.sha256(body).hexdigest(), f"image/{kind.lower()}", 40, 20, body
    )


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(BadInput, match="here: 5000x1 pixels"):
        pictures.check_picture(picture(5000, 1), "here")
    with pytest.raises(BadInput, match="here: 2,000,001 bytes"):
        pictures.check_picture(bytes(pictures.LARGEST_BYTES + 1), "here")


@given(st.binary(max_size=300), st.integers(0, 60), st.sampled_from(["PNG", "JPEG", "GIF"]))
def test_hostile_bytes_are_refused_or_shown(junk: bytes, at: int, kind: str) -> None:
    whole = picture(8, 8, kind)
    for body in (junk, whole[:at] + junk + whole[at:]):
        try:
            found = pictures.check_picture(body, "here")
        except BadInput as error:
            assert error.where == "here"
        else:
            Image.open(io.BytesIO(found.body)).load()

"""Countdowns: every frame shows its own second, the file is small, and its frames are shared."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from PIL import Image, ImageSequence

from campaigns.opentime.drawing import countdown
from campaigns.opentime.drawing.byte_cache import ByteCache
from campaigns.opentime.drawing.countdown import animate, digits_of, seconds_left
from campaigns.opentime.drawing.drawing import draw, forget_drawings
from campaigns.opentime.drawing.drawings import CardStyle, Countdown

NOW = datetime(2026, 11, 21, 10, 0, 0, 250_000, tzinfo=UTC)
DARK = CardStyle("#14213d", "#f5f5f5", "#fca311")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    forget_drawings()
    yield
    forget_drawings()


def ending_in(left: timedelta, label: str = "Offer ends in", style: CardStyle | None = None) -> Countdown:
    return Countdown(NOW + left, label, style=style or CardStyle())


def gif(drawing: Countdown, size: tuple[int, int] = (600, 120), now: datetime = NOW) -> bytes:
    return draw(drawing, *size, "image/gif", now, lambda _: None)


def still(drawing: Countdown, size: tuple[int, int], now: datetime) -> Image.Image:
    """A fresh drawing of one moment, which is no GIF."""
    with Image.open(io.BytesIO(draw(drawing, *size, "image/png", now, lambda _: None))) as image:
        return image.convert("RGB")


def frames(body: bytes) -> list[Image.Image]:
    with Image.open(io.BytesIO(body)) as image:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]


def durations(body: bytes) -> list[int]:
    with Image.open(io.BytesIO(body)) as image:
        return [frame.info["duration"] for frame in ImageSequence.Iterator(image)]


@pytest.mark.parametrize(
    ("seconds", "digits"),
    [
        (0, ("00", "00", "00", "00")),
        (59, ("00", "00", "00", "59")),
        (3_600, ("00", "01", "00", "00")),
        (2 * 86_400 + 5 * 3_600 + 61, ("02", "05", "01", "01")),
        (100 * 86_400 - 1, ("99", "23", "59", "59")),
        (100 * 86_400, ("100", "00", "00", "00")),
    ],
)
def test_seconds_become_days_hours_minutes_and_seconds(seconds: int, digits: tuple[str, ...]) -> None:
    assert digits_of(seconds) == digits


def test_less_than_a_second_is_none_and_nothing_is_left_afterwards() -> None:
    drawing = Countdown(datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=1))))
    for now, left in (
        (datetime(2026, 11, 21, 10, 59, 58, 999_999, tzinfo=UTC), 1),
        (datetime(2026, 11, 21, 10, 59, 59, 1, tzinfo=UTC), 0),
        (datetime(2026, 11, 21, 11, tzinfo=UTC), 0),
        (datetime(2027, 1, 1, tzinfo=UTC), 0),
    ):
        assert seconds_left(drawing, now) == left


@pytest.mark.parametrize("style", [CardStyle(), DARK])
@pytest.mark.parametrize(
    "left",
    [
        timedelta(days=2, hours=5, minutes=1, seconds=20),  # a minute ends within
        timedelta(days=1, seconds=30),  # a day ends within
        timedelta(days=100, seconds=5),  # the days lose a digit within
        timedelta(seconds=200),
    ],
)
def test_every_frame_shows_its_own_second(left: timedelta, style: CardStyle) -> None:
    drawing, size = ending_in(left, style=style), (360, 90)
    shown = frames(gif(drawing, size))
    assert len(shown) == 60
    for second, frame in enumerate(shown):
        fresh = still(drawing, size, NOW + timedelta(seconds=second))
        assert frame.tobytes() == fresh.tobytes(), second
    assert len({frame.tobytes() for frame in shown}) == 60


def test_it_plays_once_with_a_second_for_each_frame() -> None:
    body = gif(ending_in(timedelta(days=3)))
    assert durations(body) == [1000] * 60
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("GIF", (600, 120))
        assert "loop" not in image.info
    assert b"NETSCAPE" not in body


@pytest.mark.parametrize(
    ("seconds", "count"), [(60, 60), (59, 60), (58, 59), (10, 11), (1, 2), (0, 1), (-5, 1)]
)
def test_it_ends_at_zero_when_the_deadline_is_near(seconds: int, count: int) -> None:
    drawing, size = ending_in(timedelta(seconds=seconds)), (300, 80)
    shown = frames(gif(drawing, size))
    assert len(shown) == count
    if seconds < 60:
        zero = still(drawing, size, NOW + timedelta(days=1))
        assert shown[-1].tobytes() == zero.tobytes()


@pytest.mark.parametrize("label", ["", "Offer ends in"])
@pytest.mark.parametrize("style", [CardStyle(), DARK])
def test_it_is_small(label: str, style: CardStyle) -> None:
    for seconds in (20, 55):
        body = gif(ending_in(timedelta(days=2, hours=5, seconds=seconds), label, style), (1200, 240))
        assert len(body) < 60_000


def test_it_has_the_colours_of_its_style() -> None:
    colours = {
        colour
        for _, colour in frames(gif(ending_in(timedelta(days=1), style=DARK)))[0].getcolors(100_000) or ()
    }
    assert {(0x14, 0x21, 0x3D), (0xF5, 0xF5, 0xF5), (0xFC, 0xA3, 0x11)} <= colours
    assert len(colours) <= 16


def test_label_units_and_each_digit_are_seen() -> None:
    one = Countdown(NOW + timedelta(days=2), "Ends")
    others = [
        Countdown(one.deadline, "Stops"),
        Countdown(one.deadline, ""),
        Countdown(one.deadline, "Ends", ("Tage", "Std.", "Min.", "Sek.")),
        Countdown(one.deadline + timedelta(days=1), "Ends"),
        Countdown(one.deadline + timedelta(hours=1), "Ends"),
        Countdown(one.deadline + timedelta(minutes=1), "Ends"),
        Countdown(one.deadline + timedelta(seconds=1), "Ends"),
    ]
    seen = {still(drawing, (600, 200), NOW).tobytes() for drawing in (one, *others)}
    assert len(seen) == 8


def test_requests_within_a_second_get_the_same_bytes() -> None:
    drawing = ending_in(timedelta(days=3))
    early, late, next_second = (gif(drawing, now=NOW + timedelta(milliseconds=ms)) for ms in (1, 1000, 1001))
    assert early is late
    assert next_second != early


def test_the_next_second_encodes_only_its_first_frame_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, drawing = ByteCache[bytes](2**20), ending_in(timedelta(days=3, minutes=7))
    encoded: list[tuple[int, int]] = []
    encode = countdown._encoded

    def counting(indexes: Image.Image, at: tuple[int, int]) -> bytes:
        encoded.append(indexes.size)
        return encode(indexes, at)

    monkeypatch.setattr(countdown, "_encoded", counting)
    for seconds in range(5_000, 4_900, -1):
        animate(drawing, 600, 120, seconds, cache)
    encoded.clear()
    animate(drawing, 600, 120, 4_899, cache)
    assert encoded == [(600, 120)]


def test_units_that_no_font_can_draw_are_left_out() -> None:
    odd = Countdown(
        NOW + timedelta(days=3), "\U00013000", ("\U00013000", "\U00013001", "\U00013002", "\U00013003")
    )
    bare = Countdown(NOW + timedelta(days=3), "", ("", "", "", ""))
    assert still(odd, (600, 120), NOW).tobytes() == still(bare, (600, 120), NOW).tobytes()

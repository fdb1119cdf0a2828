"""The variants of the hero slot, one scene each, on a canvas 200 units wide and 100 high.

Somebody stands on the right in what the weather asks for, large enough to be told apart on a telephone.
"""

from __future__ import annotations

from campaigns.sampleshop.drawing import figure, headwear, packs, shelter
from campaigns.sampleshop.drawing import landscape as land
from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, WHITE, Colour, darker, from_hex, lighter
from campaigns.sampleshop.drawing.footwear import draw_boot
from campaigns.sampleshop.drawing.jackets import draw_down, draw_top
from campaigns.sampleshop.drawing.path import path

YELLOW, AMBER = from_hex("#f9c51d"), from_hex("#d99a06")
RED, DARK_RED = from_hex("#d8322b"), from_hex("#8e1c20")
CORAL, RUST = from_hex("#ff7f50"), from_hex("#c9522a")


def draw_rain(canvas: Canvas) -> None:
    """Rain over a fjord; a slick yellow rain jacket, hood up."""
    land.sky(canvas, ((0, from_hex("#45596b")), (45, from_hex("#7b93a3")), (100, from_hex("#b4c4cb"))))
    land.cloud_bank(canvas, "rain", 24, from_hex("#465a69"))
    land.ridge(canvas, "rain far", 62, 30, from_hex("#75909f"), from_hex("#a9bcc5"))
    land.rain(canvas, "far", 260, from_hex("#d6e4ea"), 0.6)
    land.ridge(canvas, "rain mid", 72, 26, from_hex("#4f6f7c"), from_hex("#86a1ab"))
    _fjord(canvas)
    land.hill(
        canvas,
        "M -2 88 C 40 82 60 92 100 90 C 140 86 170 90 202 84",
        from_hex("#3f5f4c"),
        from_hex("#2b443a"),
    )
    land.pines(canvas, "rain", (-4, 26), 88, 26, from_hex("#2c5147"), 7)
    land.cabin(canvas, 46, 84, 1.15, from_hex("#b5392f"), lit=True)
    land.cabin(canvas, 70, 85, 0.85, from_hex("#c98f2c"), lit=True)
    with canvas.placed(90, 4, 1.1):
        figure.hands(canvas, from_hex("#e8b48c"))
        draw_top(canvas, "rain_jacket", YELLOW, AMBER)
        figure.face_in_hood(canvas, from_hex("#edbb94"), from_hex("#5a3523"))
        for x, y in (
            (30, 40),
            (44, 36),
            (60, 50),
            (66, 38),
            (40, 56),
            (36, 78),
            (62, 82),
            (78, 46),
            (20, 52),
            (45, 8),
        ):
            canvas.disc(x, y, 0.9, lighter(YELLOW, 0.75), tall=1.3)
    land.rain(canvas, "near", 120, WHITE, 1.0)


def draw_snow(canvas: Canvas) -> None:
    """Snow under white mountains; a puffy red down jacket and a bobble hat."""
    land.sky(canvas, ((0, from_hex("#86a9cc")), (50, from_hex("#c6d9ea")), (75, from_hex("#f3e2e2"))))
    for x, top, half, colour in ((24, 26, 44, "#7f9dbd"), (70, 14, 52, "#6d8fb3"), (120, 22, 46, "#7f9dbd"),
                                 (176, 16, 54, "#7391b4")):  # fmt: skip
        land.peak(canvas, x, top, 84, half, from_hex(colour), cap=0.55)
    canvas.fade(0, 52, 200, 84, from_hex("#e6eef6"), 0.9, "down")
    land.snowfall(canvas, "far", 80, (0.3, 0.6))
    land.hill(canvas, "M -2 76 C 30 66 64 82 104 77 C 150 72 176 80 202 74", from_hex("#dbe7f2"), WHITE)
    land.pines(canvas, "snow", (2, 40), 80, 30, from_hex("#3e6b70"), 7, snow=True)
    land.pines(canvas, "snow right", (184, 204), 82, 28, from_hex("#3e6b70"), 3, snow=True)
    land.cabin(canvas, 66, 84, 1.35, from_hex("#8c3b2e"), lit=True, snow=True)
    land.hill(
        canvas,
        "M -2 90 C 40 82 80 92 120 89 C 160 86 180 92 202 88",
        from_hex("#f4f8fc"),
        from_hex("#dce8f3"),
    )
    with canvas.placed(92, 32, 0.94):
        figure.head(canvas, from_hex("#d69b72"), from_hex("#3a2721"))
        figure.hands(canvas, CREAM)
        draw_down(canvas, RED, DARK_RED)
    with canvas.placed(120.5, -0.6, 0.37):
        headwear.draw_bobble_hat(canvas, from_hex("#1d5c63"), from_hex("#f3d9b1"))
    land.snowfall(canvas, "near", 70, (0.6, 1.2))
    for x, y, reach in (
        (12, 20, 4.5),
        (46, 44, 3.4),
        (88, 24, 4.8),
        (104, 62, 3.2),
        (192, 30, 4.4),
        (28, 62, 2.8),
    ):
        land.flake(canvas, x, y, reach)


def draw_clear(canvas: Canvas) -> None:
    """Sun over green hills; a coral wind shirt, a sun hat, a pack."""
    land.sky(canvas, ((0, from_hex("#3fa0d8")), (55, from_hex("#a9dcf0")), (80, from_hex("#fdf1cf"))))
    land.sun(canvas, 66, 24, 9, from_hex("#ffcf3f"))
    land.cloud(canvas, 22, 26, 6.5, WHITE, 1.0)
    land.cloud(canvas, 178, 20, 7, WHITE, 1.0)
    for x, top, half, colour in ((14, 44, 42, "#6f9fb4"), (52, 50, 36, "#6698ad"), (100, 40, 46, "#6f9fb4"),
                                 (180, 42, 44, "#6698ad")):  # fmt: skip
        land.peak(canvas, x, top, 84, half, from_hex(colour), cap=0.26)
    land.ridge(canvas, "clear mid", 78, 18, from_hex("#7fb069"), from_hex("#c5dd9a"))
    land.hill(
        canvas,
        "M -2 80 C 30 70 66 84 100 78 C 150 70 176 82 202 76",
        from_hex("#8cbf5c"),
        from_hex("#5f9a48"),
    )
    trail = path(
        "M 64 101 C 70 92 50 88 56 82 C 60 78 70 79 68 77 L 70 77 C 74 80 64 81 62 84 C 60 88 88 92 92 101"
    )
    canvas.shape(trail, from_hex("#ecd9a6"))
    land.pines(canvas, "clear", (0, 34), 88, 24, from_hex("#3d7a4a"), 6)
    for number in range(26):
        flower = 4 + 7.3 * number % 100, 90 + (number * 37) % 10
        canvas.disc(*flower, 0.8, from_hex(("#ffd166", "#ffffff", "#ef6f6c")[number % 3]))
    with canvas.placed(92, 29.5, 0.94):
        figure.head(canvas, from_hex("#8d5a3c"), from_hex("#221816"), sunglasses=True)
        figure.hands(canvas, from_hex("#8d5a3c"))
        draw_top(canvas, "wind_shirt", CORAL, RUST)
        figure.pack_straps(canvas, from_hex("#264653"), from_hex("#ffd166"))
    with canvas.placed(117.5, -7.4, 0.43):
        headwear.draw_brim_hat(canvas, from_hex("#ecd9a6"), from_hex("#a4563b"))


def draw_night(canvas: Canvas) -> None:
    """Stars and northern lights over a tent that glows."""
    land.sky(canvas, ((0, from_hex("#0b1230")), (50, from_hex("#1d2f5c")), (85, from_hex("#3d5a80"))))
    land.stars(canvas, "night", 150, 62)
    land.northern_lights(canvas, 0, 150, (96, 240, 176))
    canvas.glow(172, 20, 26, from_hex("#dfe9ff"), 0.5)
    canvas.disc(172, 20, 7, from_hex("#f5f1df"))
    canvas.disc(175.2, 18.4, 5.9, from_hex("#24355f"))
    for x, top, half in ((30, 38, 50), (84, 30, 54), (150, 40, 48), (196, 34, 44)):
        land.peak(canvas, x, top, 88, half, from_hex("#2b3f66"), cap=0.34)
    land.ridge(canvas, "night", 84, 14, from_hex("#16284a"))
    land.pines(canvas, "night", (0, 66), 90, 30, from_hex("#0f2036"), 10)
    land.pines(canvas, "night right", (172, 204), 90, 26, from_hex("#0f2036"), 5)
    land.hill(canvas, "M -2 88 C 50 82 110 92 202 85", from_hex("#13233a"), from_hex("#0a1524"))
    canvas.glow(124, 72, 58, from_hex("#ffb347"), 0.65)
    with canvas.placed(86, 22, 0.82):
        shelter.draw_dome(canvas, from_hex("#ffb84d"), from_hex("#e8743b"))
        canvas.glow(48, 72, 22, from_hex("#ffd98a"), 0.75)
    canvas.glow(124, 93, 44, from_hex("#ffb347"), 0.45, flat=0.16)


def draw_neutral(canvas: Canvas) -> None:
    """An autumn morning in the mountains, a pack and boots ready to go."""
    land.sky(canvas, ((0, from_hex("#7fb2c4")), (55, from_hex("#f3dcb5")), (80, from_hex("#f7e8cb"))))
    land.cloud(canvas, 40, 22, 6, CREAM, 1.0)
    land.cloud(canvas, 128, 16, 7, CREAM, 1.0)
    for x, top, half, colour in ((20, 36, 48, "#7f9fac"), (74, 26, 54, "#7397a6"), (136, 34, 50, "#7f9fac"),
                                 (190, 30, 50, "#7397a6")):  # fmt: skip
        land.peak(canvas, x, top, 84, half, from_hex(colour), cap=0.3)
    land.ridge(canvas, "neutral mid", 76, 18, from_hex("#8a9a6b"), from_hex("#d9c58e"))
    land.hill(
        canvas,
        "M -2 80 C 30 72 70 84 104 78 C 150 72 176 80 202 76",
        from_hex("#cf9b45"),
        from_hex("#a86f2e"),
    )
    land.pines(canvas, "neutral", (2, 30), 84, 26, from_hex("#476b50"), 6)
    _birches(canvas)
    land.hill(canvas, "M -2 92 C 60 86 110 92 202 84", from_hex("#b5762f"), from_hex("#83531f"))
    canvas.shape(path("M 96 101 C 98 90 108 84 124 84 C 150 82 180 84 190 101"), from_hex("#7d8288"))
    canvas.shape(
        path("M 150 84 C 172 84 184 88 190 101 L 160 101 C 162 94 158 88 150 84"), from_hex("#656a71")
    )
    canvas.glow(132, 87, 30, from_hex("#3b3a40"), 0.55, flat=0.14)
    with canvas.placed(98, 13, 0.76):
        packs.draw_trekking_pack(canvas, from_hex("#c8452d"), from_hex("#f2b632"))
    with canvas.placed(149, 54, 0.38):
        draw_boot(canvas, "hiking_boot", from_hex("#a9713f"), from_hex("#3f5d4a"))


def draw_expired(canvas: Canvas) -> None:
    """Dusk: a lake, a cabin with its light on; the campaign is over, the mountains are still there."""
    land.sky(canvas, ((0, from_hex("#2f4372")), (38, from_hex("#c97f8c")), (62, from_hex("#f8c48a"))))
    land.sun(canvas, 100, 58, 7, from_hex("#ffb35c"))
    land.stars(canvas, "expired", 40, 22)
    for x, top, half in ((26, 28, 46), (70, 38, 40), (140, 34, 46), (184, 24, 50)):
        land.peak(canvas, x, top, 68, half, from_hex("#5d5c86"), cap=0.3)
    land.ridge(canvas, "expired", 66, 12, from_hex("#3f456e"))
    canvas.box(-1, 65, 201, 101, from_hex("#f0b389"))
    canvas.fade(-1, 65, 201, 101, from_hex("#3a4a78"), 1.0, "down")
    for x, deep, half in ((26, 26, 36), (140, 22, 36), (184, 28, 38)):
        canvas.shape([(x - half, 65), (x + half, 65), (x, 65 + deep)], from_hex("#4d507c"), 0.4)
    for number in range(34):
        x, y = (number * 53) % 190, 67 + (number * 17) % 30
        canvas.line([(x, y), (x + 5 + number % 9, y)], from_hex("#ffdcae"), 0.35, 0.5)
    canvas.glow(100, 72, 30, from_hex("#ffd9a0"), 0.6, flat=0.35)
    canvas.shape(
        path("M 202 76 C 180 74 160 78 146 84 C 140 87 150 92 160 101 L 202 101"), from_hex("#2c3350")
    )
    land.pines(canvas, "expired", (160, 204), 84, 30, from_hex("#232b48"), 8)
    land.pines(canvas, "expired left", (-4, 22), 72, 20, from_hex("#2a3154"), 6)
    land.cabin(canvas, 160, 88, 1.7, from_hex("#7c2f33"), lit=True)
    canvas.glow(160, 82, 18, from_hex("#ffcf7a"), 0.4)
    for x, y, size in ((168, 63, 1.6), (170, 58, 2.2), (169, 51, 2.9)):
        canvas.disc(x, y, size, from_hex("#f3dccd"), 0.55)


def _fjord(canvas: Canvas) -> None:
    water = path("M -2 76 L 202 74 L 202 101 L -2 101")
    with canvas.clipped(water):
        canvas.shape(water, from_hex("#6f8d9b"))
        canvas.fade(-2, 74, 202, 100, from_hex("#3f5d6c"), 1.0, "down")
    for number in range(20):
        x, y = (number * 41) % 190, 77 + (number * 13) % 9
        canvas.line([(x, y), (x + 4 + number % 5, y)], from_hex("#b8cbd3"), 0.35, 0.6)


def _birches(canvas: Canvas) -> None:
    leaves: tuple[Colour, ...] = (from_hex("#e9a52f"), from_hex("#d9772b"), from_hex("#f0c24a"))
    for x, ground, size in ((48, 90, 1.0), (58, 92, 1.25), (84, 88, 0.85), (196, 88, 1.1)):
        with canvas.placed(x, ground, size):
            canvas.line([(0, 0), (0.4, -22)], (240, 234, 222), 1.5)
            for y in range(-18, -1, 4):
                canvas.line([(-0.7, y), (0.3, y + 0.3)], (84, 76, 74), 0.5)
            for number, (right, down, reach) in enumerate(
                ((0, -26, 6), (-4, -21, 5), (4, -20, 5), (0.5, -17, 5.5))
            ):
                canvas.disc(right, down, reach, darker(leaves[number % 3], 0.06))
                canvas.disc(right - 1.2, down - 1.4, reach * 0.65, leaves[(number + 1) % 3], 0.9)

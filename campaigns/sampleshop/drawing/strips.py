"""The stored pictures of the offer slot, on a canvas 200 units wide and 65 high: what stands in for a drawn card."""

from __future__ import annotations

from campaigns.sampleshop.drawing import headwear, packs, shelter
from campaigns.sampleshop.drawing import landscape as land
from campaigns.sampleshop.drawing.canvas import Canvas
from campaigns.sampleshop.drawing.colour import CREAM, darker, from_hex, lighter
from campaigns.sampleshop.drawing.footwear import draw_boot
from campaigns.sampleshop.drawing.jackets import draw_top


def draw_collection(canvas: Canvas) -> None:
    """Things for outdoors in a row: what is shown where nothing is known of the customer."""
    wash = from_hex("#e9efe4")
    canvas.box(-1, -1, 201, 70, wash)
    canvas.fade(-1, 20, 201, 70, from_hex("#d3dfcf"), 1.0, "down")
    centres = 24, 62, 100, 138, 176
    for x in centres:
        canvas.disc(x, 32.5, 17.5, lighter(wash, 0.6))
        canvas.glow(x, 51, 15, darker(wash, 0.7), 0.45, flat=0.13)
    with canvas.placed(centres[0] - 16, 16.5, 0.32):
        draw_boot(canvas, "hiking_boot", from_hex("#a9713f"), from_hex("#3f5d4a"))
    with canvas.placed(centres[1] - 17, 15.5, 0.34):
        draw_top(canvas, "rain_jacket", from_hex("#f9c51d"), from_hex("#d99a06"))
    with canvas.placed(centres[2] - 19, 12.5, 0.38):
        packs.draw_trekking_pack(canvas, from_hex("#c8452d"), from_hex("#f2b632"))
    with canvas.placed(centres[3] - 16, 18, 0.32):
        headwear.draw_bobble_hat(canvas, from_hex("#1d5c63"), from_hex("#f3d9b1"))
    with canvas.placed(centres[4] - 18, 14.5, 0.36):
        shelter.draw_dome(canvas, from_hex("#ffb84d"), from_hex("#e8743b"))


def draw_afterwards(canvas: Canvas) -> None:
    """A tent under the first stars: the day is over, and so is the campaign."""
    land.sky(canvas, ((0, from_hex("#27406b")), (30, from_hex("#a5748f")), (48, from_hex("#f2bd8b"))))
    land.stars(canvas, "afterwards", 50, 20)
    canvas.disc(164, 13, 4, CREAM)
    for x, top, half in ((22, 20, 40), (70, 26, 36), (128, 18, 46), (182, 22, 40)):
        land.peak(canvas, x, top, 52, half, from_hex("#565a86"), cap=0.28)
    land.pines(canvas, "afterwards", (-4, 60), 57, 20, from_hex("#1f2a44"), 9)
    land.pines(canvas, "afterwards right", (150, 206), 57, 20, from_hex("#1f2a44"), 9)
    land.hill(
        canvas, "M -2 52 C 50 47 120 55 202 50 L 202 70 L -2 70", from_hex("#253252"), from_hex("#161f38")
    )
    canvas.glow(104, 49, 30, from_hex("#ffb347"), 0.6)
    with canvas.placed(86, 24, 0.36):
        shelter.draw_dome(canvas, from_hex("#ffb84d"), from_hex("#e8743b"))
        canvas.glow(48, 72, 22, from_hex("#ffd98a"), 0.75)

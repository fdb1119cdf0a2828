"""Setting lines of text into a box: wrapped, cut with an ellipsis, smaller where they do not fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFont

from campaigns.opentime.drawing.drawings import LEAST_CONTRAST, CardStyle, Rgb, contrast, rgb_of
from campaigns.opentime.drawing.fonts import Face

LINE_HEIGHT = 1.22  # of the size
_SMALLEST = 9  # pixels: below that nobody reads it
_SHRINK = 0.93
_BOLDNESS = 0.018  # of the size, as a stroke around each glyph of a face that has no bold one


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text with its size in pixels, at most `lines` lines, `gap` pixels below the paragraph before it."""

    text: str
    size: float
    colour: Rgb
    bold: bool = False
    lines: int = 1
    gap: float = 0


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of a picture: left and top belong to it, right and bottom no longer."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def blend(colour: Rgb, ground: Rgb, share: float) -> Rgb:
    """So much of `colour` (0 to 1) over `ground`."""
    red, green, blue = (round(g + (c - g) * share) for c, g in zip(colour, ground, strict=True))
    return red, green, blue


def muted(style: CardStyle) -> Rgb:
    """The colour of secondary text: softer than `style.text`, as far as it can still be read."""
    ground, ink = rgb_of(style.background), rgb_of(style.text)
    for share in (0.72, 0.8, 0.9):
        softer = blend(ink, ground, share)
        if contrast("#{:02x}{:02x}{:02x}".format(*softer), style.background) >= LEAST_CONTRAST:
            return softer
    return ink


def write(
    image: Image.Image, box: Box, face: Face, paragraphs: Sequence[Paragraph], centred: bool = False
) -> None:
    """Write the paragraphs that have text into the box, in the middle of its height, left or centred.

    All shrink together until they fit; the last ones are left out if that would make them too small.
    """
    wanted = [paragraph for paragraph in paragraphs if paragraph.text]
    while wanted and box.width > 0:
        fitted = _fitted(face, wanted, box)
        if fitted is not None:
            _put(image, box, face, fitted, centred)
            return
        wanted = wanted[:-1]


def wrap(
    face: Face, text: str, size: int, width: float, lines: int, bold: bool = False
) -> tuple[list[str], bool]:
    """The text in at most so many lines of `width` pixels, and whether nothing was cut off."""
    font = face.at(size, bold)
    rest = text
    done: list[str] = []
    while rest:
        if len(done) == lines - 1 or font.getlength(rest) <= width:
            whole = font.getlength(rest) <= width
            done.append(rest if whole else _cut(face, rest, font, width))
            return done, whole
        line = _even_line_of(font.getlength, rest, width) if lines - len(done) >= 2 else None
        line = line or _line_of(font.getlength, rest, width)
        done.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return done, True


def _line_of(length: Callable[[str], float], text: str, width: float) -> str:
    """The longest beginning that fits, ending at a space if there is one; never empty."""
    end = _fitting(length, text, width)
    if end < len(text) and not text[end].isspace():
        space = text.rfind(" ", 0, end)
        # A word cut in two is worse than a short line, but not worse than a nearly empty one.
        if space > 0 and length(text[:space]) > 0.35 * width:
            end = space
    return text[:end]


def _even_line_of(length: Callable[[str], float], text: str, width: float) -> str | None:
    """The first of two lines that are as even as they can be; None if two do not hold the text."""
    spaces = [at for at, character in enumerate(text) if character == " "]
    if not spaces or length(text) > 2 * width:
        return None
    widest, at = min((max(length(text[:at]), length(text[at + 1 :])), at) for at in spaces)
    return text[:at] if widest <= width else None


def _cut(face: Face, text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    dots = "…" if face.can_draw("…") else "..."
    length = font.getlength
    end = _fitting(length, text, width - length(dots))
    word = text.rfind(" ", 0, end + 1)
    return text[: word if word > 0.7 * end else end].rstrip(" ,;:-–(/") + dots


def _fitting(length: Callable[[str], float], text: str, width: float) -> int:
    """How many characters fit, at least one."""
    return max(1, bisect_right(range(1, len(text) + 1), width, key=lambda end: length(text[:end].rstrip())))


_Line = tuple[str, Paragraph, float]  # text, how, top within the block


def _fitted(face: Face, paragraphs: Sequence[Paragraph], box: Box) -> list[_Line] | None:
    """Lines of the largest size in which all is whole; else of the smallest, cut; None if even that is too high."""
    cut: list[_Line] | None = None
    scale = 1.0
    while True:
        sized = [replace(p, size=max(_SMALLEST, p.size * scale), gap=p.gap * scale) for p in paragraphs]
        lines, height, whole = _set(face, sized, box.width)
        if height <= box.height:
            cut = lines
            if whole:
                return lines
        if scale < 0.55 or all(p.size <= _SMALLEST for p in sized):
            return cut
        scale *= _SHRINK


def _set(face: Face, paragraphs: Sequence[Paragraph], width: int) -> tuple[list[_Line], float, bool]:
    lines: list[_Line] = []
    top, all_whole = 0.0, True
    for number, paragraph in enumerate(paragraphs):
        top += paragraph.gap if number else 0
        room = width - 2 * _stroke(face, paragraph)
        texts, whole = wrap(
            face, paragraph.text, round(paragraph.size), room, paragraph.lines, paragraph.bold
        )
        all_whole = all_whole and whole
        for text in texts:
            lines.append((text, paragraph, top))
            top += paragraph.size * LINE_HEIGHT
    return lines, top, all_whole


def _put(image: Image.Image, box: Box, face: Face, lines: Sequence[_Line], centred: bool) -> None:
    pen = ImageDraw.Draw(image)
    _, lowest, depth = lines[-1]
    start = box.top + (box.height - depth - lowest.size * LINE_HEIGHT) / 2
    for text, paragraph, top in lines:
        font = face.at(round(paragraph.size), paragraph.bold)
        x = box.left + (box.width - font.getlength(text)) / 2 if centred else box.left
        baseline = (
            start + top + paragraph.size * (LINE_HEIGHT + face.capital) / 2
        )  # capitals in the middle of the line
        stroke = _stroke(face, paragraph)
        pen.text((x, baseline), text, paragraph.colour, font, anchor="ls", stroke_width=stroke)


def _stroke(face: Face, paragraph: Paragraph) -> float:
    """Pixels around each glyph that make it look bold."""
    return paragraph.size * _BOLDNESS if paragraph.bold and not face.has_bold else 0.0

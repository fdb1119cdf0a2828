"""The faces that texts are drawn with, and which text a face can draw: a missing glyph is never drawn as a box.

Faces are tried in this order: files of the operator, Source Sans (a dependency of this package: Latin, Greek,
Cyrillic), Pillow's own (little more than ASCII), common faces of the system. A card is drawn in one face, so that
it looks of one piece.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path

from PIL import ImageFont, features

from campaigns.core.errors import GiveUp, NotConfigured
from campaigns.core.log import get_logger

_log = get_logger(__name__)

LONGEST = 300  # characters of a text: no card shows more

_PILLOWS_OWN = ""
_SHIPPED = "font_source_sans_pro", "SourceSansPro-Regular.ttf", "SourceSansPro-Semibold.ttf"
# Found by name in the folders where systems keep fonts. The last one is for Chinese, Japanese and Korean.
_OF_SYSTEMS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
)
_CHECK_SIZE = 24
_NEVER_A_CHARACTER = "\U0010ffff"  # a noncharacter: what a face draws for it, it draws for all it lacks

_LETTERS_OF = {
    "Latin": "Aßéøłşűđ",
    "Greek": "Ωλάϊ",
    "Cyrillic": "Жяєћ",
    "Arabic": "شعه",
    "Hebrew": "שלם",
    "Devanagari": "नमह",
    "Thai": "กขด",
    "Chinese": "雨天折",
    "Japanese": "かサ雪",
    "Korean": "한글비",
}

# Said otherwise with the same meaning where a face lacks the sign.
_RESPELLED = str.maketrans(
    {
        "€": " EUR ",
        "£": " GBP ",
        "–": "-",
        "—": "-",
        "\u2010": "-",
        "\u2011": "-",
        "−": "-",
        "×": "x",
        "•": "-",
    }
)
_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words; HarfBuzz (raqm) heeds and hides them


class CannotDraw(GiveUp):
    """No face has the glyphs of a text without which the drawing says nothing."""


class Face:
    """One font in all sizes; `bold_file` is the same in a heavier weight, where there is one.

    Raises:
        OSError: there is no such font file.
    """

    def __init__(self, file: str, bold_file: str = "") -> None:
        self._file = file
        self._bold_file = bold_file
        self._sized = lru_cache(maxsize=96)(self._load)
        self._has = lru_cache(maxsize=4096)(self._look)
        self._weights = (False, True) if bold_file else (False,)
        self._missing = {bold: self._print_of(_NEVER_A_CHARACTER, bold) for bold in self._weights}

    @property
    def name(self) -> str:
        """Its family, as its file calls it."""
        return self.at(_CHECK_SIZE).getname()[0] or "a font without a name"

    @cached_property
    def capital(self) -> float:
        """Height of a capital as a share of the size."""
        _, top, _, bottom = self.at(100).getbbox("H", anchor="ls")
        return (bottom - top) / 100

    @property
    def has_bold(self) -> bool:
        """Whether there are letters for bold text; otherwise who draws it has to thicken the others."""
        return bool(self._bold_file)

    def at(self, size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
        """The font with this many pixels to the em; the usual weight where there is no bold one."""
        return self._sized(size, bold and self.has_bold)

    def can_draw(self, text: str) -> bool:
        """Whether it has a glyph for every character, in each of its weights."""
        return all(self._has(character) for character in text)

    def without_pictographs(self, text: str) -> str:
        """The text less the pictographs (emoji, ornaments) that it cannot draw."""
        kept = (
            character
            for character in text
            if unicodedata.category(character) not in ("So", "Sk", "Mn", "Co", "Cn") or self._has(character)
        )
        return " ".join("".join(kept).split())

    def _load(self, size: int, bold: bool) -> ImageFont.FreeTypeFont:
        if self._file:
            return ImageFont.truetype(self._bold_file if bold else self._file, size)
        font = ImageFont.load_default(size)
        if not isinstance(font, ImageFont.FreeTypeFont):  # a Pillow built without FreeType
            raise OSError("Pillow has no scalable font")
        return font

    def _look(self, character: str) -> bool:
        if character.isspace() or character in _JOINERS:
            return True
        for bold in self._weights:
            print_ = self._print_of(character, bold)
            if print_[0] is None or print_ == self._missing[bold]:
                return False
        return True

    def _print_of(self, character: str, bold: bool) -> tuple[object, bytes]:
        mask = self.at(_CHECK_SIZE, bold).getmask(character)
        return mask.getbbox(), bytes(mask)


_named: tuple[Face, ...] = ()


def use_fonts(files: Sequence[Path]) -> None:
    """Prefer these font files (TrueType, OpenType) to all others, in this order, in this process.

    A bold file of a family that is named in another weight as well draws the bold texts of that family. Also loads
    the common ones, so that no opener waits for that; to be called before anything is drawn.

    Raises:
        NotConfigured: naming the file that is no font.
    """
    global _named
    families: dict[str, dict[bool, str]] = {}
    for file in files:
        try:
            family, style = ImageFont.truetype(str(file), _CHECK_SIZE).getname()
        except OSError:
            raise NotConfigured(f"{file} is not a font file that can be read") from None
        weights = families.setdefault(family or str(file), {})
        weights.setdefault(
            "bold" in (style or "").lower(), str(file)
        )  # "Semibold" and "Bold Condensed" as well
    _named = tuple(
        Face(weights[False], weights.get(True, "")) if False in weights else Face(weights[True])
        for weights in families.values()
    )
    _common()


def use_readable_fonts(files: Sequence[Path]) -> None:
    """The same with those of the files that can be read; the others are logged, and no opener is told."""
    readable = []
    for file in files:
        try:
            use_fonts([file])
        except NotConfigured as problem:
            _log.warning("font_not_used", why=problem.message)
        else:
            readable.append(file)
    use_fonts(readable)


def faces() -> tuple[Face, ...]:
    """The faces of this process, preferred ones first."""
    return (*_named, *_common())


def scripts_drawn() -> dict[str, bool]:
    """Of the scripts that much mail is written in: whether any face draws them."""
    return {
        script: any(face.can_draw(letters) for face in faces()) for script, letters in _LETTERS_OF.items()
    }


def legible(needed: Sequence[str], wished: Sequence[str] = ()) -> tuple[Face, list[str]]:
    """A face for all these texts, and the texts as it can draw them, needed ones first.

    Preferred is the first face that has everything; then one that has it with signs spelled out ("EUR") and
    pictographs left out; then the one that has what is needed and most of what is wished: texts that it cannot
    draw come back empty.

    Raises:
        CannotDraw: no face can draw what is needed.
    """
    texts = [tidy(text) for text in (*needed, *wished)]
    at_hand = faces()
    for face in at_hand:
        if all(face.can_draw(text) for text in texts):
            return face, texts
    for face in at_hand:
        spelled = [_spelled(face, text) for text in texts]
        if all(face.can_draw(text) for text in spelled) and _none_lost(texts, spelled, len(needed)):
            return face, spelled
    best: tuple[Face, list[str]] | None = None
    for face in at_hand:
        drawn = [text if face.can_draw(text := _spelled(face, each)) else "" for each in texts]
        fewer = best is not None and sum(map(bool, drawn)) <= sum(map(bool, best[1]))
        if not fewer and _none_lost(texts, drawn, len(needed)):
            best = face, drawn
    if best is None:
        raise CannotDraw("no font at hand has the glyphs of this text; name one in TAILORMAIL_FONT_PATH")
    return best


def tidy(text: str) -> str:
    """Composed (NFC), in one line of at most LONGEST characters, without control and invisible characters."""
    joiners = _JOINERS if features.check("raqm") else ""
    composed = unicodedata.normalize("NFC", text[: 4 * LONGEST])
    kept = (
        " " if character.isspace() else character
        for character in composed
        if character.isspace()
        or character in joiners
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )
    return " ".join("".join(kept).split())[:LONGEST]


def _spelled(face: Face, text: str) -> str:
    if face.can_draw(text):
        return text
    respelled = "".join(
        character if face.can_draw(character) else character.translate(_RESPELLED) for character in text
    )
    return face.without_pictographs(respelled)


def _none_lost(texts: Sequence[str], drawn: Sequence[str], needed: int) -> bool:
    return all(after or not before for before, after in zip(texts[:needed], drawn[:needed], strict=True))


@lru_cache(maxsize=1)
def _common() -> tuple[Face, ...]:
    package, regular, bold = _SHIPPED
    files = resources.files(package) / "files"
    shipped = Face(str(files / regular), str(files / bold))
    found = [shipped, Face(_PILLOWS_OWN)]
    for name in _OF_SYSTEMS:
        try:
            found.append(Face(name))
        except OSError:
            continue
    return tuple(found)

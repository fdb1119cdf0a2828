"""Text on drawings: which face draws it, that nothing is drawn as a box, that it is wrapped and cut well."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from campaigns.core.errors import GiveUp, NotConfigured
from campaigns.opentime.drawing import fonts
from campaigns.opentime.drawing.drawings import CardStyle, contrast, rgb_of
from campaigns.opentime.drawing.fonts import CannotDraw, Face, legible, tidy, use_fonts, use_readable_fonts
from campaigns.opentime.drawing.typesetting import Box, Paragraph, muted, wrap, write

HIEROGLYPH = "\U00013000"  # a letter that none of the common faces has


@pytest.fixture
def only_pillows(monkeypatch: pytest.MonkeyPatch) -> Face:
    """As on a machine without any fonts."""
    own = Face("")
    monkeypatch.setattr(fonts, "_common", lambda: (own,))
    return own


@pytest.fixture
def named_nothing() -> Iterator[None]:
    yield
    use_fonts(())


def test_a_face_knows_what_it_lacks(only_pillows: Face) -> None:
    assert only_pillows.can_draw("Rain jacket, 50 % off: $129.00 …")
    for missing in ("é", "漢", "\U0001f327", HIEROGLYPH):
        assert not only_pillows.can_draw(missing)


def test_signs_are_spelled_out_and_pictographs_left_out_where_a_face_lacks_them(only_pillows: Face) -> None:
    face, texts = legible(["Rain \U0001f327\ufe0f jacket – new", "€349.00"], ["349,00\u202f£"])
    assert face is only_pillows
    assert texts == ["Rain jacket - new", "EUR 349.00", "349,00 GBP"]


def test_wished_text_is_left_out_and_needed_text_refused(only_pillows: Face) -> None:
    assert legible(["Socks", "$9"], ["På lager", "In stock"])[1] == ["Socks", "$9", "", "In stock"]
    with pytest.raises(CannotDraw):
        legible(["Grünerløkka"])
    with pytest.raises(CannotDraw):
        legible(["\U0001f327"])  # nothing would be left of it
    assert issubclass(CannotDraw, GiveUp)


def test_a_currency_is_never_dropped(only_pillows: Face) -> None:
    with pytest.raises(CannotDraw):
        legible(["₪349.00"])


def test_a_face_that_has_everything_is_preferred(monkeypatch: pytest.MonkeyPatch, only_pillows: Face) -> None:
    class Rich(Face):
        def can_draw(self, text: str) -> bool:
            return HIEROGLYPH not in text

    rich = Rich("")
    monkeypatch.setattr(fonts, "_common", lambda: (only_pillows, rich))
    assert legible(["Jacket", "$9"])[0] is only_pillows
    assert legible(["Jacket", "€9"]) == (rich, ["Jacket", "€9"])
    assert legible(["Jacket"], ["På lager", HIEROGLYPH]) == (rich, ["Jacket", "På lager", ""])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=3), st.lists(st.text(max_size=30), max_size=2))
def test_a_box_is_never_drawn(needed: list[str], wished: list[str]) -> None:
    try:
        face, texts = legible(needed, wished)
    except CannotDraw:
        return
    assert len(texts) == len(needed) + len(wished)
    for text in texts:
        assert face.can_draw(text)
        assert text == " ".join(text.split())


def test_text_is_tidied() -> None:
    assert tidy("  Rain\n\tjacket\u00a0\u202fred\u200b\u202e ") == "Rain jacket red"
    assert tidy("e\u0301") == "é"
    assert len(tidy("word " * 1000)) <= fonts.LONGEST


def test_a_named_font_comes_first(tmp_path: Path, named_nothing: None) -> None:
    own = ImageFont.load_default(20)
    assert isinstance(own, ImageFont.FreeTypeFont)
    source = own.path
    assert isinstance(source, io.BytesIO)
    file = tmp_path / "named.ttf"
    file.write_bytes(source.getvalue())
    use_fonts([file])
    assert legible(["Jacket"])[0].at(20).path == str(file)
    use_fonts(())
    assert legible(["Jacket"])[0].at(20).path != str(file)


def test_a_file_that_is_no_font_is_named(tmp_path: Path, named_nothing: None) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a font")
    for path in (file, tmp_path / "absent.ttf"):
        with pytest.raises(NotConfigured, match=path.name):
            use_fonts([path])


@settings(max_examples=150, deadline=None)
@given(st.text("abc WMi-", max_size=200), st.integers(60, 400), st.integers(1, 3))
def test_lines_fit_and_lose_nothing_but_an_announced_end(raw: str, width: int, most: int) -> None:
    face, text = Face(""), tidy(raw)
    lines, whole = wrap(face, text, 16, width, most)
    assert len(lines) <= most
    assert all(face.at(16).getlength(line) <= width for line in lines)
    if whole:
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    else:
        assert lines[-1].endswith("…")
        assert text.replace(" ", "").startswith("".join(lines)[:-1].replace(" ", ""))


def test_two_lines_are_as_even_as_can_be() -> None:
    assert wrap(Face(""), "Wool socks, merino, three pairs", 20, 260, 2)[0] == [
        "Wool socks,",
        "merino, three pairs",
    ]


def test_an_end_that_is_cut_is_cut_between_words() -> None:
    title = "Waterproof hiking jacket for long wet autumn days"
    lines, whole = wrap(Face(""), title, 20, 220, 2)
    assert not whole
    shown = " ".join(lines).removesuffix("…")
    assert title.startswith(shown + " ")


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    image = Image.new("RGB", (200, 30), "white")
    lines = [Paragraph(text, 14, (0, 0, 0)) for text in ("First", "Second", "Third")]
    write(image, Box(0, 0, 200, 30), Face(""), lines)
    alone = Image.new("RGB", (200, 30), "white")
    write(alone, Box(0, 0, 200, 30), Face(""), lines[:2])
    assert image.tobytes() == alone.tobytes()
    assert image.getcolors() != [(6000, (255, 255, 255))]


@given(st.tuples(*[st.integers(0, 255)] * 3), st.tuples(*[st.integers(0, 255)] * 3))
def test_muted_text_can_be_read_where_text_can(ground: tuple[int, ...], ink: tuple[int, ...]) -> None:
    style = CardStyle("#{:02x}{:02x}{:02x}".format(*ground), "#{:02x}{:02x}{:02x}".format(*ink))
    colour = "#{:02x}{:02x}{:02x}".format(*muted(style))
    assert rgb_of(colour) == rgb_of(style.text) or contrast(colour, style.background) >= 4.5


@pytest.fixture
def no_fonts_of_the_system(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a bare container: only what this package brings along."""
    monkeypatch.setattr(fonts, "_OF_SYSTEMS", ())
    fonts._common.cache_clear()
    yield
    fonts._common.cache_clear()


def test_without_fonts_of_the_system_the_languages_of_europe_are_drawn(no_fonts_of_the_system: None) -> None:
    for text in ("Łódź, Grünerløkka, Åre, Őr, Đakovo", "349,00 €", "Αδιάβροχο μπουφάν", "Куртка «Їжак» Ђ"):
        face, (drawn,) = legible([text])
        assert drawn == text
        assert face.name == "Source Sans Pro"
        assert face.has_bold
    able = fonts.scripts_drawn()
    assert [script for script, known in able.items() if known] == ["Latin", "Greek", "Cyrillic"]


def test_bold_letters_are_those_of_the_bold_file() -> None:
    face = legible(["Jacket"])[0]
    usual, bold = (face.at(40, weight).getname()[1] for weight in (False, True))
    assert (usual, bold) == ("Regular", "Semibold")
    thickened = Face("")
    assert not thickened.has_bold
    assert thickened.at(40, bold=True) is thickened.at(40)


def test_files_of_one_family_become_one_face(named_nothing: None) -> None:
    folder = resources.files("font_source_sans_pro") / "files"
    light, bold = (Path(str(folder / f"SourceSansPro-{weight}.ttf")) for weight in ("It", "Bold"))
    use_fonts([bold, light])
    first = fonts.faces()[0]
    assert (first.at(20).path, first.at(20, bold=True).path) == (str(light), str(bold))
    use_fonts([bold])
    assert fonts.faces()[0].at(20).path == str(bold)
    assert not fonts.faces()[0].has_bold


def test_a_font_that_cannot_be_read_does_not_keep_the_others_away(
    tmp_path: Path, named_nothing: None
) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"\x00\x01\x00\x00")
    good = Path(str(resources.files("font_source_sans_pro") / "files" / "SourceSansPro-Black.ttf"))
    use_readable_fonts([broken, good])
    assert fonts.faces()[0].at(20).path == str(good)

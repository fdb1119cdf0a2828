"""A mail as a certain mail program shows it, made so that a browser shows the same: an approximation, and labelled so.

What each program leaves out comes from data/client_support.toml, by which preflight warns as well. Dark comes in two
ways: by the mail's own rules for dark colour schemes, or forced by a program that turns light grounds dark and dark
text light. That one is done here as most of them do it: by lightness, ground and text apart, pictures left alone.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from PIL import ImageColor

from campaigns.compose.html_rewriting import Attributes, Rewriter
from campaigns.compose.preflight_clients import Feature, features
from campaigns.compose.preflight_styles import blocks_of, declarations_of

Looks = Literal["light", "dark", "forced"]
WORD = "outlook_windows"
"""The one program that lays mails out by Microsoft Word."""

GMAIL_CLIPS_AT = 102 * 1024
"""Bytes of HTML after which Gmail shows a link to the rest instead of the rest."""

_REVEALED = re.compile(
    r"<!--\[if !mso[^\]]*\]><!(?:--)?>.*?<!(?:--)?<!\[endif\]-->", re.DOTALL | re.IGNORECASE
)
_CONDITIONAL = re.compile(r"<!--\[if ([^\]]*)\]>(.*?)<!\[endif\]-->", re.DOTALL | re.IGNORECASE)
_FOR_ANCIENT_WORD = re.compile(r"\b(?:lte?|eq)\s+mso\s+(?:9|1[0-5])\b|!\s*mso", re.IGNORECASE)
_SCHEME = re.compile(r"(?<![\w-])color-scheme\s*:\s*[^;}]*", re.IGNORECASE)
_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|(?:rgb|hsl)a?\([^)]*\)|(?<![\w(/.-])[a-zA-Z]+(?![\w(/.-])")
_ADDRESS = re.compile(r"url\([^)]*\)", re.IGNORECASE)
# Word gives room to cells only.
_WITHOUT_PADDING = frozenset({"div", "p", "a", "span"})
_FORCED = "html{background:#1f1f1f;color:#e6e6e6;}a{color:#8ab4f8;}"
_BLOCKED = (
    "display:inline-block;box-sizing:border-box;max-width:100%;overflow:hidden;padding:8px 12px;border:1px solid #b9bec3;"
    "background:#eef0f2;vertical-align:middle;text-align:left;"
)
_TEXT_OF_A_PICTURE = ("color", "font-family", "font-size", "font-weight", "font-style", "line-height")
_SMALLEST = 3


@dataclass(frozen=True, slots=True)
class View:
    """How a mail is looked at.

    Args:
        client: a program of data/client_support.toml; "" for one that shows everything.
        looks: light; dark by the mail's own rules; or forced dark by the program.
        images: whether pictures are shown. Where they are not, their alt texts are.
    """

    client: str = ""
    looks: Looks = "light"
    images: bool = True


def as_seen(html: str, view: View) -> str:
    """The mail's HTML so that a browser of any colour scheme shows it as this view does."""
    if view.client == WORD:
        html = _as_word_reads(html)
    seeing = _Seeing(view)
    seen = Rewriter(seeing.tag, seeing.styles, seeing.without).rewrite(html)
    scheme = "light" if view.looks == "light" else "dark"
    added = f"<style>:root{{color-scheme:only {scheme};}}{_FORCED if view.looks == 'forced' else ''}</style>"
    # Before the mail's own rules, which are the stronger ones then.
    head = re.search(r"<head[^>]*>", seen, re.IGNORECASE)
    return seen[: head.end()] + added + seen[head.end() :] if head else added + seen


def clipped(html: str) -> str:
    """What Gmail shows at once of a mail that is too long for it; a mail that is not, as it is."""
    raw = html.encode("utf-8", "replace")
    if len(raw) <= GMAIL_CLIPS_AT:
        return html
    start = raw[:GMAIL_CLIPS_AT].decode("utf-8", "ignore")
    return start[: start.rfind("<")] + "<p>[Message clipped]&nbsp; <u>View entire message</u></p>"


class _Seeing:
    """What a view makes of tags and style sheets."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._lacking = [feature for feature in features() if view.client in feature.lacking]
        self.without = frozenset(name for feature in self._lacking for name in feature.elements)

    def tag(self, name: str, attributes: Attributes) -> str | None:
        if not self._view.images:
            if name == "img":
                return _blocked(attributes)
            attributes.pop("background", None)
        for attribute, value in list(attributes.items()):
            if _lacks_attribute(self._lacking, attribute, (value or "").strip().lower()):
                del attributes[attribute]
        if name == "img" and self._lacks_source(attributes.get("src") or ""):
            attributes.pop("src")
        if attributes.get("style"):
            attributes["style"] = self._inline(name, attributes["style"] or "")
        if self._view.looks == "forced":
            for attribute, turned in (("bgcolor", _ground), ("color", _ink), ("text", _ink)):
                if attributes.get(attribute):
                    attributes[attribute] = _recoloured(attributes[attribute] or "", turned)
        return None

    def styles(self, css: str) -> str:
        css = self._rules(css)
        if self._view.looks != "forced":
            css = _PREFERS.sub(self._answered, css)
        else:
            css = _PREFERS.sub("(max-width:0px)", css)
        return _SCHEME.sub("", css)

    def _answered(self, asked: re.Match[str]) -> str:
        """A question about the colour scheme as one that has the same answer in every browser."""
        yes = (asked[1].lower() == "dark") == (self._view.looks == "dark")
        return "(min-width:0px)" if yes else "(max-width:0px)"

    def _rules(self, css: str) -> str:
        if not self._lacking and self._view.looks != "forced" and self._view.images:
            return css
        kept = []
        for prelude, block in blocks_of(css):
            if prelude.startswith("@"):
                if any(rule.search(prelude) for one in self._lacking for rule in one.at_rules):
                    continue
                inner = self._rules(block) if prelude.startswith(("@media", "@supports")) else block
                kept.append(f"{prelude}{{{inner}}}")
                continue
            selectors = [part for part in prelude.split(",") if not self._lacks_selector(part)]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{self._declared(block)}}}")
        return "\n".join(kept)

    def _inline(self, name: str, style: str) -> str:
        said = self._declared(style)
        if self._view.client != WORD:
            return said
        parts = dict(declarations_of(said))
        if name in _WITHOUT_PADDING:
            parts = {p: v for p, v in parts.items() if not p.startswith("padding")}
        if "mso-padding-alt" in parts:
            parts["padding"] = parts["mso-padding-alt"]
        return _written(parts)

    def _declared(self, block: str) -> str:
        kept = {}
        for name, (value, important) in declarations_of(block).items():
            if any(name in one.css and one.fits(value.lower()) for one in self._lacking):
                continue
            if not self._view.images and name.startswith("background"):
                value = _ADDRESS.sub("none", value)
            if self._view.looks == "forced":
                value = _forced(name, value)
            kept[name] = value, important
        return _written(kept)

    def _lacks_selector(self, selector: str) -> bool:
        return any(part.search(selector) for one in self._lacking for part in one.selectors)

    def _lacks_source(self, address: str) -> bool:
        if address.startswith("data:"):
            return False  # stands for an address of our own, which every program fetches
        ending = re.split(r"[?#]", address, maxsplit=1)[0].rpartition(".")[2].lower()
        return any(ending in one.sources for one in self._lacking)


def _lacks_attribute(lacking: list[Feature], name: str, value: str) -> bool:
    # A picture drawn for the preview stands in its own address, and is one of ours in the mail that is sent.
    if name == "src" and value.startswith("data:"):
        return False
    return any(name in one.attributes and one.fits(value) for one in lacking)


def _as_word_reads(html: str) -> str:
    """With what is written for Word in place of what is written for all others."""
    html = _REVEALED.sub("", html)
    return _CONDITIONAL.sub(
        lambda found: "" if "mso" not in found[1] or _FOR_ANCIENT_WORD.search(found[1]) else found[2], html
    )


def _blocked(attributes: Mapping[str, str | None]) -> str:
    """The box that stands where a picture is not shown, with its alt text in the letters that the picture's style asks for."""
    width, height = (_pixels(attributes.get(side)) for side in ("width", "height"))
    if (width is not None and width < _SMALLEST) or (height is not None and height < _SMALLEST):
        return ""  # a pixel, or room between others
    said = declarations_of(attributes.get("style") or "")
    letters = {
        name: said[name] for name in _TEXT_OF_A_PICTURE if name in said and said[name][0] not in ("0", "0px")
    }
    # A width that follows the screen does so without the picture, too.
    own = said.get("width", ("", False))[0]
    size = f"width:{own};" if own.endswith("%") else f"width:{width}px;" if width else ""
    size += f"min-height:{min(height or 48, 160)}px;"
    style = f"{_BLOCKED}{size}color:#3c4043;font:14px/1.4 sans-serif;{_written(letters)}"
    return f'<span style="{escape(style)}">{escape(attributes.get("alt") or "")}</span>'


def _pixels(written: str | None) -> int | None:
    found = re.match(r"\s*(\d{1,5})\s*(?:px)?\s*\Z", written or "")
    return int(found[1]) if found else None


def _written(declared: Mapping[str, tuple[str, bool]]) -> str:
    return "".join(
        f"{name}:{value}{' !important' if important else ''};"
        for name, (value, important) in declared.items()
    )


def _forced(name: str, value: str) -> str:
    if name in ("color", "-webkit-text-fill-color"):
        return _recoloured(value, _ink)
    if name.startswith(("background", "border", "outline")):
        return _recoloured(value, _ground)
    return value


def _recoloured(value: str, turned: Callable[[float], float]) -> str:
    def one(found: re.Match[str]) -> str:
        try:
            red, green, blue, *rest = ImageColor.getrgb(found[0])
        except ValueError:
            return found[0]
        hue, light, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
        changed = colorsys.hls_to_rgb(hue, turned(light), saturation)
        red, green, blue = (round(255 * part) for part in changed)
        return f"rgba({red},{green},{blue},{rest[0] / 255:.3f})" if rest else f"rgb({red},{green},{blue})"

    # Names in addresses are no colours.
    pieces = re.split(r"(url\([^)]*\))", value, flags=re.IGNORECASE)
    return "".join(piece if at % 2 else _COLOUR.sub(one, piece) for at, piece in enumerate(pieces))


def _ground(light: float) -> float:
    """White becomes nearly black; what is dark stays."""
    return 0.12 + 0.76 * (1 - light) if light > 0.5 else light


def _ink(light: float) -> float:
    """Black becomes nearly white; what is light stays."""
    return 0.93 - 0.7 * light if light < 0.5 else light

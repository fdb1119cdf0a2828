"""How text of a mail will look: a small reading of CSS, enough for colours and sizes in light and dark.

Understood are inline styles, and rules whose selectors are made of names, classes, blanks and ">"; rules with other
selectors are passed over. Of @media, those for dark colour schemes are told apart from those for other screens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TypeVar

from PIL import ImageColor

from campaigns.compose.preflight_page import Element, Page

T = TypeVar("T")

Colour = tuple[float, float, float]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SIMPLE = re.compile(r"(?P<tag>[a-zA-Z][a-zA-Z0-9]*|\*)?(?P<classes>(?:\.[\w-]+)*)\Z")
_SIZE = re.compile(r"([\d.]+)(px|pt|em|rem|%)?\Z")
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|(?:rgb|hsl)a?\([^)]*\)|\b[a-zA-Z]+\b")
_HEADINGS = {"h1": 32.0, "h2": 24.0, "h3": 18.72, "h4": 16.0, "h5": 13.28, "h6": 10.72}
_BOLD = frozenset({"b", "strong", "th", *_HEADINGS})
_ROOT_SIZE = 16.0
_LINK = {False: "#0000ee", True: "#9e9eff"}
_INK = {False: "#000000", True: "#ffffff"}
_PAPER = {False: "#ffffff", True: "#121212"}

Declarations = Mapping[str, tuple[str, bool]]  # property -> value, and whether it is important


@dataclass(frozen=True)
class Rule:
    """One selector with its declarations; `selector` goes from the element outwards, "" for a blank between."""

    selector: tuple[tuple[str, str, frozenset[str]], ...]  # (combinator towards the next, tag, classes)
    declarations: Declarations
    dark: bool

    def matches(self, element: Element) -> bool:
        """Whether it speaks of this element."""
        return _matches(self.selector, element)

    @cached_property
    def weight(self) -> tuple[int, int]:
        """Its specificity: classes before names."""
        return (
            sum(len(classes) for _, _, classes in self.selector),
            sum(tag not in ("", "*") for _, tag, _ in self.selector),
        )


@lru_cache(maxsize=4096)  # The cells of a table, and the mails of a campaign, have the same few.
def declarations_of(style: str) -> Declarations:
    """The declarations of an inline style or of a rule's block."""
    found: dict[str, tuple[str, bool]] = {}
    for part in re.split(r";(?![^(]*\))", style):
        name, colon, value = part.partition(":")
        if colon:
            plain = re.sub(r"\s*!important\s*$", "", value.strip(), flags=re.IGNORECASE)
            found[name.strip().lower()] = plain.strip(), plain != value.strip()
    return MappingProxyType(found)


@lru_cache(maxsize=8)
def rules_of(styles: str) -> tuple[Rule, ...]:
    """The rules of style sheets that hold on a wide screen, those for dark colour schemes marked."""
    return tuple(_rules_of(styles))


def _rules_of(styles: str) -> Iterator[Rule]:
    for prelude, block in blocks_of(styles):
        if not prelude.startswith("@"):
            yield from _rules(prelude, block, dark=False)
        elif prelude.startswith("@media") and "prefers-color-scheme" in prelude and "dark" in prelude:
            for inner, body in blocks_of(block):
                yield from _rules(inner, body, dark=True)


def blocks_of(styles: str) -> Iterator[tuple[str, str]]:
    """What stands before each outermost block, and the block."""
    styles = _COMMENT.sub("", styles)
    depth, start, opened = 0, 0, 0
    for at, character in enumerate(styles):
        if character == "{":
            depth += 1
            opened = at if depth == 1 else opened
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                prelude = styles[start:opened].rpartition(";")[2]
                yield " ".join(prelude.split()), styles[opened + 1 : at]
                start = at + 1


def _rules(prelude: str, block: str, dark: bool) -> Iterator[Rule]:
    declarations = declarations_of(block)
    for selector in prelude.split(","):
        read = _selector(selector)
        if read:
            yield Rule(read, declarations, dark)


def _selector(text: str) -> tuple[tuple[str, str, frozenset[str]], ...]:
    parts: list[tuple[str, str, frozenset[str]]] = []
    combinator = ""
    for word in reversed(text.replace(">", " > ").split()):
        if word == ">":
            combinator = ">"
            continue
        simple = _SIMPLE.match(word)
        if simple is None:
            return ()
        tag = (simple["tag"] or "").lower()
        parts.append((combinator, tag, frozenset(filter(None, simple["classes"].split(".")))))
        combinator = ""
    return tuple(parts)


def _matches(selector: tuple[tuple[str, str, frozenset[str]], ...], element: Element | None) -> bool:
    (_, tag, classes), rest = selector[0], selector[1:]
    if element is None or tag not in ("", "*", element.tag) or not classes <= element.classes:
        return False
    if not rest:
        return True
    if rest[0][0] == ">":
        return _matches(rest, element.parent)
    return any(_matches(rest, outer) for outer in element.line() if outer is not element)


class _RuleBook:
    """Rules in their order, found by the name or a class of the elements of which they speak."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_class: dict[str, list[tuple[int, Rule]]] = {}
        self._by_tag: dict[str, list[tuple[int, Rule]]] = {}
        for order, rule in enumerate(rules):
            _, tag, classes = rule.selector[0]
            shelf, key = (self._by_class, min(classes)) if classes else (self._by_tag, tag or "*")
            shelf.setdefault(key, []).append((order, rule))

    def matching(self, element: Element) -> list[tuple[int, Rule]]:
        """Those that speak of an element, each with its place in the order."""
        likely = [*self._by_tag.get(element.tag, ()), *self._by_tag.get("*", ())]
        for name in element.classes:
            likely += self._by_class.get(name, ())
        return [(order, rule) for order, rule in likely if rule.matches(element)]


class Looks:
    """How each element of a page looks, in light or in dark."""

    def __init__(self, page: Page, dark: bool) -> None:
        self._dark = dark
        self._rules = _RuleBook(rule for rule in rules_of(page.styles) if dark or not rule.dark)
        self._known: dict[Element, Mapping[str, str]] = {}
        self._hidden: dict[Element, bool] = {}
        self._sizes: dict[Element, float] = {}

    def hidden(self, element: Element) -> bool:
        """Whether nobody sees it."""
        return _handed_down(
            self._hidden, element, False, lambda outer, inner: outer or _hides(self._of(inner))
        )

    def size(self, element: Element) -> float:
        """The size of its letters in CSS pixels."""
        return _handed_down(self._sizes, element, _ROOT_SIZE, self._size_within)

    def _size_within(self, around: float, element: Element) -> float:
        said = self._of(element)
        value = said.get("font-size", "")
        size = _SIZE.match(value)
        if size:
            scale = {"pt": 4 / 3, "em": around, "rem": _ROOT_SIZE, "%": around / 100}.get(
                size[2] or "px", 1.0
            )
            return float(size[1]) * scale
        return around if "font" in said else _HEADINGS.get(element.tag, around)

    def bold(self, element: Element) -> bool:
        """Whether its letters are bold."""
        for outer in element.line():
            said = self._of(outer)
            weight = said.get("font-weight", "")
            if weight and weight != "inherit":
                return weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 700)
            if outer.tag in _BOLD and "font" not in said and weight != "inherit":
                return True
        return False

    def paper(self, element: Element) -> Colour | None:
        """What stands behind it; None where that is a picture."""
        layers = []
        for outer in element.line():
            said = self._of(outer)
            if "url(" in said.get("background", "") + said.get("background-image", ""):
                return None
            written = (
                said.get("background-color") or said.get("background") or outer.attributes.get("bgcolor", "")
            )
            found = _colour_in(written)
            if found:
                layers.append(found)
                if found[3] == 1.0:
                    break
        paper = _rgb(_PAPER[self._dark])
        for *colour, opacity in reversed(layers):
            paper = _over(colour, opacity, paper)
        return paper

    def ink(self, element: Element, paper: Colour) -> Colour:
        """The colour of its letters as they appear on this paper."""
        for outer in element.line():
            written = self._of(outer).get("color") or outer.attributes.get("color", "")
            found = _colour_in(written)
            if found:
                return _over(found[:3], found[3], paper)
            if outer.tag == "a" and not written and "href" in outer.attributes:
                return _rgb(_LINK[self._dark])
        return _rgb(_INK[self._dark])

    def _of(self, element: Element) -> Mapping[str, str]:
        """The declarations in force for an element itself, by the cascade."""
        known = self._known.get(element)
        if known is None:
            layers = [
                ((important, 0, *rule.weight, order), name, value)
                for order, rule in self._rules.matching(element)
                for name, (value, important) in rule.declarations.items()
            ]
            layers += [
                ((important, 1, 0, 0, 0), name, value)
                for name, (value, important) in declarations_of(element.style).items()
            ]
            known = self._known[element] = _in_force(layers)
        return known


def _handed_down(known: dict[Element, T], element: Element, root: T, within: Callable[[T, Element], T]) -> T:
    """What an element has from those around it: `within` says it from what holds around an element, `root` around
    the outermost. What is found out on the way is added to `known`."""
    value, unknown = root, []
    for outer in element.line():
        if outer in known:
            value = known[outer]
            break
        unknown.append(outer)
    for inner in reversed(unknown):
        value = known[inner] = within(value, inner)
    return value


def _in_force(layers: Iterable[tuple[tuple[object, ...], str, str]]) -> Mapping[str, str]:
    """Of declarations with their weights, what the heaviest and latest of each property says."""
    said: dict[str, str] = {}
    for _, name, value in sorted(layers, key=lambda layer: layer[0]):
        said[name] = value.lower()
        # The shorthand that comes later takes the place of what the longhand said.
        if name == "background":
            said.pop("background-color", None)
    return said


def _hides(said: Mapping[str, str]) -> bool:
    return (
        said.get("display") == "none"
        or said.get("visibility") == "hidden"
        or said.get("opacity") in ("0", "0.0")
        or said.get("max-height") in ("0", "0px")
    )


@lru_cache(maxsize=1024)
def _colour_in(written: str) -> tuple[float, float, float, float] | None:
    """The first colour that a value names, with its opacity; None where there is none, or none is seen."""
    for word in _COLOUR.findall(written):
        alpha = re.fullmatch(r"((?:rgb|hsl))a\((.*),\s*([\d.]+)\s*\)", word)
        plain, opacity = (f"{alpha[1]}({alpha[2]})", float(alpha[3])) if alpha else (word, 1.0)
        try:
            red, green, blue, *rest = ImageColor.getrgb(plain)
        except ValueError:
            continue
        opacity = rest[0] / 255 if rest else opacity
        return (red, green, blue, opacity) if opacity else None
    return None


def _rgb(written: str) -> Colour:
    red, green, blue = ImageColor.getrgb(written)[:3]
    return float(red), float(green), float(blue)


def _over(colour: object, opacity: float, paper: Colour) -> Colour:
    red, green, blue = (
        opacity * above + (1 - opacity) * below
        for above, below in zip(colour, paper, strict=True)  # type: ignore[call-overload]
    )
    return red, green, blue

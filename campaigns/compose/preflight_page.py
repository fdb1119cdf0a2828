"""A rendered mail as a tree of elements, its words, links and pictures: what preflight looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)  # elements without an end tag


@dataclass(eq=False)
class Element:
    """One element; `attributes` in lower case, "" where one has no value."""

    tag: str
    attributes: Mapping[str, str]
    parent: Element | None

    @cached_property
    def classes(self) -> frozenset[str]:
        """The classes it has."""
        return frozenset(self.attributes.get("class", "").split())

    @property
    def style(self) -> str:
        """Its inline style."""
        return self.attributes.get("style", "")

    def line(self) -> Iterator[Element]:
        """Itself and all around it, outwards."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent


@dataclass
class Page:
    """What a mail's HTML holds. Comments are left out, those that speak to Outlook alone as well."""

    elements: list[Element] = field(default_factory=list)
    texts: list[tuple[Element, str]] = field(default_factory=list)
    title: str = ""
    styles: str = ""

    @property
    def words(self) -> str:
        """All text of the body, as it stands."""
        return "".join(text for _, text in self.texts)

    def all(self, *tags: str) -> list[Element]:
        """The elements of these names."""
        return [element for element in self.elements if element.tag in tags]

    @property
    def links(self) -> set[str]:
        """Where links lead; "" for one without an address."""
        return {element.attributes.get("href", "") for element in self.all("a", "area")}

    @property
    def pictures(self) -> list[Element]:
        """The pictures that are shown."""
        return self.all("img")

    def text_of(self, element: Element) -> str:
        """The words inside an element."""
        return " ".join("".join(text for inner, text in self.texts if element in inner.line()).split())


def read_page(html: str) -> Page:
    """The page of an HTML text; tags that are not closed end with what is around them."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: Element | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self._open)
        self.page.elements.append(element)
        if tag not in _VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Only void elements end in "/>": browsers read anything else that does as a start tag.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._open is None:
            return
        closing = next((element for element in self._open.line() if element.tag == tag), None)
        if closing is not None:
            self._open = closing.parent

    def handle_data(self, data: str) -> None:
        inside = self._open
        if inside is None:
            inside = Element("html", {}, None)
        if inside.tag == "title":
            self.page.title += data
        elif inside.tag == "style":
            self.page.styles += data + "\n"
        else:
            self.page.texts.append((inside, data))

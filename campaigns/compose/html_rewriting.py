"""HTML read tag by tag and written again with changes: what is not changed stays as it was written."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

Attributes = dict[str, str | None]

# Elements whose content is nothing to read: where they are taken out, it goes with them.
_WITH_CONTENT = frozenset({"script", "svg", "video", "audio", "iframe", "object", "noscript", "applet"})


class Rewriter(HTMLParser):
    """Rewrites one document.

    Args:
        tag: gets an element's name and attributes, which it may change; returns what to write instead of the start
            tag, or None for the tag with these attributes.
        styles: gets a style sheet and returns what to write instead.
        without: elements whose tags are left out.
    """

    def __init__(
        self,
        tag: Callable[[str, Attributes], str | None],
        styles: Callable[[str], str],
        without: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(convert_charrefs=False)
        self._tag = tag
        self._styles = styles
        self._without = without
        self._written: list[str] = []
        self._in_style = False
        self._skipping = ""
        self._depth = 0

    def rewrite(self, html: str) -> str:
        """The whole document."""
        self.feed(html)
        self.close()
        return "".join(self._written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping:
            self._depth += tag == self._skipping
            return
        if tag in self._without:
            if tag in _WITH_CONTENT:
                self._skipping, self._depth = tag, 1
            return
        self._in_style = tag == "style"
        attributes = dict(attrs)
        written = self._tag(tag, attributes)
        if written is None and attributes == dict(attrs):
            written = self.get_starttag_text() or ""
        self._write(_start(tag, attributes) if written is None else written)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self._skipping == tag:
            self._skipping = ""

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._depth -= tag == self._skipping
            if not self._depth:
                self._skipping = ""
            return
        self._in_style = False
        if tag not in self._without:
            self._write(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._write(self._styles(data) if self._in_style else data)

    def handle_entityref(self, name: str) -> None:
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._write(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self._write(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._write(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self._write(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self._write(f"<?{data}>")

    def _write(self, text: str) -> None:
        if not self._skipping:
            self._written.append(text)


def _start(tag: str, attributes: Attributes) -> str:
    told = "".join(
        f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in attributes.items()
    )
    return f"<{tag}{told}>"

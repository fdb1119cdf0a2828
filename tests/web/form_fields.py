"""What a browser would send of a form on a page, read from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser

Pairs = list[tuple[str, str]]


def form_fields(html: str) -> Pairs:
    """Names and values of all fields that hold something, in their order; buttons are left out."""
    reader = _Reader()
    reader.feed(html)
    return reader.pairs


def with_fields(pairs: Pairs, **changed: str) -> dict[str, list[str]]:
    """The same for a test client, with some fields set (`__` stands for a colon, `_DOT_` for a dot)."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    for name, value in changed.items():
        found[name.replace("__", ":").replace("_DOT_", ".")] = [value]
    return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pairs: Pairs = []
        self._select: tuple[str, str | None, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name, value = told.get("name"), told.get("value") or ""
        if tag == "input" and name:
            ticked = told.get("type") not in ("checkbox", "radio") or "checked" in told
            if ticked and told.get("type") not in ("submit", "file"):
                self.pairs.append((name, value))
        elif tag == "select" and name:
            self._select = (name, None, None)
        elif tag == "option" and self._select:
            name, first, chosen = self._select
            first = value if first is None else first
            self._select = (name, first, value if "selected" in told else chosen)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            name, first, chosen = self._select
            value = chosen if chosen is not None else first
            if value is not None:
                self.pairs.append((name, value))
            self._select = None

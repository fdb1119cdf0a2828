"""What is wrong with a mail, said before anybody approves it."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

from campaigns.compose.content import MailContent, one_line
from campaigns.compose.links import checked_url
from campaigns.compose.template import RenderedMail
from campaigns.core.errors import BadInput

LARGEST_HTML = 80_000
"""Bytes. Gmail clips at about 102 KB, and then nobody sees the unsubscribe link."""

FEWEST_WORDS = 3_000
"""Bytes of words beside pictures, below which SpamAssassin begins to count HTML_IMAGE_ONLY."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; an error forbids approval, a warning does not."""

    severity: Literal["error", "warning"]
    code: str
    message: str


def check(rendered: RenderedMail, content: MailContent) -> list[Finding]:
    """All findings about a rendered mail, errors first; an empty list when it may go out."""
    page = _Page()
    page.feed(rendered.html)
    page.close()
    findings = [*_duties(rendered, content, page), *_technique(rendered, content, page)]
    return sorted(findings, key=lambda finding: finding.severity)


def _duties(rendered: RenderedMail, content: MailContent, page: _Page) -> list[Finding]:
    """What the law and the providers ask for, in both parts."""
    findings = []
    if content.links.unsubscribe not in page.links or content.links.unsubscribe not in rendered.text:
        findings.append(Finding("error", "no-unsubscribe", "The unsubscribe link is missing from a part."))
    address = one_line(content.brand.postal_address)
    if not address or address not in one_line(page.words.replace("\n", " ")) or address not in rendered.text:
        findings.append(Finding("error", "no-postal-address", "The postal address is missing from a part."))
    return findings


def _technique(rendered: RenderedMail, content: MailContent, page: _Page) -> list[Finding]:
    """What makes mails unreadable or suspicious."""
    findings = []
    size = len(rendered.html.encode("utf-8", "replace"))
    if size > LARGEST_HTML:
        findings.append(
            Finding("error", "too-large", f"The HTML has {size:,} bytes; {LARGEST_HTML:,} is the limit.")
        )
    if one_line(page.title) != one_line(content.copy.subject):
        findings.append(Finding("error", "title-unlike-subject", "The title of the page is not the subject."))
    if page.pictures_without_alt:
        count = page.pictures_without_alt
        findings.append(Finding("error", "picture-without-alt", f"{count} picture(s) have no alt text."))
    if not rendered.text.strip():
        findings.append(Finding("error", "no-text-part", "The text part is empty."))
    words = len(" ".join(page.words.split()).encode("utf-8", "replace"))
    if page.pictures and words < FEWEST_WORDS:
        findings.append(
            Finding("warning", "few-words", f"Only {words:,} bytes of words beside the pictures.")
        )
    if page.fetches_styles or "@import" in rendered.html:
        why = "A style sheet or font is fetched at open, which tells its host about every reader."
        findings.append(Finding("error", "fetches-styles", why))
    for link in sorted(page.links):
        try:
            checked_url(link, where="link")
        except BadInput as error:
            findings.append(Finding("error", "bad-link", error.message))
    return findings


class _Page(HTMLParser):
    """Title, words, links and pictures of an HTML page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.words = ""
        self.links: set[str] = set()
        self.pictures = self.pictures_without_alt = 0
        self.fetches_styles = False
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            self.links.add(attributes.get("href") or "")
        elif tag == "img":
            self.pictures += 1
            self.pictures_without_alt += attributes.get("alt") is None
        elif tag in ("link", "script", "iframe"):
            self.fetches_styles = True
        elif tag in ("title", "style"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif not self._inside:
            self.words += data

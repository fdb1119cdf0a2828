"""What is wrong with a mail, said before anybody approves it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.compose.content import MailContent, one_line
from campaigns.compose.preflight_clients import client_findings
from campaigns.compose.preflight_contrast import contrast_findings
from campaigns.compose.preflight_finding import Finding, gravest_first
from campaigns.compose.preflight_links import link_findings
from campaigns.compose.preflight_page import Page, read_page
from campaigns.compose.template import RenderedMail

__all__ = ["FEWEST_WORDS", "LARGEST_HTML", "Finding", "check"]

LARGEST_HTML = 80_000
"""Bytes. Gmail clips at about 102 KB, and then nobody sees the unsubscribe link."""

FEWEST_WORDS = 3_000
"""Bytes of words beside pictures, below which SpamAssassin begins to count HTML_IMAGE_ONLY."""

# Blanks as the usual systems write them: {name}, {{ name }}, {% if %}, ${name}, *|NAME|*, %%name%%, [[name]], <% %>.
_BLANK = re.compile(
    r"\{\{.{0,200}?\}\}|\{%.{0,200}?%\}|\$?\{[A-Za-z][\w.]{0,40}\}|\*\|[\w:]{1,40}\|\*|%%\w{1,40}%%"
    r"|\[\[\s*\w{1,40}\s*\]\]|<%.{0,200}?%>",
    re.DOTALL,
)


def check(rendered: RenderedMail, content: MailContent, page: Page | None = None) -> list[Finding]:
    """All findings about a rendered mail, gravest first; without an error among them it may go out.

    `page` is its HTML, for whoever has read it already.
    """
    page = page or read_page(rendered.html)
    return gravest_first(
        [
            *_duties(rendered, content, page),
            *_technique(rendered, content, page),
            *_pictures(page),
            *_blanks(rendered, content, page),
            *link_findings(page, content.links.unsubscribe, content.brand.site_url),
            *contrast_findings(page),
            *client_findings(page),
        ]
    )


def _duties(rendered: RenderedMail, content: MailContent, page: Page) -> Iterator[Finding]:
    """What the law and the providers ask for, in both parts."""
    if content.links.unsubscribe not in page.links or content.links.unsubscribe not in rendered.text:
        yield Finding("error", "no-unsubscribe", "The unsubscribe link is missing from a part.")
    address = one_line(content.brand.postal_address)
    if not address or address not in one_line(page.words.replace("\n", " ")) or address not in rendered.text:
        yield Finding("error", "no-postal-address", "The postal address is missing from a part.")


def _technique(rendered: RenderedMail, content: MailContent, page: Page) -> Iterator[Finding]:
    """What makes mails unreadable or suspicious."""
    size = len(rendered.html.encode("utf-8", "replace"))
    if size > LARGEST_HTML:
        why = f"The HTML has {size:,} bytes; {LARGEST_HTML:,} is the limit."
        yield Finding("error", "too-large", why, figure=size)
    if one_line(page.title) != one_line(content.copy.subject):
        yield Finding("error", "title-unlike-subject", "The title of the page is not the subject.")
    if not rendered.text.strip():
        yield Finding("error", "no-text-part", "The text part is empty.")
    words = len(" ".join(page.words.split()).encode("utf-8", "replace"))
    if page.pictures and words < FEWEST_WORDS:
        why = f"Only {words:,} bytes of words beside the pictures."
        yield Finding("warning", "few-words", why, figure=FEWEST_WORDS - words)
    if page.all("link", "script", "iframe") or "@import" in page.styles:
        why = "A style sheet or font is fetched at open, which tells its host about every reader."
        yield Finding("error", "fetches-styles", why)


def _pictures(page: Page) -> Iterator[Finding]:
    """Pictures that say nothing where they are not shown: most programs hide them at first."""
    without = [picture for picture in page.pictures if "alt" not in picture.attributes]
    if without:
        yield Finding("error", "picture-without-alt", f"{len(without)} picture(s) have no alt text.")
    silent = [
        picture
        for picture in page.pictures
        if not picture.attributes.get("alt", "-").strip()
        and any(outer.tag == "a" and not page.text_of(outer) for outer in picture.line())
    ]
    if silent:
        why = "have an empty alt text: whoever does not see them does not know where they lead"
        yield Finding("warning", "linked-picture-without-alt", f"{len(silent)} linked picture(s) {why}.")


def _blanks(rendered: RenderedMail, content: MailContent, page: Page) -> Iterator[Finding]:
    """Blanks that nobody filled; what looks like one in a product's title or a name is that title or name."""
    data = " ".join(
        [
            content.first_name,
            content.brand.name,
            content.brand.postal_address,
            *(f"{pick.title} {pick.reason_text}" for pick in content.picks),
        ]
    )
    said = [page.title, page.words, rendered.text, content.copy.subject, content.copy.preheader, *page.links]
    found = {blank for text in said for blank in _BLANK.findall(text) if blank not in data}
    for blank in sorted(found):
        yield Finding("error", "unknown-placeholder", f"The blank {one_line(blank)[:60]} was not filled.")

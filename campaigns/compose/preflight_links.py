"""Links that filters distrust, and people should: judged from their text alone, without asking anybody."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from urllib.parse import urlsplit

from campaigns.compose.links import checked_url
from campaigns.compose.preflight_finding import Finding
from campaigns.compose.preflight_page import Page
from campaigns.core.errors import BadInput

# Letters of other scripts that look like Latin ones in most fonts; a name made of them alone is a disguise.
_LOOKS_LATIN = frozenset("асеԁһіјӏорԛѕԝхуѵαικνορτυχ")
_MIXED_UP = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
_OTHER_WAYS = ("mailto:", "tel:")
_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[^\W\d_]{2,24})(?:[/?#]\S*)?", re.IGNORECASE)


def link_findings(page: Page, own: str, shop: str) -> Iterator[Finding]:
    """What is wrong with the links of a page.

    Args:
        own: any URL of one's own pages, whose host may be what it is.
        shop: the address of the shop's site.
    """
    own_host, secure = _host(own), shop.startswith("https://")
    for link in sorted(page.links):
        if link.startswith(_OTHER_WAYS):
            continue
        try:
            checked_url(link, where="link")
        except BadInput as error:
            yield Finding("error", "bad-link", error.message)
            continue
        host = _host(link)
        if host != own_host:
            yield from _of_host(host, link)
            if secure and link.startswith("http://"):
                why = "leads off https, though the shop has it: browsers warn of such pages"
                yield Finding("warning", "plain-http-link", f"{_short(link)} {why}.")
    yield from _disguised(page)


def _of_host(host: str, link: str) -> Iterator[Finding]:
    if _is_number(host):
        why = "names a machine by its number, as phishing does: use its name"
        yield Finding("error", "ip-link", f"{_short(link)} {why}.")
    elif is_lookalike(host):
        why = "has letters of another script that look like Latin ones"
        yield Finding("error", "lookalike-link", f"{_short(link)} {why}.")
    elif host.removeprefix("www.") in _shorteners():
        why = "hides where it leads, which filters count against a mail: link to the page itself"
        yield Finding("warning", "short-link", f"{_short(link)} {why}.")


def _disguised(page: Page) -> Iterator[Finding]:
    """Links whose words are an address of another site."""
    for element in page.all("a"):
        shown = _ADDRESS.fullmatch(page.text_of(element))
        host = _host(element.attributes.get("href", ""))
        if shown and host and shown[1].lower().removeprefix("www.") != host.removeprefix("www."):
            yield Finding(
                "warning",
                "text-unlike-link",
                f"A link reads {shown[1][:80]} and leads to {host}, as phishing does: let it read as words.",
            )


def is_lookalike(host: str) -> bool:
    """Whether a part of this name mixes scripts that look alike, or is all of letters that look Latin."""
    for label in host.split("."):
        letters = [character for character in _unicode_of(label) if character.isalpha()]
        scripts = {unicodedata.name(character, "?").partition(" ")[0] for character in letters}
        if len(scripts & _MIXED_UP) > 1:
            return True
        if letters and "LATIN" not in scripts and all(character in _LOOKS_LATIN for character in letters):
            return True
    return False


def _unicode_of(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _is_number(host: str) -> bool:
    """An address of IPv4 or IPv6, or a bare number, which some programs read as one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(re.fullmatch(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", host))
    return True


def _short(link: str) -> str:
    return link if len(link) <= 80 else link[:79] + "…"


@lru_cache(maxsize=1)
def _shorteners() -> frozenset[str]:
    text = resources.files("campaigns.compose").joinpath("data", "link_shorteners.txt").read_text("utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(line for line in lines if line)

"""Whether the links of a mail lead anywhere: asked of their servers, bounded in number and time.

A link comes from a feed or a campaign file, so it is asked for only at a public address (core/public_http.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

import requests

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.public_http import PublicHttp, Question

SERVICE = "the page"
MOST_LINKS = 60
SECONDS_EACH, SECONDS_ALL = 5.0, 20.0
_AT_ONCE = 8
# Names that no server on the internet has (RFC 2606, 6761): the demo's shop has one of them.
_RESERVED = ("example", "test", "invalid", "localhost", "local")
# What servers answer to HEAD that would answer something else to GET.
_ASK_AGAIN = frozenset({400, 403, 404, 405, 406, 410, 500, 501, 503})
# The page may well be there, but not for programs that look, or not just now.
_SHY = frozenset({401, 402, 403, 407, 408, 425, 429, 503})


class LinkState(StrEnum):
    """ALIVE: something is there. DEAD: it is not. UNKNOWN: it could not be found out."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What became of asking for a link, and why it is not alive."""

    state: LinkState
    why: str = ""


class LinkProbe(Protocol):
    """Whoever finds out whether links lead anywhere."""

    def look(self, urls: Sequence[str]) -> dict[str, LinkReport]:
        """A report on each of these http or https URLs; never raises for what a server does."""
        ...


class WebLinkProbe:
    """Asks their servers, with HEAD first and GET where that is not understood; at most MOST_LINKS of them."""

    def __init__(self, http: PublicHttp) -> None:
        self._http = http

    def look(self, urls: Sequence[str]) -> dict[str, LinkReport]:
        """See LinkProbe."""
        distinct = list(dict.fromkeys(urls))
        deadline = time.monotonic() + SECONDS_ALL
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda url: self._one(url, deadline), distinct[:MOST_LINKS])
            reports = dict(zip(distinct, found, strict=False))
        unasked = LinkReport(LinkState.UNKNOWN, f"only {MOST_LINKS} links are looked at")
        return {url: reports.get(url, unasked) for url in distinct}

    def _one(self, url: str, deadline: float) -> LinkReport:
        if _is_reserved(url):
            return LinkReport(LinkState.UNKNOWN, "the name is reserved for examples")
        try:
            status = self._status(url, "HEAD", deadline)
            if status in _ASK_AGAIN:
                status = self._status(url, "GET", deadline)
        except ServiceUnavailable as error:
            return LinkReport(LinkState.UNKNOWN, error.message.removeprefix(f"{SERVICE}: "))
        except Rejected as error:
            return LinkReport(LinkState.DEAD, error.message)
        if status < 400:
            return LinkReport(LinkState.ALIVE)
        state = LinkState.UNKNOWN if status in _SHY else LinkState.DEAD
        return LinkReport(state, f"it answers {status}")

    def _status(self, url: str, method: str, deadline: float) -> int:
        seconds = min(SECONDS_EACH, deadline - time.monotonic())
        if seconds <= 0:
            raise ServiceUnavailable(SERVICE, "no time was left for it")
        return self._http.ask(url, Question(seconds, method), _status_of)


class KnownLinks:
    """One that knows what it will say; links that it was told nothing of are alive. For rehearsals and tests."""

    def __init__(self, reports: dict[str, LinkReport] | None = None) -> None:
        self._reports = reports or {}

    def look(self, urls: Iterable[str]) -> dict[str, LinkReport]:
        """See LinkProbe."""
        return {url: self._reports.get(url, LinkReport(LinkState.ALIVE)) for url in urls}


def _status_of(answer: requests.Response, _: float) -> int:
    return answer.status_code


def _is_reserved(url: str) -> bool:
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    return host.rpartition(".")[2] in _RESERVED

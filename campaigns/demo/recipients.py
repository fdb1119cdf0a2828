"""What recipients of the sample campaign do: open in several places, click, unsubscribe. Over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import requests

from campaigns.demo.inbox import InboxMail

_SECONDS = 10
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
_SKIES_SHOWN = {
    "rain": "rain", "drizzle": "rain", "showers": "rain", "thunder": "rain", "snow": "snow", "clear": "clear",
}  # fmt: skip
EACH_SKY = 6
UNSUBSCRIBERS = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """One open: where, in what weather, and the SHA-256 of the picture that came."""

    city: str
    sky: str
    picture: str


@dataclass
class Played:
    """What was done, to compare with what was recorded."""

    human_opens: int = 0
    machine_opens: int = 0
    clicks: int = 0
    unsubscribed: tuple[str, ...] = ()
    opened: tuple[Opened, ...] = ()
    wrong_pictures: tuple[str, ...] = ()


class Recipients:
    """Plays recipients.

    Args:
        homes: by address, the city and its sky, for customers whose home is known to the shop.
        heroes: by sky kind (rain, snow, clear, neutral), the SHA-256 of the campaign's picture.
    """

    def __init__(self, homes: Mapping[str, tuple[str, str]], heroes: Mapping[str, str]) -> None:
        self._homes = homes
        self._heroes = heroes
        self._http = requests.Session()

    def play(self, inbox: Sequence[InboxMail]) -> Played:
        """Open mails in each kind of weather, by people and by machines; click; unsubscribe two."""
        played = Played()
        people = [
            mail for kind in ("rain", "snow", "clear") for mail in islice(self._under(kind, inbox), EACH_SKY)
        ]
        opened = [
            self._open(mail, GMAIL if number % 3 == 0 else THUNDERBIRD) for number, mail in enumerate(people)
        ]
        played.human_opens = len(people)
        machines = list(islice(self._under("neutral", inbox), EACH_SKY))
        for mail in machines:
            self._open(mail, GMAIL_PREFETCH)
        played.machine_opens = len(machines)
        for mail in people[::2]:
            self._click(mail)
            played.clicks += 1
        played.opened = tuple(opened)
        played.wrong_pictures = tuple(self._wrong(opened))
        played.unsubscribed = tuple(self._unsubscribe(inbox[-UNSUBSCRIBERS:]))
        return played

    def _under(self, kind: str, inbox: Iterable[InboxMail]) -> Iterator[InboxMail]:
        """Mails to people under such a sky who agreed to have their opens measured."""
        for mail in inbox:
            home = self._homes.get(mail.recipient)
            if home and _SKIES_SHOWN.get(home[1], "neutral") == kind and mail.pixel:
                yield mail

    def _open(self, mail: InboxMail, agent: str) -> Opened:
        """Fetch all that a mail client fetches: the pictures of the slots, then the pixel."""
        city, sky = self._homes[mail.recipient]
        pictures = [self._fetch(url, agent) for url in mail.slot_pictures]
        if mail.pixel:
            self._fetch(mail.pixel, agent)
        return Opened(city, sky, hashlib.sha256(pictures[0]).hexdigest() if pictures else "")

    def _fetch(self, url: str, agent: str) -> bytes:
        answer = self._http.get(url, headers={"User-Agent": agent}, timeout=_SECONDS)
        answer.raise_for_status()
        return answer.content

    def _click(self, mail: InboxMail) -> None:
        answer = self._http.get(
            mail.clicks[0], headers={"User-Agent": THUNDERBIRD}, timeout=_SECONDS, allow_redirects=False
        )
        answer.raise_for_status()

    def _unsubscribe(self, mails: Iterable[InboxMail]) -> Iterable[str]:
        """As a mail program does it (RFC 8058): one POST without cookies."""
        for mail in mails:
            body = {"List-Unsubscribe": "One-Click"}
            requests.post(mail.unsubscribe_url, data=body, timeout=_SECONDS).raise_for_status()
            yield mail.recipient

    def _wrong(self, opened: Iterable[Opened]) -> Iterable[str]:
        for one in opened:
            kind = _SKIES_SHOWN.get(one.sky, "neutral")
            if one.picture != self._heroes[kind]:
                yield f"{one.city} ({one.sky}) was not shown the {kind} picture"

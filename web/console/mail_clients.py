"""The mail programs that a preview can be looked at through: what asks for the pictures, and what is shown of the mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from campaigns.compose.client_views import WORD, Looks, View, as_seen, clipped

Dark = Literal["own", "forced", "none"]
"""What a program does in a dark room: it follows the mail's own dark rules, turns colours itself, or does nothing."""


@dataclass(frozen=True, slots=True)
class MailClient:
    """One program.

    Args:
        key: its name in addresses.
        label: what people call it.
        requester: what fetches the pictures (opentime's Requester); "" whatever knows the place.
        lacks: its name in compose/data/client_support.toml; "" where it shows everything.
        dark: what it does in the dark.
        note: what one has to know of it.
    """

    key: str
    label: str
    requester: str
    lacks: str
    dark: Dark
    note: str
    images: bool = True
    phone: bool = True

    def looks(self, asked: str) -> list[Looks]:
        """How the mail is shown for "light", "dark", "forced" or "both" (light and dark)."""
        dark: Looks = "forced" if self.dark == "forced" else "dark" if self.dark == "own" else "light"
        shown: dict[str, list[Looks]] = {"dark": [dark], "forced": ["forced"], "both": ["light", dark]}
        return list(dict.fromkeys(shown.get(asked, ["light"])))

    def page(self, html: str, looks: Looks) -> str:
        """The mail's HTML as this program shows it."""
        seen = clipped(html) if self.lacks == "gmail" else html
        return as_seen(seen, View(self.lacks, looks, self.images))


_ANYWHERE = "It fetches pictures by itself, so the place of opening is known where the customer allows that."
_PROXY = (
    "Its pictures come through its own servers, so nobody knows where the customer is: their home decides."
)

CLIENTS: tuple[MailClient, ...] = (
    MailClient(
        "", "A program that shows everything", "", "", "own",
        "Apple Mail without protection, Thunderbird, most programs on Android. " + _ANYWHERE,
    ),
    MailClient("gmail", "Gmail", "gmail_open", "gmail", "forced", _PROXY + " It does not read dark rules."),
    MailClient(
        "apple_mpp", "Apple Mail with privacy protection", "apple_mpp", "apple_mail", "own",
        "Apple fetches pictures ahead of reading, and tells the nearest big city: it is a machine's open.",
    ),
    MailClient(
        "outlook", "Outlook for Windows (the classic one)", "direct", WORD, "forced",
        "It lays mails out by Microsoft Word: no round corners, background pictures or rules for narrow screens, and "
        "only the first frame of a moving picture. " + _ANYWHERE, phone=False,
    ),
    MailClient("outlook_new", "The new Outlook and Outlook.com", "other_proxy", "outlook_new", "own", _PROXY),
    MailClient("yahoo", "Yahoo Mail", "yahoo", "yahoo", "none", _PROXY + " It has no dark rules and turns no colours."),
    MailClient(
        "images_off", "Pictures switched off", "", "", "own",
        "Many programs show no pictures before one allows it: the alt texts stand in their places.", images=False,
    ),
    MailClient(
        "gmail_prefetch", "Gmail ahead of time (a machine)", "gmail_prefetch", "gmail", "forced",
        _PROXY + " It counts as a machine's open.",
    ),
    MailClient(
        "scanner", "A mail gateway (a machine)", "scanner", "", "own",
        "It fetches everything right after delivery. " + _PROXY,
    ),
    MailClient("other_proxy", "Another provider's proxy", "other_proxy", "", "own", _PROXY),
)  # fmt: skip
"""The usual one first."""

LOOKS: tuple[tuple[str, str], ...] = (
    ("light", "Light"),
    ("dark", "Dark"),
    ("both", "Light and dark"),
    ("forced", "Dark by force"),
)
LOOKS_WORDS: dict[str, str] = {
    "light": "Light",
    "dark": "Dark, by the mail’s own rules",
    "forced": "Dark by force (an approximation: each program turns colours in its own way)",
}


def client_named(key: str) -> MailClient:
    """The program of this name, or what fetches pictures in this way; the usual one where there is none."""
    found = (one for one in CLIENTS if key in (one.key, one.requester) and key)
    return next(found, CLIENTS[0])

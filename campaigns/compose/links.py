"""All URLs of a mail: signed ones that grant exactly one right, and checked ones that lead to the shop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from campaigns.core.clock import Clock, SystemClock
from campaigns.core.errors import BadInput, BadToken
from campaigns.core.tokens import Signer

CLICK_PICK = 0
CLICK_SLOT = 1
CLICK_CALL_TO_ACTION = 2

PIXEL_SLOT = 255
"""The slot number that stands for the open pixel; pictures use 0 to 254."""

UNKNOWN_CAMPAIGN = 0
"""Stands in place of the campaign for links of mails sent before tokens said it; no campaign has this number."""

# How many numbers a token carries. The campaign comes first: sends are partitioned by it.
_NUMBERS = {
    "click": 4,  # campaign, send, kind, number
    "view": 2,  # campaign, send
    "unsubscribe": 3,  # campaign, customer, send
    "preferences": 3,  # campaign, customer, send
}


_COUNTED_FROM = 1_577_836_800  # 2020-01-01: seconds since then take a byte less than seconds since 1970


@dataclass(frozen=True, slots=True)
class SendRef:
    """Which send the links belong to; `tracked` says that this customer granted open_tracking."""

    send_id: int
    campaign_id: int
    customer_id: int
    tracked: bool


@dataclass(frozen=True, slots=True)
class Links:
    """The links that every mail has, as absolute URLs."""

    call_to_action: str
    unsubscribe: str
    preferences: str
    view: str


class OpenLink(NamedTuple):
    """What the link of a picture says.

    Customer 0 and no moment where the mail was sent before links said them; campaign 0, before those said that.
    `composed_at` is in seconds since 1970: when the mail was written out, right before it was handed over.
    """

    campaign_id: int
    send_id: int
    slot: int
    customer_id: int = 0
    composed_at: int | None = None


@lru_cache(maxsize=8192)  # The same shop's URLs stand in every mail.
def checked_url(url: str, where: str = "url") -> str:
    """The same URL if it is an absolute http or https one.

    Raises:
        BadInput: another scheme, no host, a user name, or characters that have no place in a URL.
    """
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
        _ = parts.port
    except ValueError:
        raise BadInput(f"{url[:80]!r} is not a valid URL", where=where) from None
    if parts.scheme not in ("http", "https") or not host or user is not None:
        raise BadInput(f"{url[:80]!r} must be an absolute http or https URL", where=where)
    if any(character.isspace() or not character.isprintable() or character in '<>"\\' for character in url):
        raise BadInput(f"{url[:80]!r} has characters that have no place in a URL", where=where)
    return url


class LinkMaker:
    """Makes the URLs of mails.

    `public_url` is where the public pages answer, with or without a slash at its end.
    """

    def __init__(self, signer: Signer, public_url: str, clock: Clock | None = None) -> None:
        self._signer = signer
        self._clock = clock or SystemClock()
        self._base = checked_url(public_url, where="public_url").rstrip("/")

    def links(self, ref: SendRef, call_to_action_url: str) -> Links:
        """The fixed links of one mail; the call to action leads to `call_to_action_url`."""
        return Links(
            call_to_action=self.target(ref, CLICK_CALL_TO_ACTION, 0, call_to_action_url),
            unsubscribe=self.unsubscribe(ref),
            preferences=self.preferences(ref),
            view=self.view(ref),
        )

    def target(self, ref: SendRef, kind: int, number: int, url: str) -> str:
        """The link to `url`: through the click counter if tracked, otherwise `url` itself.

        `kind` is CLICK_PICK (`number`: rank), CLICK_SLOT (`number`: slot index) or CLICK_CALL_TO_ACTION.

        Raises:
            BadInput: `url` is not an http or https URL.
        """
        checked_url(url, "link")
        if not ref.tracked:
            return url
        return self._url("c", "click", ref.campaign_id, ref.send_id, kind, number)

    def slot_picture(self, ref: SendRef, slot_index: int, extension: str = "png") -> str:
        """The picture decided at open; for untracked customers a URL that identifies nobody.

        `extension` is png, jpg or gif, as the pictures are: some proxies go by it.
        """
        if not 0 <= slot_index < PIXEL_SLOT:
            raise BadInput(f"must be between 0 and {PIXEL_SLOT - 1}", where="slot index")
        if ref.tracked:
            return self._open(ref, slot_index) + f".{extension}"
        return self._url("o", "open-anon", ref.campaign_id, slot_index) + f".{extension}"

    def pixel(self, ref: SendRef) -> str | None:
        """The open pixel, only for customers who granted open_tracking."""
        if not ref.tracked:
            return None
        return self._open(ref, PIXEL_SLOT) + ".gif"

    def unsubscribe(self, ref: SendRef) -> str:
        """Where one POST unsubscribes (RFC 8058); the token grants nothing else."""
        return self._url("u", "unsubscribe", ref.campaign_id, ref.customer_id, ref.send_id)

    def preferences(self, ref: SendRef) -> str:
        """The page of preferences and privacy rights."""
        return self._url("p", "preferences", ref.campaign_id, ref.customer_id, ref.send_id)

    def view(self, ref: SendRef) -> str:
        """The same mail in a browser."""
        return self._url("v", "view", ref.campaign_id, ref.send_id)

    def _open(self, ref: SendRef, slot: int) -> str:
        # With the customer, so that consent can be looked up without finding the send first; and with the moment,
        # by which a gateway that fetches right after the delivery gives itself away.
        at = max(0, int(self._clock.now().timestamp()) - _COUNTED_FROM)
        return self._url("o", "open", ref.campaign_id, ref.send_id, slot, ref.customer_id, at)

    def _url(self, path: str, kind: str, *numbers: int) -> str:
        return f"{self._base}/{path}/{self._signer.sign(kind, *numbers)}"


def read_open(signer: Signer, token: str) -> OpenLink:
    """What the token of a picture says, also of mails sent by earlier versions.

    Raises:
        BadToken: forged, damaged or of another kind.
    """
    numbers = signer.verify("open", token)
    if len(numbers) == 5:
        return OpenLink(*numbers[:4], _COUNTED_FROM + numbers[4])
    if len(numbers) == 3:
        return OpenLink(*numbers)
    if len(numbers) == 2:
        return OpenLink(UNKNOWN_CAMPAIGN, *numbers)
    raise BadToken("this link is damaged")


def read_link(signer: Signer, kind: str, token: str) -> tuple[int, ...]:
    """The numbers of a mail's link, the campaign first; `kind` is click, view, unsubscribe or preferences.

    Links of mails sent before tokens said the campaign still work: it is UNKNOWN_CAMPAIGN then.

    Raises:
        BadToken: forged, damaged or of another kind.
    """
    numbers, wanted = signer.verify(kind, token), _NUMBERS[kind]
    if len(numbers) == wanted - 1:
        return (UNKNOWN_CAMPAIGN, *numbers)
    if len(numbers) != wanted:
        raise BadToken("this link is damaged")
    return numbers

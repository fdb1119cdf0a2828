"""Who asks for a picture, or follows a link, as far as HTTP tells."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.opentime.place.address import client_address
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.requester import Requester, RequesterPatterns, classify


@dataclass(frozen=True, slots=True)
class Asker:
    """What an HTTP request says about who asks; `remote` is the address of the other end of the socket.

    `looks`: a picture is really fetched, and not only asked about (HEAD).
    """

    user_agent: str | None = None
    remote: str | None = None
    forwarded_for: str | None = None
    looks: bool = True


class Askers:
    """Tells people, proxies and machines apart; one object serves all threads of a process."""

    def __init__(self, patterns: RequesterPatterns, apple: AppleEgress | None, trusted_hops: int) -> None:
        self._patterns = patterns
        self._apple = apple
        self._hops = trusted_hops

    def told(self, asker: Asker, seconds_since_delivery: float | None) -> tuple[Requester, str | None]:
        """What asks, and its public address; None also where a proxy says its name, behind which it tells nothing."""
        address = None
        if self._patterns.asks_address(asker.user_agent):
            address = client_address(asker.forwarded_for, asker.remote or "", self._hops)
        requester = classify(
            asker.user_agent,
            address,
            apple=self._apple,
            seconds_since_delivery=seconds_since_delivery,
            patterns=self._patterns,
        )
        return requester, address

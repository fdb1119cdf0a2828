"""What fetched an image: a person's client, a provider's proxy, or a machine.

Who hides behind which User-Agent and network is data (data/requesters.toml), not code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.opentime.apple_egress import AppleEgress
from campaigns.opentime.networks import NetworkMap

_LONGEST_AGENT = 1000


class Requester(StrEnum):
    """What asked for the image."""

    DIRECT = "direct"
    GMAIL_OPEN = "gmail_open"
    GMAIL_PREFETCH = "gmail_prefetch"
    APPLE_MPP = "apple_mpp"
    YAHOO = "yahoo"
    OTHER_PROXY = "other_proxy"
    SCANNER = "scanner"
    UNKNOWN = "unknown"

    @property
    def machine(self) -> bool:
        """True where a fetch does not say that a person saw the mail: labelled, and deciding nothing."""
        return self in _MACHINES

    @property
    def hides_place(self) -> bool:
        """True where the address belongs to somebody other than the person who opens."""
        return self is not Requester.DIRECT


_MACHINES = frozenset({Requester.GMAIL_PREFETCH, Requester.APPLE_MPP, Requester.SCANNER})


@dataclass(frozen=True, slots=True)
class _Agent:
    requester: Requester
    equals: frozenset[str]
    contains: tuple[str, ...]

    def fits(self, agent: str) -> bool:
        return agent in self.equals or any(part in agent for part in self.contains)


class RequesterPatterns:
    """The patterns and networks of one data file."""

    def __init__(self, agents: list[_Agent], scanners: NetworkMap, clouds: NetworkMap, early: float) -> None:
        self._agents = agents
        self._scanners = scanners
        self._clouds = clouds
        self._early_seconds = early

    @classmethod
    def load(cls, path: Traversable) -> RequesterPatterns:
        """Read a file of the form of data/requesters.toml.

        Raises:
            BadInput: unreadable, or a requester, field or network that does not exist.
        """
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
            agents = [_agent(entry) for entry in raw["agent"]]
            scanner = raw["scanner"]
            nets = [NetworkMap((net, 0) for net in scanner[key]) for key in ("networks", "cloud_networks")]
            early = float(scanner["early_seconds"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"not a list of requesters: {error}", where=str(path)) from None
        if any(net.malformed for net in nets):
            raise BadInput("a network is malformed", where=f"{path}, [scanner]")
        return cls(agents, nets[0], nets[1], early)

    def by_agent(self, agent: str) -> Requester:
        """The class of a lower-case User-Agent."""
        return next((known.requester for known in self._agents if known.fits(agent)), Requester.UNKNOWN)

    def is_scanner(self, address: str | None, seconds_since_delivery: float | None) -> bool:
        """Whether a gateway asks: from its own network, or from a cloud right after the delivery."""
        if self._scanners.find(address) is not None:
            return True
        early = seconds_since_delivery is not None and seconds_since_delivery <= self._early_seconds
        return early and self._clouds.find(address) is not None


def _agent(entry: dict[str, Any]) -> _Agent:
    unknown = set(entry) - {"requester", "equals", "contains"}
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]}")
    return _Agent(
        Requester(entry["requester"]),
        frozenset(text.lower() for text in entry.get("equals", ())),
        tuple(text.lower() for text in entry.get("contains", ())),
    )


@cache
def shipped_patterns() -> RequesterPatterns:
    """The patterns that come with the package, read once."""
    return RequesterPatterns.load(files("campaigns.opentime") / "data" / "requesters.toml")


def classify(
    user_agent: str | None,
    address: str | None,
    *,
    apple: AppleEgress | None = None,
    seconds_since_delivery: float | None = None,
    patterns: RequesterPatterns | None = None,
) -> Requester:
    """What asked, by User-Agent, network and time since delivery; never raises.

    `address` is what `client_address` found. It is only compared with lists of machines here: where its
    owner is, is asked by `locate` alone, and only with consent.
    """
    known = patterns or shipped_patterns()
    agent = (user_agent or "")[:_LONGEST_AGENT].strip().lower()
    found = known.by_agent(agent)
    if found is not Requester.DIRECT and found is not Requester.UNKNOWN:
        return found
    if known.is_scanner(address, seconds_since_delivery):
        return Requester.SCANNER
    # A browser behind an Apple address is a person on Private Relay; anything less is Apple's fetcher.
    if apple is not None and apple.covers(address) and "safari/" not in agent and "firefox/" not in agent:
        return Requester.APPLE_MPP
    return found

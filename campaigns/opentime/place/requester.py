"""What fetched an image: a person's client, a provider's proxy, or a machine.

Who hides behind which User-Agent and network is data (data/requesters.toml), not code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.networks import NetworkMap

_LONGEST_AGENT = 1000
_AGENTS_REMEMBERED = 4096

_log = get_logger(__name__)
_already_told: set[Path] = set()


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


_BY_ADDRESS = frozenset({Requester.DIRECT, Requester.UNKNOWN, Requester.APPLE_MPP})
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
        # A few hundred agents fetch nearly all pictures.
        self.by_agent = lru_cache(maxsize=_AGENTS_REMEMBERED)(self._by_agent)

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

    def asks_address(self, agent: str | None) -> bool:
        """Whether the address matters for telling who this is, or where: not behind a proxy that says its name."""
        found, _ = self.by_agent((agent or "")[:_LONGEST_AGENT])
        return found in _BY_ADDRESS

    def _by_agent(self, agent: str) -> tuple[Requester, bool]:
        """The class of a User-Agent, and whether it is a browser's."""
        agent = agent.strip().lower()
        found = next((known.requester for known in self._agents if known.fits(agent)), Requester.UNKNOWN)
        return found, "safari/" in agent or "firefox/" in agent

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
        Requester(entry["requester"]), frozenset(_texts(entry, "equals")), tuple(_texts(entry, "contains"))
    )


def _texts(entry: dict[str, Any], field: str) -> list[str]:
    texts = entry.get(field, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"{field} must be a list of texts, none of them empty")
    return [text.lower() for text in texts]


@cache
def shipped_patterns() -> RequesterPatterns:
    """The patterns that come with the package, read once."""
    return RequesterPatterns.load(files("campaigns.opentime.place") / "data" / "requesters.toml")


def patterns_in_force(path: Path | None) -> RequesterPatterns:
    """The patterns of this file; those that come with the package if there is none or it cannot be used.

    What is wrong with the file is logged once: whoever opens a mail cannot mend it.
    """
    if path is None:
        return shipped_patterns()
    try:
        return RequesterPatterns.load(path)
    except BadInput as problem:
        if path not in _already_told:
            _already_told.add(path)
            _log.warning("requesters_file_not_used", why=problem.message)
        return shipped_patterns()


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
    found, browser = known.by_agent((user_agent or "")[:_LONGEST_AGENT])
    if found is not Requester.DIRECT and found is not Requester.UNKNOWN:
        return found
    if known.is_scanner(address, seconds_since_delivery):
        return Requester.SCANNER
    # A browser behind an Apple address is a person on Private Relay; anything less is Apple's fetcher.
    if apple is not None and not browser and apple.covers(address):
        return Requester.APPLE_MPP
    return found

"""Where a campaign stands, in the few numbers that a progress bar needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ACTIVE = frozenset({"planning", "sending"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Numbers of customers; `open` are those whose mail is still to come."""

    status: str
    audience: int
    sent: int
    failed: int
    uncertain: int
    held_back: int
    open: int
    active: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


def standing_of(campaign: Mapping[str, Any]) -> Standing:
    """From what the campaigns flow lists and shows."""
    counts: Mapping[str, int] = campaign["counts"]
    ends = {name: counts.get(name, 0) for name in ("sent", "failed", "uncertain", "held_back")}
    known = sum(counts.values())
    return Standing(
        status=campaign["status"],
        audience=max(known, campaign["audience"] or 0),
        open=known - sum(ends.values()),
        active=campaign["status"] in ACTIVE,
        **ends,
    )

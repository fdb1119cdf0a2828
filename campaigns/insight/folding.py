"""No row of a report tells of fewer than five customers: small groups are put together into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LEAST = 5
"""k of k-anonymity (Sweeney 2002, doi 10.1142/S0218488502001648)."""
FEW = "small groups"


@dataclass(frozen=True, slots=True)
class Group:
    """So many customers, and what is counted of them: `counts` are among the customers or of what they did."""

    name: str
    customers: int
    counts: Mapping[str, int] = field(default_factory=dict)


def folded(groups: Sequence[Group], least: int = LEAST) -> list[Group]:
    """The groups in their order; those of fewer than `least` customers as one, at the end.

    Where they do not make up `least` customers together either, the smallest of the others goes with them: else
    whoever knows the sum of all could subtract. A single group of so few is left with no figures but that (customers
    0, no counts): nothing can hide it.
    """
    small = [group for group in groups if 0 < group.customers < least]
    if not small:
        return [group for group in groups if group.customers]
    large = [group for group in groups if group.customers >= least]
    if sum(group.customers for group in small) < least and large:
        smallest = min(large, key=lambda group: group.customers)
        large.remove(smallest)
        small.append(smallest)
    customers = sum(group.customers for group in small)
    if customers < least:
        return [*large, Group(FEW, 0)]
    return [*large, Group(FEW, customers, _summed(small))]


def _summed(groups: Sequence[Group]) -> dict[str, int]:
    names = dict.fromkeys(name for group in groups for name in group.counts)
    return {name: sum(group.counts.get(name, 0) for group in groups) for name in names}


def as_rows(groups: Sequence[Group], least: int = LEAST) -> list[dict[str, Any]]:
    """Folded, as JSON-ready rows: name, customers (None: fewer than five in all), and the counts."""
    return [
        {"name": group.name, "customers": group.customers or None, **group.counts}
        for group in folded(groups, least)
    ]

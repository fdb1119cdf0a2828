"""Rates with the base that they refer to, and with Wilson's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# The 97.5th percentile of the normal distribution: intervals of 95 %.
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """`n` of `of`; `low` and `high` are Wilson's 95 % interval, all three None where there is nothing to divide by.

    Wilson 1927 (doi 10.1080/01621459.1927.10502953): it stays between 0 and 1, and says something of 0 of n too.
    """

    n: int
    of: int

    @property
    def share(self) -> float | None:
        """The part of 1."""
        return self.n / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between what it lies with 95 %."""
        if not self.of:
            return None
        share, spread = self.n / self.of, Z95 * Z95 / self.of
        middle = share + spread / 2
        half = math.sqrt(spread * (share * (1 - share) + spread / 4))
        low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
        # Exactly at the ends, where floating point would only nearly be.
        return (0.0 if self.n == 0 else max(low, 0.0)), (1.0 if self.n == self.of else min(high, 1.0))

    def to_json(self) -> dict[str, Any]:
        """By name, shares rounded to a hundred-thousandth."""
        bounds = self.interval
        return {
            "n": self.n,
            "of": self.of,
            "share": rounded(self.share),
            "low": rounded(bounds[0]) if bounds else None,
            "high": rounded(bounds[1]) if bounds else None,
        }


def rounded(value: float | None, digits: int = 5) -> float | None:
    """For JSON; what is not a number is None."""
    return None if value is None or not math.isfinite(value) else round(value, digits)


def difference(one: Rate, other: Rate) -> dict[str, float | None]:
    """The share of `one` less that of `other`: mean, low, high (95 %), None where one of them is of nothing.

    Newcombe 1998, method 10 (doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I).
    """
    a, b = one.interval, other.interval
    if a is None or b is None or one.share is None or other.share is None:
        return {"mean": None, "low": None, "high": None}
    apart = one.share - other.share
    low = apart - math.hypot(one.share - a[0], b[1] - other.share)
    high = apart + math.hypot(a[1] - one.share, other.share - b[0])
    return {"mean": rounded(apart), "low": rounded(low), "high": rounded(high)}

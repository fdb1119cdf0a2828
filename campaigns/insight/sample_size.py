"""How many mails an experiment needs before it can tell what one wants to know."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri


@dataclass(frozen=True, slots=True)
class Needed:
    """Mails of each arm, and of all arms together."""

    each: int
    total: int


def mails_needed(base: float, effect: float, arms: int, power: float = 0.8, doubt: float = 0.05) -> Needed:
    """So many that a rate of `base` * (1 + `effect`) is told from `base` with this power.

    Two-sided test of two rates (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd edition,
    4.2); with more than two arms, each is compared with the first one, and `doubt` is shared out among them.

    Raises:
        ValueError: a rate beyond 0 and 1, no effect, or fewer than two arms.
    """
    other = base * (1 + effect)
    if (
        not (0 < base < 1 and 0 < other < 1)
        or effect == 0
        or arms < 2
        or not (0 < power < 1 and 0 < doubt < 1)
    ):
        raise ValueError("rates must lie between 0 and 1 and differ, and there must be two arms or more")
    middle = (base + other) / 2
    sure = float(ndtri(1 - doubt / (2 * (arms - 1)))) * math.sqrt(2 * middle * (1 - middle))
    strong = float(ndtri(power)) * math.sqrt(base * (1 - base) + other * (1 - other))
    each = math.ceil(((sure + strong) / (other - base)) ** 2)
    return Needed(each, each * arms)


def effect_seen(base: float, each: int, arms: int, power: float = 0.8, doubt: float = 0.05) -> float | None:
    """The smallest effect that so many mails of each arm tell, as a part of `base`; None where not even tripling."""
    low, high = 1e-4, min(2.0, (1 - 1e-9) / base - 1)
    if each < 1 or high <= low or mails_needed(base, high, arms, power, doubt).each > each:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        if mails_needed(base, middle, arms, power, doubt).each > each:
            low = middle
        else:
            high = middle
    return high


def power_of(base: float, effect: float, each: int, arms: int, doubt: float = 0.05) -> float:
    """With which probability so many mails of each arm tell this effect."""
    other = base * (1 + effect)
    middle = (base + other) / 2
    sure = float(ndtri(1 - doubt / (2 * (arms - 1)))) * math.sqrt(2 * middle * (1 - middle))
    spread = math.sqrt(base * (1 - base) + other * (1 - other))
    return float(ndtr((abs(other - base) * math.sqrt(each) - sure) / spread))

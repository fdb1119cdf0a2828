"""Whether an experiment is decided, and in which words it stands: what is sure, what not yet, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from scipy.special import ndtri

from campaigns.insight.experiment_counts import Cell
from campaigns.insight.experiment_terms import ExperimentTerms
from campaigns.insight.experiments import SRM_ALARM, Judged

# One order of so large a share of an arm's revenue decides by itself what a mail brings on average.
_HEAVY = 0.2
_HALF_95 = float(ndtri(0.975))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where an experiment stands. `ready`: by its rule the `leader` may be chosen. `words` are for people.

    `missing` says what is not reached yet, `warnings` what makes the figures doubtful.
    """

    ready: bool
    leader: int | None
    words: str
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Revenue:
    """What a mail of one arm brings: mean and interval (95 %, normal), in the currency of most orders."""

    arm: int
    mean: float
    low: float
    high: float
    heavy: bool


def verdict(terms: ExperimentTerms, judged: Judged, mismatch: float) -> Verdict:
    """What can be said now by the experiment's own rule."""
    warnings = []
    if mismatch < SRM_ALARM:
        warnings.append(
            "The arms do not have the sizes that they should have; that is no chance "
            f"(p = {mismatch:.1g}). Look for mails of one arm that fail before you trust these figures."
        )
    least = min((arm.mails for arm in judged.arms), default=0)
    if judged.leader is None or not least:
        words = f"Nothing is known yet: no mail of every arm is {_hours(terms.window)} old."
        return Verdict(False, None, words, (_too_few(terms, least),), tuple(warnings))
    leader = judged.arms[judged.leader]
    most = max(leader.rate, 1e-12)
    missing = []
    if least < terms.least_mails:
        missing.append(_too_few(terms, least))
    if leader.loss > terms.most_loss * most:
        missing.append(
            f"choosing it could still lose {points(leader.loss)} points on average; "
            f"the rule wants {points(terms.most_loss * most)} at most"
        )
    if warnings:
        missing.append("the sizes of the arms are not what they should be")
    name = terms.arms[leader.arm].name
    likely = percent(leader.best)
    if not missing:
        words = (
            f"{name} may be chosen: it is {likely} likely the best, "
            f"and choosing it loses {points(leader.loss)} points on average."
        )
    else:
        words = f"Not yet: {name} is {likely} likely the best, and could lose {points(leader.loss)} points."
    return Verdict(not missing, leader.arm, words, tuple(missing), tuple(warnings))


def revenues(cells: Sequence[Cell], arms: int) -> list[Revenue]:
    """What the mature mails of each arm brought, by mail."""
    found = []
    for arm in range(arms):
        mine = [cell for cell in cells if cell.arm == arm]
        n = sum(cell.mature for cell in mine)
        total = sum(cell.revenue for cell in mine)
        squares = sum(cell.revenue_squares for cell in mine)
        mean = total / n if n else 0.0
        spread = sqrt(max(0.0, squares / n - mean * mean) / n) if n else 0.0
        largest = max((cell.revenue_largest for cell in mine), default=0.0)
        half = _HALF_95 * spread
        found.append(Revenue(arm, mean, mean - half, mean + half, bool(total) and largest > _HEAVY * total))
    return found


def percent(share: float) -> str:
    """A probability in whole percent, never sure of anything."""
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def points(share: float) -> str:
    """A part of 1 in percentage points."""
    value = share * 100
    return "under 0.01" if 0 < value < 0.01 else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _too_few(terms: ExperimentTerms, least: int) -> str:
    return (
        f"the smallest arm has {least:,} mails that are {_hours(terms.window)} old; "
        f"the rule wants {terms.least_mails:,}"
    )


def _hours(hours: float) -> str:
    return f"{hours:g} hour{'' if hours == 1 else 's'}"

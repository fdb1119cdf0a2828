"""How the arms of an experiment compare: probability to be best, intervals, expected loss. Never "highest rate wins".

The rate of an arm is Beta distributed given what was seen, from Jeffreys' prior. Where customers came in waves whose
shares differed, rates that change over time must not pass for differences between arms: so arms are compared within
each wave, and the waves weighted alike for all arms (by the harmonic mean of their arms' mails, as Mantel and Haenszel
do for two, JNCI 22, 1959). What follows is worked out by quadrature, not by chance, and is the same each time.
Expected loss: Stucchio, Bayesian A/B testing at VWO (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, chdtrc

Floats = NDArray[np.float64]

SRM_ALARM = 0.001
"""Below this probability arms of such sizes are no chance: something loses mails of one arm."""
_NODES = 256
_TAIL = 1e-13
_EDGE = 1e-6
_HALVINGS = 26


@dataclass(frozen=True, slots=True)
class Trials:
    """Mails and wins of one arm in one wave: only mails so old that their whole window has passed."""

    wave: int
    arm: int
    mails: int
    wins: int


@dataclass(frozen=True, slots=True)
class Beta:
    """What is known of a rate: a Beta distribution."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    def below(self, x: Floats) -> Floats:
        """The probability that the rate is at most x."""
        return np.asarray(betainc(self.a, self.b, np.clip(x, 0.0, 1.0)))

    def at(self, u: Floats | float) -> Floats:
        """The rate below which it is with probability u."""
        return np.asarray(betaincinv(self.a, self.b, u))


@dataclass(frozen=True, slots=True)
class ArmJudged:
    """An arm by its mature mails. Rates are parts of 1; intervals hold 95 %; `diff` is to the first arm.

    `best` is the probability to have the highest rate; `loss` what choosing it costs on average, in parts of 1, if
    another one is better.
    """

    arm: int
    mails: int
    wins: int
    rate: float
    low: float
    high: float
    best: float
    loss: float
    diff: float
    diff_low: float
    diff_high: float


@dataclass(frozen=True, slots=True)
class Judged:
    """All arms; `leader` is the likely best, None where nothing is known. `error` is that of the quadrature."""

    arms: tuple[ArmJudged, ...]
    leader: int | None
    error: float

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


def judge(trials: Sequence[Trials], arms: int) -> Judged:
    """What the arms' mails say."""
    known = posteriors(trials, arms)
    best, loss = best_and_loss(known)
    counted = [[t for t in trials if t.arm == arm] for arm in range(arms)]
    judged = []
    for arm, posterior in enumerate(known):
        low, high = posterior.at(np.array([0.025, 0.975]))
        diff_low, diff_high = (0.0, 0.0) if arm == 0 else difference(known[0], posterior)
        mails = sum(t.mails for t in counted[arm])
        judged.append(
            ArmJudged(
                arm, mails, sum(t.wins for t in counted[arm]),
                _rate(trials, arms, arm), float(low), float(high), float(best[arm]), float(loss[arm]),
                float(posterior.mean - known[0].mean), diff_low, diff_high,
            )
        )  # fmt: skip
    seen = bool(judged) and all(one.mails for one in judged)
    leader = max(judged, key=lambda one: one.best).arm if seen else None
    return Judged(tuple(judged), leader, abs(float(best.sum()) - 1.0) if len(best) else 0.0)


def posteriors(trials: Sequence[Trials], arms: int) -> list[Beta]:
    """The distribution of each arm's rate, by waves; one wave gives Beta(1/2 + wins, 1/2 + others) exactly."""
    mails, wins = _by_wave(trials, arms)
    if not len(mails):
        return [Beta(0.5, 0.5)] * arms
    if len(mails) == 1:
        return [Beta(float(0.5 + w), float(0.5 + n - w)) for n, w in zip(mails[0], wins[0], strict=True)]
    weights = _weights(mails)
    rate = weights @ (wins / mails)
    # No wave of an arm is sure of a rate of 0 or 1, and so adds some doubt.
    centre = np.clip(wins.sum(0) / mails.sum(0), 0.5 / mails.sum(0), 1 - 0.5 / mails.sum(0))
    smooth = (wins + centre) / (mails + 1)
    doubt = (weights**2) @ (smooth * (1 - smooth) / mails)
    worth = np.minimum(mails.sum(0), centre * (1 - centre) / doubt)
    return [Beta(float(0.5 + r * n), float(0.5 + (1 - r) * n)) for r, n in zip(rate, worth, strict=True)]


def best_and_loss(known: Sequence[Beta]) -> tuple[Floats, Floats]:
    """The probability of each to be the highest, and what choosing it loses on average."""
    if len(known) < 2:
        return np.ones(len(known)), np.zeros(len(known))
    nodes, weight = _quadrature()
    best = np.empty(len(known))
    for arm, one in enumerate(known):
        x = one.at(nodes)
        others = [other.below(x) for number, other in enumerate(known) if number != arm]
        best[arm] = weight @ np.prod(others, axis=0)
    low = min(float(one.at(_TAIL)) for one in known)
    high = max(float(one.at(1 - _TAIL)) for one in known)
    x = low + (high - low) * nodes
    most = low + (high - low) * float(weight @ (1 - np.prod([one.below(x) for one in known], axis=0)))
    loss = np.array([max(0.0, most - one.mean) for one in known])
    return best, loss


def difference(one: Beta, other: Beta) -> tuple[float, float]:
    """Between which bounds the second rate less the first lies with probability 95 %."""
    nodes, weight = _quadrature()
    x = one.at(nodes)

    def quantile(u: float) -> float:
        low = float(other.at(_EDGE)) - float(one.at(1 - _EDGE))
        high = float(other.at(1 - _EDGE)) - float(one.at(_EDGE))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if float(weight @ other.below(x + middle)) < u:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    return quantile(0.025), quantile(0.975)


def mismatch(counted: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> float:
    """The probability of arms as unequal as these, or more, by chance (chi-square); each row is a wave.

    A small one means that mails of some arm get lost, and that the arms cannot be compared.
    """
    square, freedom = 0.0, 0
    for numbers, wanted in zip(counted, shares, strict=True):
        total = sum(numbers)
        expected = [total * share for share in wanted]
        likely = [(n, e) for n, e in zip(numbers, expected, strict=True) if e > 0]
        if total and len(likely) > 1:
            square += sum((n - e) ** 2 / e for n, e in likely)
            freedom += len(likely) - 1
    return float(chdtrc(freedom, square)) if freedom else 1.0


def next_shares(trials: Sequence[Trials], arms: int, floor: float) -> list[float]:
    """What each arm is to get of the next wave: as likely as it is the best, but `floor` at least.

    Thompson sampling draws a rate for each arm and customer, and takes the highest: so an arm is taken as often as it
    is likely to be the best (Thompson, Biometrika 25, 1933). The shares are that, without the chance.
    """
    best, _ = best_and_loss(posteriors(trials, arms))
    free = 1 - floor * arms
    return [floor + free * float(b) / float(best.sum()) for b in best]


def _quadrature() -> tuple[Floats, Floats]:
    """Nodes in (0, 1) and their weights, which add up to 1; close together at both ends."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    t = (x + 1) / 2
    # Quantiles run away at the ends: t^2 (3 - 2t) has no slope there.
    return np.asarray(t * t * (3 - 2 * t)), np.asarray(w / 2 * 6 * t * (1 - t))


def _by_wave(trials: Sequence[Trials], arms: int) -> tuple[Floats, Floats]:
    """Mails and wins as tables of waves and arms, without waves in which some arm has no mature mail yet."""
    waves = sorted({t.wave for t in trials})
    at = {wave: row for row, wave in enumerate(waves)}
    mails, wins = np.zeros((len(waves), arms)), np.zeros((len(waves), arms))
    for t in trials:
        mails[at[t.wave], t.arm] += t.mails
        wins[at[t.wave], t.arm] += t.wins
    if len(waves) == 1:
        return mails, wins
    whole = (mails > 0).all(axis=1)
    return mails[whole], wins[whole]


def _weights(mails: Floats) -> Floats:
    harmonic = 1 / (1 / mails).sum(axis=1)
    return np.asarray(harmonic / harmonic.sum())


def _rate(trials: Sequence[Trials], arms: int, arm: int) -> float:
    """The rate as it was seen, waves weighted alike for all arms; 0 where there is no mail yet."""
    mails, wins = _by_wave(trials, arms)
    if not len(mails) or not mails[:, arm].all():
        return 0.0
    return (
        float(_weights(mails) @ (wins[:, arm] / mails[:, arm]))
        if len(mails) > 1
        else float(wins[0, arm] / mails[0, arm])
    )

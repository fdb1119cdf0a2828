"""Bootstrap intervals over customers: how far a mean could be off by the chance of who was tested.

Efron 1979 (doi 10.1214/aos/1176344552), the percentile method. Methods are compared in pairs: the same customers
are drawn for both, so that what makes a customer easy or hard to foretell does not blur the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
LEVEL = 0.95
_SEED = 42
# Draws that are held at once: 4 bytes each.
_CELLS = 2_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the bounds between which it lies with the probability asked for."""

    mean: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether it is beyond chance that the mean is positive."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether it is beyond chance that the mean is negative."""
        return self.high < 0

    def to_json(self) -> dict[str, float | None]:
        """All three by name; a bound that is not known is null."""
        return {
            name: round(value, 6) if np.isfinite(value) else None
            for name, value in (("mean", self.mean), ("low", self.low), ("high", self.high))
        }


def intervals(values: Floats, resamples: int = RESAMPLES, level: float = LEVEL) -> list[Interval]:
    """One interval for each column of (n, m) values, with the same customers drawn for all columns.

    Give differences of two methods per customer for a paired comparison. Of fewer than two customers nothing
    is known: the bounds are infinite.
    """
    means = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
    drawn = _resampled(values, resamples, _SEED)
    return [_between(float(mean), column, level) for mean, column in zip(means, drawn.T, strict=True)]


def interval(values: Floats, resamples: int = RESAMPLES, level: float = LEVEL) -> Interval:
    """The interval of the mean of (n,) values."""
    return intervals(values[:, None], resamples, level)[0]


def interval_between(
    one: Floats, other: Floats, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """The mean of `one` (n,) less that of `other` (m,), where these are different customers."""
    drawn = _resampled(one[:, None], resamples, _SEED) - _resampled(other[:, None], resamples, _SEED + 1)
    mean = (one.mean() if len(one) else 0.0) - (other.mean() if len(other) else 0.0)
    return _between(float(mean), drawn[:, 0], level)


def _resampled(values: Floats, resamples: int, seed: int) -> Floats:
    """(resamples, m) means of as many customers, drawn with replacement; NaN where there are too few."""
    customers = len(values)
    if customers < 2:
        return np.full((resamples, values.shape[1]), np.nan)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // customers)
    means = np.empty((resamples, values.shape[1]))
    for start in range(0, resamples, step):
        draws = rng.integers(customers, size=(min(step, resamples - start), customers), dtype=np.int32)
        times = np.stack([np.bincount(row, minlength=customers) for row in draws])
        means[start : start + step] = times @ values / customers
    return means


def _between(mean: float, drawn: Floats, level: float) -> Interval:
    if np.isnan(drawn).any():
        return Interval(mean, -np.inf, np.inf)
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))

"""Finding a model's numbers on the shop's own orders: on cuts into the past, what came after them is foretold.

The default numbers are good guesses for any shop, and a change has to earn its place: it is taken only where it is
better by more than one standard error of the difference, customer by customer (the one-standard-error rule, Breiman
et al. 1984). So few customers, whose figures are mostly chance, leave the defaults as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger
from campaigns.recommend.evaluation_cold import stripped
from campaigns.recommend.evaluation_splits import Halves, Split, in_halves
from campaigns.recommend.evaluation_tasks import discover
from campaigns.recommend.interactions import Interactions, days_since_epoch
from campaigns.recommend.model import ModelSettings
from campaigns.recommend.tuning_trial import Trial

log = get_logger(__name__)

# Of fewer customers nothing is learned.
LEAST_CUSTOMERS_TO_TUNE_ON = 50
# An earlier cut takes part too where at least so much is known before it.
_LEAST_DAYS_BEFORE = 90.0
_CUTS = 2
_STANDARD_ERRORS = 1.0
_ROUNDS = 3

Measure = Callable[[ModelSettings], NDArray[np.float64]]
Choices = Mapping[str, Sequence[float]]

_DISCOVER: Choices = {
    "trend_half_life": (3.5, 7.0, 14.0, 28.0),
    "trend_weight": (0.0, 0.5, 1.0, 1.5, 2.25, 3.5),
    "popularity_power": (0.0, 0.05, 0.1, 0.15, 0.2),
    "content_weight": (0.15, 0.3, 0.6, 1.2),
}
_BUY_AGAIN: Choices = {
    "again_half_life": (30.0, 60.0, 120.0, 240.0, 480.0),
    "again_trend_floor": (0.1, 0.2, 0.5, 2.0),
    "again_repeat_power": (0.0, 0.25, 0.5, 1.0),
    "again_rest": (0.0, 0.1, 0.3),
}

# Least first; from each on, new products are seen more often.
_INHERITED_TREND = (0.2, 0.4, 0.5, 0.6, 0.625, 0.65, 0.675, 0.7, 0.725, 0.75, 0.775, 0.8, 0.9, 1.0)
# The share of NDCG that lists may lose by it: what is worth buying may only be learned of what was shown.
_COST_OF_COLD = 0.05


def tune(
    interactions: Interactions,
    as_of: datetime,
    budget_seconds: float,
    split: Split | None = None,
    start: ModelSettings | None = None,
) -> ModelSettings:
    """The best settings for what is known before `as_of` (aware); equal for equal data, if there is time enough.

    Where the time is up, the best found so far are taken. `tuned_on` of the result tells on how many customers they
    were found; 0 means that the data are too thin and all is as it was in `start`.

    Args:
        budget_seconds: when to stop; what is under way (the learning of one cut's weights) is finished first.
        split: which past orders to foretell; by default those of the last days, or where too few customers bought
            then, each customer's last one.
        start: what to begin with and to fall back to; the defaults where it is not given.
    """
    stop_at = time.monotonic() + budget_seconds
    settings = replace(start or ModelSettings(), tuned_on=0)
    past = interactions.lines(interactions.day < days_since_epoch(as_of))
    cuts = _cuts(past, split)
    if not cuts:
        log.info("recommender_not_tuned", why="too few customers bought again")
        return settings
    trials = [Trial.of(cuts[0], settings)]
    trials += [Trial.of(cut, settings) for cut in cuts[1:] if time.monotonic() < stop_at]
    search = _Search(stop_at)
    settings = search.best(settings, _DISCOVER, _all_of(trials, Trial.discover))
    settings = search.best(settings, _BUY_AGAIN, _all_of(trials, Trial.buy_again))
    tuned_on = sum(len(trial.discovering) for trial in trials)
    del trials
    settings = search.most_for_cold_products(settings, cuts[0])
    log.info("recommender_tuned", customers=tuned_on, tried=search.tried, in_time=search.in_time)
    return replace(settings, tuned_on=tuned_on)


def _cuts(past: Interactions, split: Split | None) -> list[Halves]:
    """The cuts to tune on, the latest first; none where all of them leave too few customers."""
    for kind in (split,) if split else ("time", "last-order"):
        found: list[Halves] = []
        left = past
        while len(found) < _CUTS:
            halves = _halves(left, kind)
            if halves is None:
                break
            found.append(halves)
            left = halves.past
            if kind != "time" or np.ptp(left.day) < _LEAST_DAYS_BEFORE:
                break
        if found:
            return found
    return []


def _halves(past: Interactions, split: Split) -> Halves | None:
    try:
        halves = in_halves(past, split)
    except BadInput:
        return None
    return halves if len(discover(halves)) >= LEAST_CUSTOMERS_TO_TUNE_ON else None


def _all_of(
    trials: Sequence[Trial], measure: Callable[[Trial, ModelSettings], NDArray[np.float64]]
) -> Measure:
    return lambda settings: np.concatenate([measure(trial, settings) for trial in trials])


@dataclass(slots=True)
class _Search:
    """Goes from choice to choice, one number at a time, until nothing gets better or the time is up."""

    stop_at: float
    tried: int = 0
    in_time: bool = True

    def best(self, settings: ModelSettings, choices: Choices, measure: Measure) -> ModelSettings:
        now = measure(settings)
        for _ in range(_ROUNDS):
            before = settings
            for name, values in choices.items():
                settings, now = self._along(settings, now, name, values, measure)
            if settings == before:
                break
        return settings

    def most_for_cold_products(self, settings: ModelSettings, halves: Halves) -> ModelSettings:
        """As much of the trend for products that nobody bought yet as costs the lists of all no more than allowed.

        Some of the usual products are stripped of their purchases for that, and lists with and without them compared.
        """
        if self._late():
            return settings
        cold = stripped(halves)
        trial = Trial(cold.past, halves.today, settings, cold.task)
        without = trial.discover(settings, cold.unbought).mean()
        kept = replace(settings, inherited_trend=0.0)
        for value in _INHERITED_TREND:
            tried = replace(settings, inherited_trend=value)
            if self._late() or trial.discover(tried).mean() < (1 - _COST_OF_COLD) * without:
                break
            self.tried += 1
            kept = tried
        return kept if self.in_time else settings

    def _late(self) -> bool:
        self.in_time &= time.monotonic() <= self.stop_at
        return not self.in_time

    def _along(
        self,
        settings: ModelSettings,
        now: NDArray[np.float64],
        name: str,
        values: Sequence[float],
        measure: Measure,
    ) -> tuple[ModelSettings, NDArray[np.float64]]:
        best, best_found = settings, now
        for value in values:
            if value == getattr(settings, name):
                continue
            if self._late():
                break
            self.tried += 1
            tried = replace(settings, **{name: value})  # type: ignore[arg-type]
            found = measure(tried)
            if found.mean() > best_found.mean():
                best, best_found = tried, found
        return (best, best_found) if _clearly_better(best_found, now) else (settings, now)


def _clearly_better(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    gain = one - other
    return bool(gain.mean() > _STANDARD_ERRORS * gain.std() / np.sqrt(len(gain)))

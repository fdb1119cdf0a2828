"""From a shop's orders to a model that may be used: tuned, trained, and checked on orders it has not seen.

What is tested here is what happens in production: `tailormail train` and `tailormail evaluate` both go this way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from campaigns.core.errors import BadInput
from campaigns.recommend.baselines import constant
from campaigns.recommend.evaluation_ours import Ours
from campaigns.recommend.evaluation_splits import Halves, Split, in_halves
from campaigns.recommend.evaluation_tasks import Task, answer, discover
from campaigns.recommend.interactions import Interactions, days_since_epoch
from campaigns.recommend.intervals import Interval, intervals
from campaigns.recommend.model import ModelSettings, RecommenderModel, train
from campaigns.recommend.tuning import tune

# Of fewer customers no interval is worth believing.
LEAST_TESTED = 30
_WELL_TESTED = 200
BEST_SELLERS = "best-sellers"
_BEYOND_BEST_SELLERS = ("weights", "trend", "inherited_trend", "recent_buyers", "newcomers")


@dataclass(frozen=True, slots=True)
class Check:
    """NDCG@10 of the picks on orders that they were not learned from.

    Attributes:
        split, cut: which orders these were; "" where there were none.
        customers: how many were tested.
        ours, best_sellers: means; `above` is their difference in pairs.
        in_use, than_in_use: the same of the model in use, where there is one.
    """

    split: str
    cut: str
    customers: int
    ours: float
    best_sellers: float
    above: Interval
    in_use: float | None = None
    than_in_use: Interval | None = None

    @property
    def proven(self) -> bool:
        """Whether personal picks foretell purchases better than best-sellers, beyond chance."""
        return self.customers >= LEAST_TESTED and self.above.above_zero

    @property
    def worse(self) -> bool:
        """Whether the model in use is better, beyond chance."""
        return self.than_in_use is not None and self.than_in_use.below_zero

    def to_json(self) -> dict[str, Any]:
        """For the model's meta."""
        return {
            "split": self.split,
            "cut": self.cut,
            "customers": self.customers,
            "ndcg@10": round(self.ours, 6),
            "best_sellers_ndcg@10": round(self.best_sellers, 6),
            "above_best_sellers": self.above.to_json(),
            "in_use_ndcg@10": None if self.in_use is None else round(self.in_use, 6),
            "above_in_use": self.than_in_use.to_json() if self.than_in_use else None,
        }

    def why_unproven(self) -> str:
        """Why personal picks are not trusted, for people."""
        if self.customers < LEAST_TESTED:
            return (
                f"the data are thin: only {self.customers} customers bought something new again, "
                f"and at least {LEAST_TESTED} are needed to tell whether personal picks help"
            )
        return (
            f"personal picks are not measurably better than best-sellers: NDCG@10 {self.ours:.4f} against "
            f"{self.best_sellers:.4f} on {self.customers} customers"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A model, the check it was given, and whether its settings were tuned anew for it.

    `trained` is the model as it was trained, `model` what may be used of it.
    """

    model: RecommenderModel
    trained: RecommenderModel
    check: Check
    tuned: bool


def learn(
    interactions: Interactions,
    as_of: datetime,
    budget_seconds: float,
    in_use: RecommenderModel | None = None,
    tune_anew: bool = True,
    split: Split | None = None,
) -> Learned:
    """Tune, check, and train on all lines before `as_of`.

    A model that cannot be shown to beat best-sellers is stripped to them: it then says so (`meta["method"]`,
    `meta["why"]`) and picks nothing else.

    Args:
        budget_seconds: for tuning; 0 means not to.
        in_use: compared with; its settings are where tuning starts, and stay where `tune_anew` is false.
        split: what to tune and check by; by default the last days, or where they hold too little the last orders.
    """
    past = interactions.lines(interactions.day < days_since_epoch(as_of))
    began = time.perf_counter()
    settings = in_use.settings if in_use else ModelSettings()
    tuned = tune_anew and budget_seconds > 0 and len(past.day) > 0
    if tuned:
        settings = tune(past, as_of, budget_seconds, split, settings)
    tune_seconds = round(time.perf_counter() - began, 2)
    checked = check(past, settings, in_use, split)
    trained = model = train(past, as_of, settings)
    facts: dict[str, Any] = {"tuned": tuned, "tune_seconds": tune_seconds, "check": checked.to_json()}
    if len(past.day) and not checked.proven:
        model = best_sellers_only(model, checked.why_unproven())
    return Learned(replace(model, meta=model.meta | facts), trained, checked, tuned)


def best_sellers_only(model: RecommenderModel, why: str) -> RecommenderModel:
    """The model without taste, trend and countries: everybody gets best-sellers."""
    silent = {name: np.zeros_like(getattr(model, name)) for name in _BEYOND_BEST_SELLERS}
    return replace(model, **silent, meta=model.meta | {"method": BEST_SELLERS, "why": why, "areas": []})


def check(
    past: Interactions,
    settings: ModelSettings,
    in_use: RecommenderModel | None = None,
    split: Split | None = None,
) -> Check:
    """Train before a cut in `past`, and compare on what was bought after it with best-sellers and `in_use`."""
    found = _validation(past, split)
    if found is None:
        return Check("", "", 0, 0.0, 0.0, Interval(0.0, -np.inf, np.inf))
    halves, task = found
    model = train(halves.past, halves.as_of, settings)
    ours = _ndcg(model, halves, task)
    columns = [ours, answer(task, constant(model.buyers.astype(np.float32))).per_customer.ndcg]
    if in_use:
        columns.append(_ndcg(_as_it_was(in_use, halves), halves, task))
    means = [float(column.mean()) for column in columns]
    apart = intervals(np.stack([ours - column for column in columns[1:]], axis=1))
    return Check(
        split=halves.split,
        cut=halves.as_of.isoformat(),
        customers=len(task),
        ours=means[0],
        best_sellers=means[1],
        above=apart[0],
        in_use=means[2] if in_use else None,
        than_in_use=apart[1] if in_use else None,
    )


def _validation(past: Interactions, split: Split | None = None) -> tuple[Halves, Task] | None:
    """The last 30 days of what is known; where these hold few customers, the split that tests the most.

    With what is asked of them; None where nobody can be tested.
    """
    found: tuple[Halves, Task] | None = None
    tested = 0
    kinds: tuple[Split, ...] = (split,) if split else ("time", "last-order")
    for kind in kinds:
        try:
            halves = in_halves(past, kind)
        except BadInput:
            continue
        task = discover(halves)
        if len(task) > tested:
            found, tested = (halves, task), len(task)
        if tested >= _WELL_TESTED:
            break
    return found


def _as_it_was(in_use: RecommenderModel, halves: Halves) -> RecommenderModel:
    """The model in use, as it would have been at the cut: what it has seen of the test would flatter it."""
    learned_until = days_since_epoch(datetime.fromisoformat(in_use.meta["as_of"]))
    if halves.split == "time" and learned_until <= halves.today:
        return in_use
    earlier = train(halves.past, halves.as_of, in_use.settings)
    return best_sellers_only(earlier, "") if in_use.meta["method"] == BEST_SELLERS else earlier


def _ndcg(model: RecommenderModel, halves: Halves, task: Task) -> np.ndarray[Any, np.dtype[np.float64]]:
    return answer(task, Ours(model, halves.past, halves.today).discover).per_customer.ndcg

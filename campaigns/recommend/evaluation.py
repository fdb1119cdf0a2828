"""How well the picks foretell what customers really buy next, against what a shop would otherwise install.

Everything is done as in production: tuned, trained and checked on the orders before the cut alone, then compared on
those after it. See evaluation_tasks.py for the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.recommend.baselines import Ranker, fit_baselines
from campaigns.recommend.evaluation_cold import cold_products
from campaigns.recommend.evaluation_fitting import fitting
from campaigns.recommend.evaluation_ours import Ours
from campaigns.recommend.evaluation_segments import Labels, loyalties, segments, tenures
from campaigns.recommend.evaluation_speed import customers_per_second
from campaigns.recommend.evaluation_splits import Halves, Split, in_halves, moment_of
from campaigns.recommend.evaluation_tasks import (
    OURS,
    Task,
    answers,
    buy_again,
    cold_customers,
    discover,
    table,
)
from campaigns.recommend.evaluation_verdict import verdict
from campaigns.recommend.footprint import PeakMemory
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.learning import Learned, learn
from campaigns.recommend.model import RecommenderModel

__all__ = ["Split", "evaluate"]

DEFAULT_TUNING_SECONDS = 60.0


def evaluate(
    interactions: Interactions,
    split: Split = "time",
    cut: datetime | None = None,
    days: float | None = None,
    tuning_seconds: float = DEFAULT_TUNING_SECONDS,
    languages: Labels | None = None,
    like: RecommenderModel | None = None,
) -> dict[str, Any]:
    """Learn from the orders before the cut, rank, and compare with what was bought after it.

    Args:
        split, cut, days: which orders are foretold; see `in_halves`.
        tuning_seconds: budget for tuning on the orders before the cut; 0: the settings as they come.
        languages: (U,) by customer, to be compared beside countries, tenures and numbers of orders.
        like: learn with the settings of this model, and tune nothing.

    Returns:
        Fit for JSON: `verdict`; `discover`, `buy_again`, `cold_customers` and `cold_products`, each with the
        metrics of `ours` and of each baseline; `segments`; `fitting`; `model` (method, settings, the training's own
        check); `fit_seconds`, `tune_seconds`, `customers_per_second`, `peak_mb` (what learning and picking took at
        their highest; `process_mb` with all that the process held before) and `model_mb` (what a worker keeps); and
        what was tested.

    Raises:
        BadInput: the orders cannot be divided so, or no customer can be tested.
    """
    halves = in_halves(interactions, split, cut, days)
    tasks = {
        "discover": discover(halves),
        "buy_again": buy_again(halves),
        "cold_customers": cold_customers(halves),
    }
    _check_testable(tasks["discover"], halves)
    with PeakMemory() as memory:
        learned = learn(halves.past, halves.as_of, tuning_seconds, like, tune_anew=like is None, split=split)
        speed = customers_per_second(learned.model, halves.past, halves.today)
    found = _tested(halves) | {
        "model": _about(learned),
        "fit_seconds": learned.model.meta["fit_seconds"],
        "tune_seconds": learned.model.meta["tune_seconds"],
        "customers_per_second": speed,
        "peak_mb": memory.taken,
        "process_mb": memory.megabytes,
        "model_mb": round(learned.model.megabytes, 4),
    }
    found |= _compared(halves, learned, tasks, languages)
    return {"verdict": verdict(found)} | found


def _check_testable(task: Task, halves: Halves) -> None:
    if not len(task):
        raise BadInput(
            f"none of the customers who bought before {halves.as_of:%Y-%m-%d} bought a product that is new to "
            f"them by {moment_of(halves.until):%Y-%m-%d}; take more days, or another cut",
            where="--cut",
        )


def _tested(halves: Halves) -> dict[str, Any]:
    return {
        "split": halves.split,
        "cut": halves.as_of.isoformat(timespec="seconds"),
        "until": moment_of(halves.until).isoformat(timespec="seconds"),
        "lines_before": len(halves.past.day),
        "lines_after": len(halves.future.day),
        "products": len(halves.past.catalogue.ids),
    }


def _about(learned: Learned) -> dict[str, Any]:
    meta = learned.model.meta
    return {name: meta[name] for name in ("method", "why", "tuned", "settings", "check") if name in meta}


def _compared(
    halves: Halves, learned: Learned, tasks: Mapping[str, Task], languages: Labels | None
) -> dict[str, Any]:
    buyers = halves.past.buyers()
    customers = len(set(halves.past.customer.tolist()))
    baselines = fit_baselines(halves.past, halves.today)
    ours = Ours(learned.model, halves.past, halves.today)
    found: dict[str, Any] = {}
    for name, task in tasks.items():
        own: Ranker = ours.discover if name == "discover" else ours.anything
        answered = answers(task, {OURS: own} | baselines)
        found[name] = table(answered, buyers, customers)
        if name == "discover":
            groups = {
                "country": halves.past.country,
                "tenure": tenures(halves),
                "orders": loyalties(halves),
            }
            found["segments"] = segments(
                task, answered, groups if languages is None else groups | {"language": languages}
            )
    settings = learned.model.settings
    found["cold_products"] = cold_products(halves, settings, baselines)
    found["fitting"] = fitting(halves.past, learned.trained, settings)
    return found

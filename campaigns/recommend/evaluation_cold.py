"""How well products are placed that nobody bought yet: a tenth of the usual ones loses its purchases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.recommend.baselines import BY_TEXTS, Floats, Ranker, Viewers
from campaigns.recommend.evaluation_ours import Ours
from campaigns.recommend.evaluation_splits import Halves
from campaigns.recommend.evaluation_tasks import OURS, Task, answer, discover, only_columns
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.intervals import interval
from campaigns.recommend.metrics import DEPTH
from campaigns.recommend.model import ModelSettings, train

LEAST_BUYERS = 5
SHARE = 0.1
_SEED = 42


@dataclass(frozen=True, slots=True, eq=False)
class ColdTrial:
    """`past` without the purchases of the `cold` products (P,), and the task "discover" as it then is.

    `unbought` (P,) are the cold ones and those that nobody had bought anyway.
    """

    past: Interactions
    cold: NDArray[np.bool_]
    unbought: NDArray[np.bool_]
    task: Task


def stripped(halves: Halves) -> ColdTrial:
    """A tenth of the products with five buyers or more becomes new: nobody hears of any purchase of them."""
    buyers = halves.past.buyers()
    usual = np.flatnonzero(buyers >= LEAST_BUYERS)
    chosen = np.random.default_rng(_SEED).choice(usual, round(SHARE * len(usual)), replace=False)
    cold = np.zeros(len(buyers), bool)
    cold[chosen] = True
    task = discover(halves)
    return ColdTrial(
        halves.past.lines(~cold[halves.past.product]),
        cold,
        cold | (buyers == 0),
        replace(task, bought=only_columns(task.bought, ~cold)),
    )


def cold_products(
    halves: Halves, settings: ModelSettings, baselines: Mapping[str, Ranker]
) -> dict[str, dict[str, Any]]:
    """By method, for customers who then bought a cold product: the metrics where only cold ones are ranked.

    `full_recall@10` is the share of those purchases met by lists of the full catalogue. `overall_loss` is what
    it costs to list products without purchases at all: the share of NDCG over all customers that is lost by it.

    Args:
        baselines: fitted with the purchases of cold products, which they do not get to use.
    """
    trial = stripped(halves)
    wanting = _wanting(trial)
    ours = Ours(train(trial.past, halves.as_of, settings), trial.past, halves.today).discover
    rankers = {OURS: ours} | {
        name: ranker if name in BY_TEXTS else _without(ranker, trial.cold)
        for name, ranker in baselines.items()
    }
    among = {name: answer(wanting, ranker, trial.cold).per_customer for name, ranker in rankers.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, ranker in rankers.items():
        everywhere = answer(wanting, ranker).per_customer
        figures = among[name].means() | {f"full_recall@{DEPTH}": everywhere.means()[f"recall@{DEPTH}"]}
        if name == OURS:
            figures |= _overall(trial, ranker)
        rows[name] = {"customers": len(wanting), "products": int(trial.cold.sum())}
        rows[name] |= {key: round(value, 6) for key, value in figures.items()}
        if name != OURS:
            rows[name]["ours_better_by"] = interval(among[OURS].ndcg - among[name].ndcg).to_json()
    return rows


def _overall(trial: ColdTrial, ranker: Ranker) -> dict[str, float]:
    listed = float(answer(trial.task, ranker).per_customer.ndcg.mean())
    left_out = float(answer(trial.task, ranker, ~trial.unbought).per_customer.ndcg.mean())
    return {f"overall_ndcg@{DEPTH}": listed, "overall_loss": 1 - listed / left_out if left_out else 0.0}


def _without(ranker: Ranker, cold: NDArray[np.bool_]) -> Ranker:
    """What knows a product by its purchases alone knows nothing of a cold one: none is better than another."""

    def scores(viewers: Viewers) -> Floats:
        found = ranker(viewers)
        found[:, cold] = 0
        return found

    return scores


def _wanting(trial: ColdTrial) -> Task:
    wanted = only_columns(trial.task.wanted, trial.cold)
    return replace(trial.task, wanted=wanted).of(np.flatnonzero(np.diff(wanted.indptr) > 0))

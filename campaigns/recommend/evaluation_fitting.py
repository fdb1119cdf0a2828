"""Whether the model remembers its orders (over-fitting) or has not learned from them (under-fitting)."""

from __future__ import annotations

from typing import Any

import numpy as np

from campaigns.core.errors import BadInput
from campaigns.recommend.baselines import constant
from campaigns.recommend.evaluation_ours import Ours
from campaigns.recommend.evaluation_splits import in_halves
from campaigns.recommend.evaluation_tasks import answer, discover
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.intervals import intervals
from campaigns.recommend.model import ModelSettings, RecommenderModel, train

# A model that foretells less than this share of what it has seen remembers more than it understands.
_LEAST_SHARE = 0.5


def fitting(past: Interactions, model: RecommenderModel, settings: ModelSettings) -> dict[str, Any] | None:
    """NDCG@10 on each customer's last order in `past`: learned from (train) and left out (validation).

    The customers, what is known of them and what they want are the same both times; only the model has seen
    those orders or not. None where no customer has two orders.

    Args:
        model: trained on all of `past` with `settings`.
    """
    try:
        halves = in_halves(past, "last-order")
    except BadInput:
        return None
    task = discover(halves)
    if not len(task):
        return None
    unseen = train(halves.past, halves.as_of, settings)
    seen_by, unseen_by = (
        answer(task, Ours(one, halves.past, halves.today).discover).per_customer.ndcg
        for one in (model, unseen)
    )
    best_sellers = answer(task, constant(unseen.buyers.astype(np.float32))).per_customer.ndcg
    gap, lift = intervals(np.stack([seen_by - unseen_by, unseen_by - best_sellers], axis=1))
    train_mean, validation_mean = float(seen_by.mean()), float(unseen_by.mean())
    return {
        "customers": len(task),
        "train_ndcg@10": round(train_mean, 6),
        "validation_ndcg@10": round(validation_mean, 6),
        "gap": gap.to_json(),
        "over_fitted": bool(gap.above_zero and validation_mean < _LEAST_SHARE * train_mean),
        "under_fitted": not lift.above_zero,
    }

"""Whether some customers are served worse than others: by country, by language, by how long and how often they buy here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Customer
from campaigns.recommend.evaluation_splits import Halves
from campaigns.recommend.evaluation_tasks import OURS, Answer, Task
from campaigns.recommend.intervals import LEVEL, interval, interval_between
from campaigns.recommend.metrics import DEPTH

# Of fewer customers nothing can be said, and their figures could tell on one of them.
LEAST_CUSTOMERS = 30
UNKNOWN, SMALL = "unknown", "smaller ones"
_TENURES = ((30.0, "under 1 month"), (90.0, "1 to 3 months"), (365.0, "3 to 12 months"))
_LONGER = "over a year"
_NEW, _REGULAR, _HEAVY = "new (1 order)", "regular (2 to 4)", "heavy (5 or more)"
_AT_ONCE = 50_000

Labels = NDArray[np.str_]


def load_languages(session: Session, customer_ids: NDArray[np.int64]) -> Labels:
    """(U,) the language of each customer's locale, "" where there is none."""
    found: dict[int, str] = {}
    for start in range(0, len(customer_ids), _AT_ONCE):
        some = customer_ids[start : start + _AT_ONCE].tolist()
        asked = select(Customer.id, Customer.locale).where(Customer.id.in_(some))
        found |= {
            row.id: row.locale.replace("_", "-").partition("-")[0].lower() for row in session.execute(asked)
        }
    return np.array([found.get(key, "") for key in customer_ids.tolist()], np.str_)


def tenures(halves: Halves) -> Labels:
    """(U,) how long before the cut each customer bought first."""
    first = np.full(len(halves.past.customer_ids), np.inf)
    np.minimum.at(first, halves.past.customer, halves.past.day)
    days = halves.today - first
    labels = np.full(len(days), _LONGER, dtype="<U16")
    for limit, name in reversed(_TENURES):
        labels[days < limit] = name
    return labels


def loyalties(halves: Halves) -> Labels:
    """(U,) how many orders each customer had made before the cut."""
    past = halves.past
    _, code = np.unique(past.order, return_inverse=True)
    pairs = np.unique(np.stack([past.customer, code]), axis=1) if len(code) else np.zeros((2, 0), np.int64)
    orders = np.bincount(pairs[0], minlength=len(past.customer_ids))
    return np.select([orders <= 1, orders <= 4], [_NEW, _REGULAR], _HEAVY).astype(np.str_)


def segments(
    task: Task, answered: Mapping[str, Answer], groups: Mapping[str, Labels]
) -> list[dict[str, Any]]:
    """One row for each group of at least 30 tested customers; the others of its kind are one group together.

    `against_others` is the NDCG of ours less that of all other customers, `against_best_sellers` that of ours
    less that of best-sellers in the same lists. The more groups are looked at, the surer a difference must be
    (Bonferroni), so that one in twenty is not called unfair by chance.

    Args:
        groups: (U,) labels by name, such as "country".
    """
    labelled = {by: _pooled(labels[task.rows]) for by, labels in groups.items()}
    kinds = {by: np.unique(labels).tolist() for by, labels in labelled.items()}
    tested = [(by, group) for by, found in kinds.items() if len(found) > 1 for group in found]
    level = 1 - (1 - LEVEL) / max(len(tested), 1)
    ndcg = answered[OURS].per_customer.ndcg
    lift = ndcg - answered["best_sellers"].per_customer.ndcg
    rows = []
    for by, group in tested:
        inside = labelled[by] == group
        others = interval_between(ndcg[inside], ndcg[~inside], level=level)
        best_sellers = interval(lift[inside], level=level)
        rows.append(
            {
                "by": by,
                "group": group,
                "customers": int(inside.sum()),
                f"ndcg@{DEPTH}": round(float(ndcg[inside].mean()), 6),
                "against_others": others.to_json(),
                "against_best_sellers": best_sellers.to_json(),
                "served_worse": bool(inside.sum() >= LEAST_CUSTOMERS and others.below_zero),
                "worse_than_best_sellers": bool(inside.sum() >= LEAST_CUSTOMERS and best_sellers.below_zero),
            }
        )
    return rows


def _pooled(labels: Labels) -> Labels:
    named = np.where(labels == "", UNKNOWN, labels).astype("<U32")
    groups, place, counts = np.unique(named, return_inverse=True, return_counts=True)
    return np.where(counts[place] < LEAST_CUSTOMERS, SMALL, groups[place])

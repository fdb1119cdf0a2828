"""What a campaign brought: those who were to be mailed compared with the holdout, who were drawn with them and got none.

Everybody who was to be mailed counts, whether the mail arrived or not: leaving out the unreachable on one side only
would make the two sides unlike. Both are looked at over the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.insight.people import Scope
from campaigns.insight.rates import Rate, difference, rounded

WINDOW = timedelta(days=30)
LEAST_CUSTOMERS = 30
"""On either side; of fewer nothing can be said."""
RESAMPLES = 2_000
# Above it the mean is as good as normal, and drawing would take minutes.
_MOST_DRAWN = 20_000
_SEED = 42

Floats = NDArray[np.float64]

_VALUES = """
    with each as (
        select p.customer_id, p.holdout, count(distinct o.order_id) as orders,
               coalesce(sum(o.value) filter (where o.currency = :currency), 0) as revenue
        from report_people p
        left join report_orders o on o.customer_id = p.customer_id and o.at >= :start and o.at < :until
        where p.holdout or p.treated group by 1, 2)
    select holdout, count(*) as customers, count(*) filter (where orders > 0) as buyers, sum(orders) as orders,
           coalesce(array_agg(revenue::float8 order by revenue) filter (where revenue <> 0), '{}') as revenues
    from each group by 1"""


@dataclass(frozen=True, slots=True)
class Side:
    """`revenues` are those of the customers with any, the others' are 0."""

    customers: int
    buyers: int
    orders: int
    revenues: Floats

    @property
    def mean(self) -> float:
        """Revenue a customer."""
        return float(self.revenues.sum()) / self.customers if self.customers else 0.0

    @property
    def variance(self) -> float:
        """Of the revenue of one customer."""
        if self.customers < 2:
            return math.nan
        squares = float((self.revenues**2).sum())
        return max(squares - self.customers * self.mean**2, 0.0) / (self.customers - 1)


def sides(session: Session, scope: Scope, until: datetime) -> tuple[Side, Side]:
    """Those who were to be mailed, and the holdout, from the beginning of the campaign to below `until`."""
    nobody = Side(0, 0, 0, np.zeros(0))
    found = {False: nobody, True: nobody}
    asked = {"start": scope.started_at, "until": until, "currency": scope.currency}
    for row in session.execute(text(_VALUES), asked):
        found[bool(row.holdout)] = Side(
            row.customers, row.buyers, int(row.orders), np.array(row.revenues, np.float64)
        )
    return found[False], found[True]


def lift(session: Session, scope: Scope) -> dict[str, Any]:
    """Revenue and conversion beyond the holdout's, a customer and in all, with 95 % intervals.

    `is_effect` is false, and `why` says so, where there is no holdout or one of the sides is too small. `sure` tells
    whether the interval of the revenue lies on one side of 0. The time is from the beginning until WINDOW after the
    last mail, or until now; `complete` tells whether that has passed.
    """
    end = (scope.last_sent or scope.now) + WINDOW
    until = min(end, scope.now)
    mailed, held = sides(session, scope, until)
    told = {"until": until.isoformat(), "complete": end <= scope.now, "currency": scope.currency}
    if not held.customers:
        return told | {"is_effect": False, "why": "no holdout: nobody was kept back to compare with"}
    figures = told | {
        "mailed": _side_json(mailed),
        "holdout": _side_json(held),
        "conversion": difference(Rate(mailed.buyers, mailed.customers), Rate(held.buyers, held.customers)),
    }
    if min(mailed.customers, held.customers) < LEAST_CUSTOMERS:
        why = f"too few customers: at least {LEAST_CUSTOMERS} are needed on either side"
        return figures | {"is_effect": False, "why": why}
    apart, method = mean_difference(mailed, held)
    each = {name: rounded(value, 6) for name, value in apart.items()}
    whole = {name: rounded(value * mailed.customers, 2) for name, value in apart.items()}
    sure = apart["low"] > 0 or apart["high"] < 0
    return figures | {
        "is_effect": True,
        "why": "",
        "per_customer": each,
        "total": whole,
        "method": method,
        "sure": sure,
    }


def mean_difference(one: Side, other: Side) -> tuple[dict[str, float], str]:
    """The mean of `one` less that of `other` with its 95 % interval, and how that was found: bootstrap or Welch.

    The bootstrap draws customers with replacement (Efron 1979). As most of them have bought nothing, first is drawn
    how many of the buyers are among them (binomial), then which: the same distribution for a fraction of the work.
    Where a side has more than 20,000 buyers it is Welch's t interval (1947, doi 10.1093/biomet/34.1-2.28).
    """
    mean = one.mean - other.mean
    if max(len(one.revenues), len(other.revenues)) > _MOST_DRAWN:
        low, high = _welch(one, other)
        return {"mean": mean, "low": mean + low, "high": mean + high}, "Welch"
    drawn = _drawn_means(one, _SEED) - _drawn_means(other, _SEED + 1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"mean": mean, "low": float(low), "high": float(high)}, "bootstrap"


def _drawn_means(side: Side, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    buyers = len(side.revenues)
    if not buyers:
        return np.zeros(RESAMPLES)
    counts = rng.binomial(side.customers, buyers / side.customers, size=RESAMPLES)
    return np.array([rng.choice(side.revenues, n).sum() if n else 0.0 for n in counts]) / side.customers


def _welch(one: Side, other: Side) -> tuple[float, float]:
    a, b = one.variance / one.customers, other.variance / other.customers
    if a + b == 0:
        return 0.0, 0.0
    freedom = (a + b) ** 2 / (a * a / (one.customers - 1) + b * b / (other.customers - 1))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(a + b)
    return -half, half


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "customers": side.customers,
        "orders": side.orders,
        "conversion": Rate(side.buyers, side.customers).to_json(),
        "revenue_per_customer": rounded(side.mean, 4),
    }

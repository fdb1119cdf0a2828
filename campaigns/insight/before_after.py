"""Average order value, retention, conversion and lifetime value, before a campaign and after, of the mailed and the holdout.

All four are ratios of sums over customers. How sure they are is told by a delete-a-group jackknife: customers are
dealt into 40 groups by a hash, and each figure is worked out 40 times, without one group each time (Kott 2001, The
delete-a-group jackknife, Journal of Official Statistics 17). That needs no more than the sums of each group, and
heeds that the same customers are behind before and after.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.insight.people import Scope
from campaigns.insight.rates import rounded

LONGEST = timedelta(days=30)
GROUPS = 40
# Of fewer customers a group would often be empty.
LEAST_CUSTOMERS = 4 * GROUPS
# Student's t with 39 degrees of freedom, 97.5th percentile.
_T = 2.022690911734728

Floats = NDArray[np.float64]

_SUMS = f"""
    with each as (
        select p.customer_id, p.holdout,
               mod(hashint8extended(p.customer_id, :seed) & 9223372036854775807, {GROUPS}) as lot,
               count(distinct o.order_id) filter (where o.at >= :before and o.at < :start) as n_before,
               count(distinct o.order_id) filter (where o.at >= :start and o.at < :until) as n_after,
               count(distinct o.order_id) filter
                   (where o.currency = :currency and o.at >= :before and o.at < :start) as orders_before,
               count(distinct o.order_id) filter
                   (where o.currency = :currency and o.at >= :start and o.at < :until) as orders_after,
               sum(o.value) filter (where o.currency = :currency and o.at >= :before and o.at < :start) as spent_before,
               sum(o.value) filter (where o.currency = :currency and o.at >= :start and o.at < :until) as spent_after,
               sum(o.value) filter (where o.currency = :currency and o.at < :start) as life_before,
               sum(o.value) filter (where o.currency = :currency and o.at < :until) as life_after,
               coalesce(bool_or(o.at >= :earlier and o.at < :before), false) as earlier
        from report_people p left join report_orders o on o.customer_id = p.customer_id
        where p.mailed or p.holdout group by 1, 2, 3)
    select holdout, lot::int, count(*) as customers,
           sum(orders_before) as orders_before, sum(orders_after) as orders_after,
           coalesce(sum(spent_before), 0) as spent_before, coalesce(sum(spent_after), 0) as spent_after,
           coalesce(sum(life_before), 0) as life_before, coalesce(sum(life_after), 0) as life_after,
           count(*) filter (where n_before > 0) as buyers_before, count(*) filter (where n_after > 0) as buyers_after,
           count(*) filter (where earlier) as known_before,
           count(*) filter (where earlier and n_before > 0) as again_before,
           count(*) filter (where n_before > 0 and n_after > 0) as again_after
    from each group by 1, 2"""
_COLUMNS = (
    "customers", "orders_before", "orders_after", "spent_before", "spent_after", "life_before", "life_after",
    "buyers_before", "buyers_after", "known_before", "again_before", "again_after",
)  # fmt: skip
# The metric: what is divided by what, before and after.
_RATIOS = {
    "average_order_value": (("spent_before", "orders_before"), ("spent_after", "orders_after")),
    "conversion": (("buyers_before", "customers"), ("buyers_after", "customers")),
    "retention": (("again_before", "known_before"), ("again_after", "buyers_before")),
    "lifetime_value": (("life_before", "customers"), ("life_after", "customers")),
}
METRICS = tuple(_RATIOS)
_Sums = dict[str, float]


def before_after(session: Session, scope: Scope) -> dict[str, Any]:
    """One row for each of METRICS: before and after of both sides, their changes, and how much the mailed changed more.

    `days` is how long before and after are: 30, or what has passed since the campaign began. Changes have 95 %
    intervals where there are at least 160 customers. With the same length on both sides: before is right before the
    beginning of the campaign, after begins with it. Empty rows: nothing has passed.
    """
    length = min(LONGEST, scope.now - scope.started_at)
    told = {"days": round(length / timedelta(days=1), 2), "currency": scope.currency}
    if length <= timedelta(0):
        return told | {"rows": [], "mailed": 0, "holdout": 0}
    start = scope.started_at
    asked = {
        "earlier": start - 2 * length,
        "before": start - length,
        "start": start,
        "until": start + length,
        "currency": scope.currency,
        "seed": scope.campaign_id,
    }
    mailed, held = _empty(), _empty()
    for row in session.execute(text(_SUMS), asked).mappings():
        side = held if row["holdout"] else mailed
        side[int(row["lot"])] = [float(row[name]) for name in _COLUMNS]
    rows = [_metric(name, mailed, held) for name in METRICS]
    return told | {"rows": rows, "mailed": int(mailed[:, 0].sum()), "holdout": int(held[:, 0].sum())}


def _empty() -> Floats:
    return np.zeros((GROUPS, len(_COLUMNS)))


def _metric(name: str, mailed: Floats, held: Floats) -> dict[str, Any]:
    (top, bottom), (late_top, late_bottom) = _RATIOS[name]

    def before(sums: _Sums) -> float:
        return _ratio(sums[top], sums[bottom])

    def after(sums: _Sums) -> float:
        return _ratio(sums[late_top], sums[late_bottom])

    def change(sums: _Sums) -> float:
        return after(sums) - before(sums)

    row: dict[str, Any] = {"metric": name}
    for who, side in (("mailed", mailed), ("holdout", held)):
        known = side[:, 0].sum() > 0
        row[who] = {
            "before": rounded(before(_sums(side)), 6) if known else None,
            "after": rounded(after(_sums(side)), 6) if known else None,
            "change": _jackknifed(lambda sums, _: change(sums), side, side) if known else None,
        }
    both = mailed[:, 0].sum() > 0 and held[:, 0].sum() > 0
    row["difference"] = (
        _jackknifed(lambda one, other: change(one) - change(other), mailed, held) if both else None
    )
    return row


def _jackknifed(
    figure: Callable[[_Sums, _Sums], float], one: Floats, other: Floats
) -> dict[str, float | None]:
    """The figure of all groups, and its interval: (G - 1) / G times the squares of what leaving out each one changes."""
    whole = figure(_sums(one), _sums(other))
    least = min(one[:, 0].sum(), other[:, 0].sum())
    left = np.array(
        [
            figure(_sums(np.delete(one, lot, axis=0)), _sums(np.delete(other, lot, axis=0)))
            for lot in range(GROUPS)
        ]
    )
    if least < LEAST_CUSTOMERS or not np.isfinite(left).all() or not math.isfinite(whole):
        return {"mean": rounded(whole, 6), "low": None, "high": None}
    half = _T * math.sqrt((GROUPS - 1) / GROUPS * float(((left - left.mean()) ** 2).sum()))
    return {"mean": rounded(whole, 6), "low": rounded(whole - half, 6), "high": rounded(whole + half, 6)}


def _sums(side: Floats) -> _Sums:
    return dict(zip(_COLUMNS, side.sum(axis=0).tolist(), strict=True))


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else math.nan

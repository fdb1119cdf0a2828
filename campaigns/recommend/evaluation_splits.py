"""Which orders a recommender may learn from, and which it has to foretell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from campaigns.core.errors import BadInput
from campaigns.recommend.interactions import Interactions, days_since_epoch

Split = Literal["time", "last-order"]
DEFAULT_TEST_DAYS = 30.0
_LONGEST_DAYS = 36_500
_ONE_SECOND = 1 / 86400


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """`past` is known, `future` is to be foretold; `today` is the moment between them (days since 1970).

    `until` is where the future ends. Customers and products have the same positions in both.
    """

    split: Split
    past: Interactions
    future: Interactions
    today: float
    until: float

    @property
    def as_of(self) -> datetime:
        """`today` as a moment, in UTC."""
        return moment_of(self.today)


def moment_of(day: float) -> datetime:
    """The moment of a number of days since 1970, in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)


def in_halves(
    interactions: Interactions,
    split: Split = "time",
    cut: datetime | None = None,
    days: float | None = None,
) -> Halves:
    """Divide all orders.

    Args:
        split: "time" foretells what is bought at `cut` or later; "last-order" the last order of each customer
            with two or more (by time; of two at once the one with the larger number).
        cut: aware. For "time" 30 days (or `days`) before the end where it is not given; for "last-order" only
            orders before it take part at all.
        days: how long the future is, for "time" only; to the end of the data where it is not given.

    Raises:
        BadInput: there are no orders; the cut leaves nothing before or after it; the days do not fit.
    """
    if split not in ("time", "last-order"):
        raise BadInput(f"there is no split {split!r}: use time or last-order", where="--split")
    if not len(interactions.day):
        raise BadInput(
            "there are no orders to evaluate on; run `tailormail import orders FILE`", where="orders"
        )
    _check_days(split, days)
    return _by_time(interactions, cut, days) if split == "time" else _by_last_order(interactions, cut)


def _check_days(split: Split, days: float | None) -> None:
    if days is None:
        return
    if split != "time":
        raise BadInput(
            "belongs to --split time; with last-order the test is each customer's last order", where="--days"
        )
    if not 0 < days <= _LONGEST_DAYS:
        raise BadInput(
            f"must be a number of days from above 0 to {_LONGEST_DAYS:,}, such as 30", where="--days"
        )


def _by_time(interactions: Interactions, cut: datetime | None, days: float | None) -> Halves:
    end = float(interactions.day.max()) + _ONE_SECOND
    start = days_since_epoch(cut) if cut else end - (days or DEFAULT_TEST_DAYS)
    stop = min(start + days, end) if days is not None else end
    before = interactions.day < start
    after = (interactions.day >= start) & (interactions.day < stop)
    if not before.any() or not after.any():
        raise BadInput(_nothing_there(interactions, start, stop, before.any()), where="--cut")
    return Halves("time", interactions.lines(before), interactions.lines(after), start, stop)


def _nothing_there(interactions: Interactions, start: float, stop: float, has_past: np.bool_) -> str:
    first, last = moment_of(float(interactions.day.min())), moment_of(float(interactions.day.max()))
    span = f"the orders reach from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if not has_past:
        return f"there are no orders before {moment_of(start):%Y-%m-%d} to learn from; {span}"
    if start > float(interactions.day.max()):
        return f"there are no orders at or after {moment_of(start):%Y-%m-%d} to test on; {span}"
    return (
        f"there are no orders from {moment_of(start):%Y-%m-%d} to {moment_of(stop):%Y-%m-%d} to test on; "
        f"{span}: take more days, or another cut"
    )


def _by_last_order(interactions: Interactions, cut: datetime | None) -> Halves:
    if cut:
        earlier = interactions.lines(interactions.day < days_since_epoch(cut))
        if not len(earlier.day):
            raise BadInput(_nothing_there(interactions, days_since_epoch(cut), 0.0, np.False_), where="--cut")
        interactions = earlier
    last = in_last_order(interactions)
    if not last.any():
        raise BadInput(
            "no customer has two orders, so that no last one can be foretold; use --split time",
            where="--split",
        )
    past = interactions.lines(~last)
    today = float(past.day.max()) + _ONE_SECOND
    return Halves(
        "last-order", past, interactions.lines(last), today, float(interactions.day.max()) + _ONE_SECOND
    )


def in_last_order(interactions: Interactions) -> NDArray[np.bool_]:
    """(L,) the lines of the last order (by time, then by number) of customers with two orders or more."""
    by_time = np.lexsort((interactions.order, interactions.day, interactions.customer))
    customer = interactions.customer[by_time]
    ends = np.flatnonzero(np.append(customer[1:] != customer[:-1], True))
    last_order = np.zeros(len(interactions.customer_ids), np.int64)
    last_order[customer[ends]] = interactions.order[by_time[ends]]
    codes, code = np.unique(interactions.order, return_inverse=True)
    pairs = np.unique(interactions.customer * max(len(codes), 1) + code)
    orders = np.bincount(pairs // max(len(codes), 1), minlength=len(interactions.customer_ids))
    return (orders[interactions.customer] > 1) & (interactions.order == last_order[interactions.customer])

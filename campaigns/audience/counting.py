"""How many customers a segment has, and how many of them would be mailed: from a fair sample, or one by one.

The sample are the customers who come first in an order by a hash of their number (the index `ix_customers_sample`).
It is the same for every question, so that a stricter rule never counts more than a laxer one, and it costs the same
among ten thousand customers and among ten million. Who is held back is decided by the expression that decides it
when an audience is frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, sqrt
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, null, select, text
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import audience_of, judged_by_reason
from campaigns.audience.limits import values
from campaigns.audience.segments import Segment
from campaigns.core.db import any_of
from campaigns.models import Customer

_LOWEST, _KEYS = -(2**31), 2**32
_Z95 = 1.959964
_key: ColumnElement[int] = func.hashint8(Customer.id)


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers of the customers who come first; `share` of all are expected to be among them, 1.0: all are.

    They are told to PostgreSQL one by one: of a bound on their keys it would guess that a third of all lie below it.
    """

    ids: tuple[int, ...]
    share: float

    @property
    def everybody(self) -> bool:
        """Whether nobody was left out."""
        return self.share == 1.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Customers of a segment among those who were looked at: the ones to mail, the others by reason.

    `first` are a few of them, (customer number, reason or ""), in an order that has nothing to do with them.
    """

    planned: int
    held_back: dict[str, int]
    first: tuple[tuple[int, str], ...] = ()

    @property
    def n(self) -> int:
        """All customers of the segment who were looked at."""
        return self.planned + sum(self.held_back.values())


def sample_of(session: Session, size: int) -> Sample:
    """The first `size` customers in the order of the sample; reads as many entries of an index."""
    first = select(Customer.id, _key).where(Customer.erased_at.is_(None)).order_by(_key).limit(size + 1)
    found = session.execute(first).all()
    if len(found) <= size:
        return Sample((), 1.0)
    # Where the next one lies tells how thick they lie.
    *inside, (_, bound) = found
    return Sample(tuple(number for number, _ in inside), max(bound - _LOWEST, 1) / _KEYS)


def judge_sample(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime, sample: Sample, few: int
) -> Judged:
    """What freezing would decide about the sample now, and the first `few` customers of the segment in it."""
    audience = audience_of(segment, now).add_columns(Customer.id.label("id"), _key.label("key"))
    judged, bound = _judged(audience, sample), values(terms, now) | {"sampled": list(sample.ids)}
    _look_up_singly(session)
    counts = select(judged.c.reason, func.count().label("n"), null().label("id")).group_by(judged.c.reason)
    first = select(judged.c.reason, literal(0), judged.c.id).order_by(judged.c.key).limit(few)
    found = session.execute(counts.union_all(first.subquery().select()), bound).all()
    return _told([(reason, n) for reason, n, id_ in found if id_ is None], [(i, r) for r, _, i in found if i])


def ids_in_sample(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime, sample: Sample
) -> list[int]:
    """The numbers of those customers of the sample whom freezing would plan to mail now."""
    audience = audience_of(segment, now).add_columns(Customer.id.label("id"))
    judged, bound = _judged(audience, sample), values(terms, now) | {"sampled": list(sample.ids)}
    _look_up_singly(session)
    return list(session.scalars(select(judged.c.id).where(judged.c.reason == ""), bound))


def judge_all(
    session: Session, terms: ContactTerms, segment: Segment, now: datetime, few: int, seconds: float
) -> Judged:
    """The same of all customers, one by one.

    Raises:
        sqlalchemy.exc.OperationalError: it took longer than `seconds` (psycopg.errors.QueryCanceled).
    """
    session.execute(text(f"set local statement_timeout = {ceil(seconds * 1000)}"))
    audience = audience_of(segment, now)
    reasons = judged_by_reason(audience).c.reason
    bound = values(terms, now)
    counts = session.execute(select(reasons, func.count()).group_by(reasons), bound).all()
    first = judged_by_reason(
        audience.add_columns(Customer.id.label("id"), _key.label("key")).order_by(_key).limit(few)
    )
    people = session.execute(select(first.c.id, first.c.reason).order_by(first.c.key), bound).all()
    session.execute(text("set local statement_timeout = 0"))
    return _told([(reason, n) for reason, n in counts], [(id_, reason) for id_, reason in people])


def interval(n: int, sample: Sample) -> tuple[int, int, int]:
    """Of `n` found in the sample: how many that makes of all customers, and between which numbers (95 %).

    Those found are counts of a Poisson process: a customer is in the sample or not whatever the others are.
    Source: Byar's approximation, in Breslow & Day, Statistical Methods in Cancer Research II (1987), p. 69.
    """
    if sample.everybody:
        return n, n, n
    low = n * (1 - 1 / (9 * n) - _Z95 / (3 * sqrt(n))) ** 3 if n else 0.0
    above = n + 1
    high = above * (1 - 1 / (9 * above) + _Z95 / (3 * sqrt(above))) ** 3
    return round(n / sample.share), max(n, floor(low / sample.share)), ceil(high / sample.share)


def _judged(audience: Select[Any], sample: Sample) -> Any:
    if not sample.everybody:
        audience = audience.where(Customer.id == any_of("sampled"))
    return judged_by_reason(audience).select().cte("judged").prefix_with("materialized")


def _look_up_singly(session: Session) -> None:
    """Until the transaction ends, let PostgreSQL look customers up by their numbers.

    It would rather read the whole of the tables beside them, which for some thousand of a million takes ten times as
    long; and it would compile what runs for some milliseconds.
    """
    for setting in (
        "enable_seqscan = off",
        "random_page_cost = 1.1",
        "max_parallel_workers_per_gather = 0",
        "jit = off",
    ):
        session.execute(text(f"set local {setting}"))


def _told(counts: list[tuple[str, int]], first: list[tuple[int, str]]) -> Judged:
    by_reason = dict(counts)
    planned = by_reason.pop("", 0)
    return Judged(planned, dict(sorted(by_reason.items())), tuple(first))

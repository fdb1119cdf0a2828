"""The words that occur in a shop's data, most frequent first: what a form can offer to choose from.

Those of customers come from the fair sample (counting.py), so that the answer does not take longer with more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.audience.counting import sample_of
from campaigns.models import Customer, Product

_SAMPLE = 3000
MOST = 12
"""Words of a kind that are offered."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """At most MOST words of each kind; empty texts are left out."""

    country: tuple[str, ...] = ()
    city: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    timezone: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()


def vocabulary_of(session: Session) -> Vocabulary:
    """What occurs now."""
    sample = sample_of(session, _SAMPLE)
    people = select(Customer.id).where(Customer.erased_at.is_(None))
    if not sample.everybody:
        people = people.where(Customer.id.in_(sample.ids))
    language = func.split_part(func.lower(Customer.locale), "_", 1)
    tag = func.unnest(Customer.tags)
    return Vocabulary(
        country=_words(session, people, Customer.country),
        city=_words(session, people, Customer.city),
        language=_words(session, people, language),
        timezone=_words(session, people, Customer.timezone),
        tag=_words(session, people, tag),
        category=_words(session, select(Product.id), Product.category),
        brand=_words(session, select(Product.id), Product.brand),
    )


def _words(session: Session, rows: Select[Any], column: Any) -> tuple[str, ...]:
    words = rows.with_only_columns(column.label("word")).subquery()
    counted = (
        select(words.c.word)
        .where(words.c.word != "")
        .group_by(words.c.word)
        .order_by(func.count().desc(), words.c.word)
        .limit(MOST)
    )
    return tuple(session.scalars(counted))

"""How often, about what and until when a customer wants mail, as they chose it themselves.

Who is mailed obeys these wishes beside the consents (audience/verdict.py). A customer without a row wants
everything as it comes. `updated_at` is the last time that the customer saved a choice: a sign of a person.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.errors import BadInput
from campaigns.models import Campaign, ContactPreference
from campaigns.models.contact import FREQUENCIES

MOST_TOPICS = 20
"""So many topics are offered, those of the newest campaigns."""

_UNANNOUNCED = ("draft", "cancelled")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What holds for one customer; `paused_until` is aware, and in the future or None."""

    frequency: str = "all"
    paused_until: datetime | None = None
    muted_topics: frozenset[str] = frozenset()


def read(session: Session, customer_id: int, now: datetime) -> Wishes:
    """The wishes of a customer at this moment."""
    row = session.get(ContactPreference, customer_id, populate_existing=True)
    if row is None:
        return Wishes()
    paused = row.paused_until if row.paused_until is not None and row.paused_until > now else None
    return Wishes(row.frequency, paused, frozenset(row.muted_topics))


def offered_topics(session: Session) -> list[str]:
    """What mails were about lately, the newest first; campaigns that nobody has approved yet are left out."""
    found = (
        select(Campaign.topic)
        .where(Campaign.topic != "", Campaign.status.not_in(_UNANNOUNCED))
        .group_by(Campaign.topic)
        .order_by(func.max(Campaign.id).desc())
        .limit(MOST_TOPICS)
    )
    return list(session.scalars(found))


def set_frequency(session: Session, customer_id: int, frequency: str, now: datetime) -> None:
    """From now on at most this often.

    Raises:
        BadInput: it is none of all, weekly, monthly.
    """
    if frequency not in FREQUENCIES:
        raise BadInput(f"must be one of {', '.join(FREQUENCIES)}", where="frequency")
    _row(session, customer_id, now).frequency = frequency


def set_pause(session: Session, customer_id: int, until: datetime | None, now: datetime) -> None:
    """No marketing mail before `until` (aware); None goes on at once.

    Raises:
        BadInput: `until` has no time zone.
    """
    if until is not None and until.tzinfo is None:
        raise BadInput("needs a time zone", where="until")
    _row(session, customer_id, now).paused_until = until


def mute_topics(
    session: Session, customer_id: int, mute: Collection[str], unmute: Collection[str], now: datetime
) -> None:
    """No more mail about the topics of `mute`, and mail again about those of `unmute`.

    Topics that are not offered are not muted, so that a page cannot be used to store anything else.
    """
    row = _row(session, customer_id, now)
    known = set(mute) & set(offered_topics(session))
    row.muted_topics = sorted((set(row.muted_topics) | known) - set(unmute))


def note_saved(session: Session, customer_id: int, now: datetime) -> None:
    """The customer has looked at their choices and saved them, whatever was changed."""
    _row(session, customer_id, now)


def _row(session: Session, customer_id: int, now: datetime) -> ContactPreference:
    """The customer's row, locked, made where there is none, and marked as chosen at this moment."""
    made = insert(ContactPreference).values(customer_id=customer_id, updated_at=now)
    session.execute(made.on_conflict_do_nothing())
    row = session.get_one(ContactPreference, customer_id, with_for_update=True, populate_existing=True)
    row.updated_at = now
    return row

"""How often, about what and until when: what a customer chose is kept, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.audience.contact_preferences import (
    MOST_TOPICS,
    Wishes,
    mute_topics,
    note_saved,
    offered_topics,
    read,
    set_frequency,
    set_pause,
)
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput
from campaigns.models import Campaign, ContactPreference


@pytest.fixture
def ada(shop: object, ids: Callable[[], dict[str, int]]) -> int:
    """The number of a customer."""
    return ids()["C1"]


def campaign(session: UnitOfWork, topic: str, status: str = "sent") -> None:
    session.add(
        Campaign(
            name="One", template="outdoor", picks=3, sender="hello@fjellandfern.example", topic=topic, status=status,
            postal_address="Fjell & Fern, Storgata 12", brief={}, segment={}, slots=[],
        )
    )  # fmt: skip
    session.flush()


def test_who_has_chosen_nothing_wants_everything_as_it_comes(
    session: UnitOfWork, ada: int, now: datetime
) -> None:
    assert read(session, ada, now) == Wishes("all", None, frozenset())
    assert session.scalars(select(ContactPreference)).all() == []


def test_each_choice_stands_beside_the_others(session: UnitOfWork, ada: int, now: datetime) -> None:
    campaign(session, "new arrivals")
    until = now + timedelta(days=30)
    set_frequency(session, ada, "weekly", now)
    set_pause(session, ada, until, now)
    mute_topics(session, ada, {"new arrivals"}, set(), now)
    note_saved(session, ada, now)
    session.flush()
    assert read(session, ada, now) == Wishes("weekly", until, frozenset({"new arrivals"}))
    set_frequency(session, ada, "all", now)
    set_pause(session, ada, None, now)
    mute_topics(session, ada, set(), {"new arrivals"}, now)
    assert read(session, ada, now) == Wishes()


def test_a_pause_ends_by_itself(session: UnitOfWork, ada: int, now: datetime) -> None:
    set_pause(session, ada, now + timedelta(days=30), now)
    session.flush()
    assert read(session, ada, now + timedelta(days=30) - timedelta(seconds=1)).paused_until
    assert read(session, ada, now + timedelta(days=30)).paused_until is None


def test_saving_is_noted_as_a_sign_of_a_person(session: UnitOfWork, ada: int, now: datetime) -> None:
    note_saved(session, ada, now)
    later = now + timedelta(days=3)
    note_saved(session, ada, later)
    session.flush()
    assert session.get_one(ContactPreference, ada).updated_at == later


def test_what_does_not_exist_is_refused(session: UnitOfWork, ada: int, now: datetime) -> None:
    with pytest.raises(BadInput, match="frequency"):
        set_frequency(session, ada, "hourly", now)
    with pytest.raises(BadInput, match="time zone"):
        set_pause(session, ada, datetime(2026, 5, 1), now)


def test_nothing_but_offered_topics_can_be_muted(session: UnitOfWork, ada: int, now: datetime) -> None:
    campaign(session, "sale")
    mute_topics(session, ada, {"sale", "<script>", "x" * 10_000}, set(), now)
    assert read(session, ada, now).muted_topics == {"sale"}


def test_topics_are_those_of_the_newest_campaigns_that_people_may_know_of(session: UnitOfWork) -> None:
    campaign(session, "old and new")
    for number in range(MOST_TOPICS + 4):
        campaign(session, f"topic {number:02}")
    campaign(session, "")
    campaign(session, "a secret", "draft")
    campaign(session, "called off", "cancelled")
    campaign(session, "old and new")
    offered = offered_topics(session)
    assert offered[:3] == ["old and new", f"topic {MOST_TOPICS + 3:02}", f"topic {MOST_TOPICS + 2:02}"]
    assert len(offered) == MOST_TOPICS == len(set(offered))
    assert not {"", "a secret", "called off"} & set(offered)

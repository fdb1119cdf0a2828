"""Whose mail is opened and what they allow: from where it is known for sure, and nothing where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from sqlalchemy import select, text

from campaigns.audience.consent import record
from campaigns.compose.links import LinkMaker, SendRef, read_open
from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.flows.opening.askers import Asker
from campaigns.flows.opening.open_states import OpenStates
from campaigns.flows.opening.openers import Openers
from campaigns.models import Event
from campaigns.opentime.serving.known_states import KnownStates
from campaigns.opentime.serving.open_state import WITHDRAWN
from campaigns.opentime.serving.state_shelf import StateShelf
from campaigns.runtime import Runtime
from tests.shop import record_opens
from tests.tables import without
from tests.waiting import until

SENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLOUD = Asker("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36", "52.0.0.1")


class Someone:
    """Customer 1, who got mail 1 of campaign 1 at SENT."""

    def __init__(self, db: Database, redis_client: redis.Redis) -> None:
        self.db = db
        self.shelf = StateShelf(redis_client)
        self.states = OpenStates(db, self.shelf)
        self.known = KnownStates(redis_client)
        self.openers = Openers(db, self.shelf, self.states, self.known)
        with db.transaction() as session:
            for statement in (
                "insert into campaigns (name, template, picks, sender, postal_address, brief, segment, slots) "
                "values ('C', 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', '[]')",
                "insert into customers (external_id, latitude, longitude) values ('1', 59.9, 10.7)",
                "insert into sends (campaign_id, id, customer_id, status, tracked, sent_at) "
                f"values (1, 1, 1, 'sent', true, '{SENT.isoformat()}')",
            ):
                session.execute(text(statement))
        self.says("granted", SENT - timedelta(days=1))

    def says(self, action: str, at: datetime = SENT) -> None:
        """To open_tracking; Redis is not told."""
        with self.db.transaction() as session:
            record(session, 1, "open_tracking", action, "words", "test", at)

    def redis_is_told(self) -> None:
        self.shelf.put(self.states.of([1]))

    @contextmanager
    def without_postgres(self) -> Iterator[None]:
        with without(self.db):
            yield
        self.openers._patience._rests_until = 0.0

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        def away(*_: Any, **__: Any) -> Any:
            raise redis.ConnectionError("refused")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.shelf, "read", away)
            patch.setattr(self.shelf, "put", away)
            yield
        self.openers._redis_rests_until = 0.0


@pytest.fixture
def someone(db: Database, redis_client: redis.Redis) -> Iterator[Someone]:
    """Before anything was asked."""
    someone = Someone(db, redis_client)
    yield someone
    someone.known.close()


def listening(someone: Someone) -> Openers:
    someone.known.get(1)
    until(lambda: someone.known.listening, 5)
    return someone.openers


def settled(known: KnownStates, states: OpenStates) -> None:
    """The scheduler has brought Redis up to date, as it does every few seconds."""

    def believed() -> bool:
        states.catch_up()
        return known.settled

    until(believed, 10)


def test_memory_answers_then_redis_then_postgres(someone: Someone) -> None:
    openers = listening(someone)
    settled(someone.known, someone.states)
    statements = someone.db.statements
    assert openers.state(1).tracking
    assert someone.db.statements > statements, "nobody else knew it"
    assert someone.shelf.read([1])[1].tracking, "now Redis knows it, too"
    with someone.without_postgres():
        with someone.without_redis():
            assert openers.state(1).tracking, "from memory"
        someone.known.forget(1)
        assert openers.state(1).tracking, "from Redis"


def test_where_nobody_answers_nothing_is_allowed(someone: Someone) -> None:
    with someone.without_postgres(), someone.without_redis():
        assert listening(someone).state(1) is WITHDRAWN
    assert someone.openers.state(1).tracking, "and that is not remembered"


def test_somebody_unknown_allows_nothing(someone: Someone) -> None:
    assert not listening(someone).state(999).tracking


def test_a_withdrawal_counts_at_once(someone: Someone) -> None:
    openers = listening(someone)
    assert openers.state(1).tracking
    someone.says("withdrawn")
    someone.states.write_through([1])
    until(lambda: not openers.state(1).tracking, 1)


def test_a_redis_that_was_away_is_not_believed_before_postgres(
    someone: Someone, redis_client: redis.Redis
) -> None:
    someone.redis_is_told()
    openers = listening(someone)
    assert openers.state(1).tracking
    redis_client.client_kill_filter(_type="pubsub")
    until(lambda: not someone.known.listening, 1)
    someone.says("withdrawn")
    until(lambda: someone.known.listening, 5)
    assert someone.shelf.read([1])[1].tracking, "it still has the consent of before"
    assert not openers.state(1).tracking
    assert not someone.shelf.read([1])[1].tracking, "and was told better"


def test_without_postgres_a_redis_that_was_away_is_not_believed_at_all(
    someone: Someone, redis_client: redis.Redis
) -> None:
    someone.redis_is_told()
    openers = listening(someone)
    redis_client.client_kill_filter(_type="pubsub")
    until(lambda: not someone.known.listening, 1)
    until(lambda: someone.known.listening, 5)
    with someone.without_postgres():
        assert openers.state(1) is WITHDRAWN
    settled(someone.known, someone.states)
    someone.redis_is_told()
    with someone.without_postgres():
        assert openers.state(1).tracking, "and that was not kept"


def test_a_process_that_begins_after_a_failure_does_not_believe_what_redis_missed(
    someone: Someone, redis_client: redis.Redis
) -> None:
    settled(listening(someone)._known, someone.states)
    someone.redis_is_told()
    someone.says("withdrawn")  # and whoever did it was cut off from Redis
    fresh = KnownStates(redis_client)
    try:
        fresh.get(1)
        until(lambda: fresh.listening, 5)
        openers = Openers(someone.db, someone.shelf, someone.states, fresh)
        assert not fresh.settled
        with someone.without_postgres():
            assert openers.state(1) is WITHDRAWN
        settled(fresh, someone.states)
        assert not someone.shelf.read([1])[1].tracking
    finally:
        fresh.close()


def test_whom_a_mail_of_an_earlier_version_was_sent_to(someone: Someone) -> None:
    expected = (1, 1, SENT.timestamp())
    assert someone.openers.addressed(0, 1) == expected, "before links said their campaign"
    with someone.without_postgres():
        assert someone.openers.addressed(1, 1) == expected, "remembered"
        assert someone.openers.addressed(1, 2) is None
    assert someone.openers.addressed(1, 2) is None


def test_links_say_whose_mail_it_is_and_when_it_was_written(runtime: Runtime) -> None:
    maker = LinkMaker(runtime.signer, "http://mail.test", FixedClock(SENT))
    for url, slot in (
        (maker.slot_picture(SendRef(8, 7, 9, True), 3), 3),
        (maker.pixel(SendRef(8, 7, 9, True)), 255),
    ):
        assert url
        token = url.rpartition("/")[2].partition(".")[0]
        assert read_open(runtime.signer, token) == (7, 8, slot, 9, int(SENT.timestamp()))
    anonymous = maker.slot_picture(SendRef(8, 7, 9, False), 3).rpartition("/")[2].partition(".")[0]
    assert runtime.signer.verify("open-anon", anonymous) == (7, 3)


@pytest.mark.parametrize(
    "numbers", [(1, 255), (1, 1, 255), (1, 1, 255, 1, 217_339_200)], ids=["first", "second", "of today"]
)
@pytest.mark.parametrize(("seconds", "machine"), [(0, True), (29, True), (31, False)])
def test_a_cloud_that_asks_right_after_the_delivery_is_a_machine(
    runtime: Runtime, someone: Someone, numbers: tuple[int, ...], seconds: int, machine: bool
) -> None:
    """217,339,200 seconds after the beginning of 2020 is SENT; for links that do not say it the send does."""
    runtime.__dict__["clock"] = FixedClock(SENT + timedelta(seconds=seconds))
    runtime.opening.picture(runtime.signer.sign("open", *numbers), CLOUD)
    record_opens(runtime)
    with runtime.db.transaction() as session:
        (opened,) = session.scalars(select(Event).where(Event.name == "opened"))
        assert (opened.machine, opened.send_id, opened.customer_id) == (machine, 1, 1)
        assert opened.at == SENT + timedelta(seconds=seconds)


def test_usually_postgres_is_not_asked_at_all(runtime: Runtime, someone: Someone) -> None:
    token = runtime.signer.sign("open", 1, 1, 255, 1, 217_339_200)
    runtime.opening.picture(token, CLOUD)
    settled(runtime.known_states, runtime.open_states)
    runtime.opening.picture(token, CLOUD)
    statements = runtime.db.statements
    for _ in range(10):
        runtime.opening.picture(token, CLOUD)
    runtime.known_states.forget(1)
    runtime.opening.picture(token, CLOUD)
    assert runtime.db.statements == statements

"""Redis, or PostgreSQL, comes back as it was some time ago: no consent that was withdrawn since counts again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from campaigns.audience.consent import record
from campaigns.core.db import Database
from campaigns.core.embedded_redis import redis_program
from campaigns.flows.opening.open_states import OpenStates
from campaigns.flows.opening.openers import Openers
from campaigns.models import Customer
from campaigns.opentime.serving import known_states
from campaigns.opentime.serving.known_states import KnownStates
from campaigns.opentime.serving.state_shelf import StateShelf
from campaigns.runtime import Runtime
from tests.tables import without
from tests.waiting import until
from workers import tasks

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


class SnapshotRedis:
    """A server that writes snapshots, and only when it is told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "s"
        self.client = redis.Redis(
            unix_socket_path=str(self._socket), socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        self.start()

    def start(self) -> None:
        words = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([redis_program(), *words], stdout=subprocess.DEVNULL)

        def answers() -> bool:
            with suppress(redis.RedisError, OSError):
                return bool(self.client.ping())
            return False

        until(answers, 10)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SnapshotRedis]:
    server = SnapshotRedis(tmp_path)
    yield server
    server.kill()
    server.client.close()


@pytest.fixture
def states(db: Database, server: SnapshotRedis) -> OpenStates:
    return OpenStates(db, StateShelf(server.client))


@pytest.fixture
def known(server: SnapshotRedis) -> Iterator[KnownStates]:
    known = KnownStates(server.client)
    yield known
    known.close()


@pytest.fixture
def openers(db: Database, server: SnapshotRedis, states: OpenStates, known: KnownStates) -> Openers:
    return Openers(db, StateShelf(server.client), states, known)


@pytest.fixture
def people(db: Database, states: OpenStates) -> list[int]:
    """Three who allow that their opens are measured; of all of them a change was written already."""
    with db.transaction() as session:
        people = [Customer(external_id=str(number)) for number in range(3)]
        session.add_all(people)
        session.flush()
        ids = [person.id for person in people]
    for number in ids:
        says(db, number, "granted", -2)
        says(db, number, "withdrawn", -1)
        says(db, number, "granted", 0)
    return ids


def says(db: Database, customer_id: int, action: str, minute: int) -> None:
    with db.transaction() as session:
        record(session, customer_id, "open_tracking", action, "w", "test", NOW + timedelta(minutes=minute))


def minutes_pass(db: Database, states: OpenStates) -> None:
    """Whatever was to be done once more is done."""
    with db.transaction() as session:
        session.execute(text("update open_states set written_at = written_at - interval '1 hour', "
                             "again_at = again_at - interval '1 hour'"))  # fmt: skip
    states.catch_up()


def settle(known: KnownStates, states: OpenStates) -> None:
    def settled() -> bool:
        known.get(0)
        states.catch_up()
        return known.settled

    until(settled, 15)


def test_a_redis_that_returns_from_a_snapshot_does_not_bring_back_consents(
    db: Database, server: SnapshotRedis, states: OpenStates, known: KnownStates, openers: Openers,
    people: list[int],
) -> None:  # fmt: skip
    leaves, leaves_unasked, stays = people
    settle(known, states)
    assert openers.state(leaves).tracking
    minutes_pass(db, states)
    server.client.save()
    for number in (leaves, leaves_unasked):
        says(db, number, "withdrawn", 1)
        states.write_through([number])
    states.catch_up()
    with db.transaction() as session:
        session.execute(text("update open_states set again_at = again_at - interval '1 hour'"))
    states.catch_up()
    with db.transaction() as session:
        assert not session.scalar(text("select count(*) from open_states where again_at is not null"))
    server.kill()
    # Told by the connection that ended; another server takes longer to be there.
    until(lambda: not known.settled, 5)
    server.start()
    shelf = StateShelf(server.client)
    assert shelf.read([leaves])[leaves].tracking, "this is what it returns with"
    assert not openers.state(leaves).tracking
    known.forget(leaves)
    with without(db):
        assert not openers.state(leaves).tracking, "and nobody else knows it"
    until(lambda: known.listening, 5)
    assert not known.settled
    openers._patience._rests_until = 0.0
    settle(known, states)
    with without(db):
        known.forget(leaves)
        assert not openers.state(leaves).tracking
        assert not openers.state(leaves_unasked).tracking, "nobody's question mended this one"
        assert openers.state(stays).tracking, "Redis is believed again"
    assert states.catch_up() == 0


def test_a_lost_redis_is_not_believed_while_the_loss_is_written_down(
    server: SnapshotRedis, states: OpenStates, known: KnownStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(known, states)
    believed: list[bool] = []

    class SlowLog:
        def warning(self, event: str, **_: object) -> None:
            believed.append(known.settled)

    monkeypatch.setattr(known_states, "_log", SlowLog())
    server.kill()
    until(lambda: believed, 5)
    assert believed == [False]


def test_only_what_may_be_missing_is_brought_again(
    db: Database, server: SnapshotRedis, states: OpenStates, people: list[int]
) -> None:
    states.catch_up()
    with db.transaction() as session:
        session.execute(text("update open_states set written_at = written_at - interval '1 hour', "
                             "again_at = null where customer_id <> :last"), {"last": people[-1]})  # fmt: skip
    server.client.save()
    server.kill()
    server.start()
    pubsub = server.client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("tailormail:open:changed")
    pubsub.get_message(timeout=1)
    states.catch_up()
    told = []
    while (message := pubsub.get_message(timeout=0.3)) is not None:
        told.append(int(message["data"]))
    assert told == [people[-1]]


def test_a_redis_that_lost_everything_is_begun_anew(
    db: Database, server: SnapshotRedis, states: OpenStates, known: KnownStates, people: list[int]
) -> None:
    settle(known, states)
    server.client.flushall()
    says(db, people[0], "withdrawn", 1)
    states.write_through([people[0]])
    until(lambda: not known.settled, 5)
    settle(known, states)
    assert not StateShelf(server.client).read(people)[people[0]].tracking


@pytest.mark.parametrize("drawn", [0, 1000])
def test_a_postgres_restored_from_a_backup_wins_over_the_shelf(
    db: Database, server: SnapshotRedis, states: OpenStates, known: KnownStates, openers: Openers,
    people: list[int], drawn: int,
) -> None:  # fmt: skip
    """`drawn`: so many versions more were drawn after it was restored, before anybody noticed."""
    leaves = people[0]
    settle(known, states)
    assert openers.state(leaves).tracking
    shelf = StateShelf(server.client)
    before = shelf.read([leaves])[leaves].version
    with db.transaction() as session:
        session.execute(text("update open_states set version = 1, written = 1"))
        session.execute(text("select setval('open_state_versions', 2)"))
    says(db, leaves, "withdrawn", 1)
    assert states.of([leaves])[leaves].version < before
    with db.transaction() as session:
        session.execute(text("select setval('open_state_versions', last_value + :n) from open_state_versions"),
                        {"n": drawn + before * min(drawn, 1)})  # fmt: skip
    states.write_through([leaves])
    until(lambda: states.catch_up() == 0 and not openers.state(leaves).tracking, 10)
    settle(known, states)
    known.forget(leaves)
    assert not openers.state(leaves).tracking
    says(db, leaves, "granted", 2)
    states.write_through([leaves])
    assert shelf.read([leaves])[leaves].tracking and shelf.read([leaves])[leaves].version > before


def test_what_the_shelf_refuses_is_not_marked_as_written(
    db: Database, server: SnapshotRedis, states: OpenStates, people: list[int]
) -> None:
    states.catch_up()
    with db.transaction() as session:
        session.execute(text("update open_states set version = 2, written = 1"))
    states.write_through(people)
    with db.transaction() as session:
        assert set(session.scalars(text("select written from open_states"))) == {1}
    assert StateShelf(server.client).past()[0] is None, "nobody believes it any more"


def test_who_drains_catches_up_before(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    with runtime.db.transaction() as session:
        customer = Customer(external_id="1")
        session.add(customer)
        session.flush()
        number = customer.id
    says(runtime.db, number, "granted", 0)
    runtime.state_shelf.put(runtime.open_states.of([number]))
    says(runtime.db, number, "withdrawn", 1)
    monkeypatch.setattr(tasks, "runtime", lambda: runtime)
    seen = []

    def drain() -> None:
        seen.append(runtime.state_shelf.read([number])[number].tracking)

    monkeypatch.setattr(runtime.draining, "drain", drain)
    # The second that catching up has here is too short for a busy machine, and not what is tested.
    catch_up = runtime.open_states.catch_up
    monkeypatch.setattr(runtime.open_states, "catch_up", lambda seconds: catch_up(30 * seconds))
    tasks.drain()
    assert seen == [False]

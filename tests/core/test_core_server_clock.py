"""The clock of workers is PostgreSQL's: the machine's own may be hours wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.server_clock import ServerClock


def test_it_tells_postgresqls_time_and_counts_on_by_itself(database: Database) -> None:
    ticks = [1000.0]
    clock = ServerClock(database, refresh=60, monotonic=lambda: ticks[0])
    with database.transaction() as session:
        told = session.scalar(text("select clock_timestamp()"))
    first = clock.now()
    assert first.tzinfo is UTC
    assert told is not None
    assert abs(first - told) < timedelta(seconds=2)
    asked = database.statements
    ticks[0] += 59
    assert clock.now() - first == timedelta(seconds=59)
    assert database.statements == asked, "nobody is asked for each look"
    ticks[0] += 3600
    again = clock.now()
    assert database.statements > asked
    assert abs(again - first) < timedelta(seconds=5), "asked again after a while"


def test_without_postgresql_it_is_the_machines() -> None:
    clock = ServerClock(Database("postgresql://nobody@127.0.0.1:9/nothing"))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=2)


def test_it_goes_on_while_postgresql_is_away(database: Database) -> None:
    ticks = [0.0]
    clock = ServerClock(database, refresh=10, monotonic=lambda: ticks[0])
    first = clock.now()
    clock._db = Database("postgresql://nobody@127.0.0.1:9/nothing")
    ticks[0] += 100
    assert clock.now() - first == timedelta(seconds=100)

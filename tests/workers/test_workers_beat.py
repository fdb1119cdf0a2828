"""Two schedulers at once: one speaks, and the other takes over when it dies or loses its connection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.locks import SCHEDULER_LOCK
from tests.shop import SECRET
from tests.waiting import until
from workers.lock import SessionLock, is_held

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def beat(servers: EmbeddedUrls, folder: Path, broker: str) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler as its own process, as `celery beat` starts it."""
    folder.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TAILORMAIL_DATABASE_URL": servers.database_url or "",
        "TAILORMAIL_REDIS_URL": (servers.redis_url or "").replace("db=0", "db=9"),
        "TAILORMAIL_BROKER_URL": broker,
        "TAILORMAIL_DATA_DIR": str(folder),
        "TAILORMAIL_SECRET_KEY": SECRET,
    }
    with (folder / "beat.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.main", "beat", "--pidfile", "", "--loglevel", "info"],
            env=environment, stdout=output, stderr=output, cwd=folder,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def said(folder: Path) -> str:
    return (folder / "beat.log").read_text()


@pytest.mark.slow
def test_one_of_two_speaks_and_the_other_takes_over(
    servers: EmbeddedUrls, database: Database, redis_client: redis.Redis, tmp_path: Path
) -> None:
    broker = (servers.redis_url or "").replace("db=0", "db=9")
    first, second = tmp_path / "first", tmp_path / "second"
    with beat(servers, first, broker) as speaker:
        until(lambda: "scheduler_speaks" in said(first), 20, lambda: said(first))
        with beat(servers, second, broker):
            until(lambda: "scheduler_stands_by" in said(second), 20, lambda: said(second))
            redis_client.delete("plan")
            time.sleep(5)
            assert 2 <= _sweeps(redis_client) <= 3, "one sweep in two seconds, not two"
            speaker.send_signal(signal.SIGKILL)
            speaker.wait()
            until(lambda: "scheduler_speaks" in said(second), 4, lambda: said(second))
            before = _sweeps(redis_client)
            until(lambda: _sweeps(redis_client) > before, 4, lambda: said(second))
            third = tmp_path / "third"
            with beat(servers, third, broker):
                until(lambda: "scheduler_stands_by" in said(third), 20, lambda: said(third))
                ended = _backends(database)
                _end(database, ended)
                until(lambda: _backends(database) not in ([], ended), 8, lambda: said(second) + said(third))
                until(lambda: _speakers(second, third) == 1, 4, lambda: said(second) + said(third))
    with database.transaction() as session:
        assert not is_held(session, SCHEDULER_LOCK), "who is asked to stop gives it back"


def _sweeps(redis_client: redis.Redis) -> int:
    """How often the scheduler has asked for a sweep; other tasks wait in that queue as well."""
    waiting: Any = redis_client.lrange("plan", 0, -1)
    return sum(json.loads(task)["headers"]["task"] == "tailormail.sweep" for task in waiting)


def _backends(database: Database) -> list[int]:
    """The processes of PostgreSQL that hold the lock."""
    query = "select pid from pg_locks where locktype = 'advisory' and objid = :key and granted"
    with database.transaction() as session:
        return list(session.scalars(text(query), {"key": SCHEDULER_LOCK}))


def _end(database: Database, backends: list[int]) -> None:
    assert len(backends) == 1
    with database.transaction() as session:
        assert session.scalar(text("select pg_terminate_backend(:pid)"), {"pid": backends[0]})


def _speakers(*folders: Path) -> int:
    """How many of them said last that they speak."""
    last = [folder_said.rfind("scheduler_speaks") > folder_said.rfind("scheduler_stands_by")
            for folder_said in map(said, folders)]  # fmt: skip
    return sum(last)


def test_a_scheduler_without_a_broker_says_so_once_and_goes_on(servers: EmbeddedUrls, tmp_path: Path) -> None:
    folder = tmp_path / "beat"
    with beat(servers, folder, "redis://127.0.0.1:1/0") as process:
        until(lambda: "not_scheduled" in said(folder), 20, lambda: said(folder))
        time.sleep(4.5)
        assert process.poll() is None
    assert said(folder).count("not_scheduled") == 1
    assert "Traceback" not in said(folder)


def test_the_lock_is_held_by_one_and_freed_with_its_connection(
    servers: EmbeddedUrls, database: Database
) -> None:
    key = 2**40 + 5
    one, two = (SessionLock(servers.database_url or "", key) for _ in range(2))
    assert one.held()
    assert one.held(), "asking again keeps it"
    assert not two.held()
    with database.transaction() as session:
        assert is_held(session, key)
        assert not is_held(session, key + 1)
    one.release()
    assert two.held()
    assert not one.held()
    two.release()


def test_without_postgresql_nobody_holds_it() -> None:
    assert not SessionLock("postgresql://127.0.0.1:9/nothing", 1).held()

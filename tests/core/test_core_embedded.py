"""The embedded servers: shared, private, recovering after kills, ended with their last user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from campaigns.core.embedded import Embedded, socket_folder

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from campaigns.core.embedded import Embedded
Embedded(Path(sys.argv[1])).acquire()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    ended = Embedded(tmp_path / "data")
    assert ended.redis
    assert ended.postgres
    ended.redis.stop()
    ended.postgres.stop()


def until(condition: object, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_servers_are_shared_survive_kills_and_end_with_their_last_user(folder: Path) -> None:
    first = hold(folder)
    mine = Embedded(folder)
    urls = mine.acquire()
    assert urls.database_url
    assert urls.redis_url
    assert mine.postgres
    assert mine.redis
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept values (42)")
    redis.Redis.from_url(urls.redis_url).set("kept", "42")
    postmaster = mine.postgres.pid()

    first.kill()
    first.wait()
    time.sleep(3)
    assert mine.postgres.pid() == postmaster, "a killed user must not take the servers from the others"

    assert postmaster
    os.kill(postmaster, signal.SIGKILL)
    server = mine.redis.pid()
    assert server
    os.kill(server, signal.SIGKILL)
    time.sleep(0.2)
    again = Embedded(folder)
    urls = again.acquire()
    assert urls.database_url
    assert urls.redis_url
    with psycopg.connect(urls.database_url) as connection:
        assert connection.execute("select n from kept").fetchone() == (42,)
    assert redis.Redis.from_url(urls.redis_url).get("kept") == b"42"

    last = hold(folder)
    mine.release()
    again.release()
    last.kill()  # The last user does not even get to say goodbye.
    last.wait()
    assert until(lambda: mine.postgres and mine.postgres.pid() is None)
    assert until(lambda: mine.redis and mine.redis.pid() is None)


def test_a_start_killed_half_way_is_started_over(folder: Path) -> None:
    half_made = folder / "postgres.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18")
    embedded = Embedded(folder)
    assert embedded.acquire().database_url
    assert not half_made.exists()
    embedded.release()


def test_the_data_folder_is_private(folder: Path) -> None:
    embedded = Embedded(folder)
    embedded.acquire()
    embedded.release()
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "postgres").stat().st_mode & 0o077 == 0


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100) / "run"
    short = socket_folder(long)
    assert len(str(short)) < 80
    assert short == socket_folder(long)
    assert short.stat().st_mode & 0o077 == 0
    short.rmdir()

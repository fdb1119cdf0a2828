"""The address of whoever opens a mail is used and then gone: no log, no server and no file ever had it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
import structlog
from opens_world import World
from sqlalchemy import text
from web_story import Story

from campaigns.core.db import Database, raw_cursor
from campaigns.core.log import configure_logging
from tests.opentime.opentime_samples import THUNDERBIRD
from tests.shop import record_opens
from web.app import create_app

ADDRESS = "81.2.69.160"
SIXTH = "2a02:2121:dead:beef::77"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0 marker-4711"
# As text, in the ways in which it may have been packed, and where GeoIP says that it is, before rounding.
TRACES = (
    ADDRESS.encode(), SIXTH.encode(), b"81.2.69.", b"dead:beef", bytes([81, 2, 69, 160]), b"510245a0",
    b"510245A0", str((81 << 24) + (2 << 16) + (69 << 8) + 160).encode(), b"marker-4711", b"69.649", b"18.955",
)  # fmt: skip


@pytest.fixture
def logs(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], bytes]]:
    """Logging as in production, down to the last detail; what was said so far, by whatever way."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("DEBUG", as_json=True)
    yield lambda: "".join(capfd.readouterr()).encode()
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def everything_in_postgres(db: Database) -> bytes:
    with db.transaction() as session:
        tables = session.scalars(
            text("select quote_ident(tablename) from pg_tables where schemaname = 'public' order by 1")
        ).all()
        assert {"events", "slot_serves", "customers"} <= set(tables)
        found = b""
        with raw_cursor(session) as cursor:
            for table in tables:
                with cursor.copy(f"copy (select * from {table}) to stdout") as rows:
                    found += b"".join(bytes(row) for row in rows)
    return found


def everything_in_redis(client: redis.Redis) -> bytes:
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange, b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }  # fmt: skip
    keys = list(client.scan_iter())
    assert keys
    # Not DUMP, which compresses.
    return b"\n".join(key + b" " + repr(read[cast(bytes, client.type(key))](key)).encode() for key in keys)


def traces(where: bytes) -> list[bytes]:
    return [trace for trace in TRACES if trace in where]


def opened(world: World, story: Story, broken: pytest.MonkeyPatch) -> set[int]:
    """Everything that can happen to a request, each with both addresses; returns the mails that were shown."""
    refs = {
        purposes: story.take() for purposes in (("open_tracking", "open_location"), ("open_tracking",), ())
    }
    client = create_app(world.runtime).test_client()
    paths = ["/o", "/o/forged.png", f"/o/{world.runtime.signer.sign('open', 999_999, 999_999, 0)}.png"]
    for purposes, ref in refs.items():
        world.lives_at_home(ref, *purposes)
        paths += [f"/o/{world.token(ref, slot)}.jpg" for slot in (0, 255, 100)]
    for address in (ADDRESS, SIXTH):
        headers = {"User-Agent": AGENT, "X-Forwarded-For": address}
        for path in paths:
            assert client.get(path, headers=headers).status_code == 200
        with broken.context() as patch:
            patch.setattr(world.runtime.gallery, "slots", lambda _: 1 // 0)
            patch.setattr(world.runtime.gallery, "picture", lambda _: 1 // 0)
            for path in paths:
                assert (
                    client.get(path, headers=headers, environ_base={"REMOTE_ADDR": address}).status_code
                    == 200
                )
    return {ref.send_id for purposes, ref in refs.items() if purposes}


def test_neither_a_log_nor_a_server_ever_has_the_address(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: Callable[[], bytes]
) -> None:
    world = World(story, tmp_path)
    sent = opened(world, story, monkeypatch)
    record_opens(world.runtime)
    waiting_in_redis = everything_in_redis(world.runtime.redis)
    assert set(world.geo.asked) >= {ADDRESS, SIXTH}, "it was used"
    with world.runtime.db.transaction() as session:
        signals = session.execute(text("select send_id, signal from slot_serves where slot = 0")).all()
    assert {send for send, _ in signals} >= sent and "address" in {signal for _, signal in signals}
    assert traces(everything_in_postgres(world.runtime.db)) == []
    # Once more without draining: the stream itself.
    opened(world, story, monkeypatch)
    world.runtime.serve_log.flush()
    stream = everything_in_redis(world.runtime.redis)
    assert b"tailormail:open:serves" in stream and b'"address"' in stream
    assert traces(waiting_in_redis + stream) == []
    record_opens(world.runtime)
    world.close()
    said = logs()
    assert b"ZeroDivisionError" in said, "what goes wrong is told"
    assert traces(said) == []


def test_the_spool_does_not_have_it_either(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: Callable[[], bytes]
) -> None:
    # In memory and PostgreSQL as they are, but no Redis.
    world = World(story, tmp_path, redis_url="redis://127.0.0.1:1/0")
    opened(world, story, monkeypatch)
    world.runtime.serve_log.flush()
    spool = b"".join(path.read_bytes() for path in world.runtime.spools.iterdir())
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b'"address"' in spool and b"rain" in spool + files
    assert traces(spool + files) == []
    world.close()
    assert traces(logs()) == []


def test_the_traces_would_be_found() -> None:
    assert THUNDERBIRD in AGENT
    assert traces(f"from {ADDRESS}".encode()) == [ADDRESS.encode(), b"81.2.69."]

"""Serves out of the stream into the database: once each, whatever is repeated, killed or unreadable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.core.meters import Meters
from campaigns.flows.customers.retention import Retention
from campaigns.flows.opening.draining import Drained, Draining, hold_off_draining
from campaigns.models import PIXEL_SLOT
from campaigns.opentime.serving.serve import Serve, ServeGroup, pack
from campaigns.opentime.serving.serve_spool import ServeSpool
from campaigns.opentime.serving.serve_stream import REFUSED, STREAM, Entry, ServeStream
from tests.opentime.opentime_serves import AT, serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sends(db: Database) -> Database:
    """Campaign 1 with sends 1 to 100 to customers 1 to 100."""
    with db.transaction() as session:
        for statement in (
            "insert into campaigns (name, template, picks, sender, postal_address, brief, segment, slots) "
            "values ('C', 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', '[]')",
            "insert into customers (external_id) select n from generate_series(1, 100) n",
            "insert into sends (campaign_id, id, customer_id, status, tracked) "
            "select 1, n, n, 'sent', true from generate_series(1, 100) n",
        ):
            session.execute(text(statement))
    return db


@pytest.fixture
def stream(redis_client: redis.Redis) -> ServeStream:
    return ServeStream(redis_client)


@pytest.fixture
def draining(sends: Database, redis_client: redis.Redis, tmp_path: Path) -> Draining:
    return Draining(sends, redis_client, tmp_path / "spool", Meters(redis_client))


def group(*serves: Serve) -> ServeGroup:
    return pack([(one, one.n) for one in serves])


def slots(db: Database) -> list[tuple[object, ...]]:
    with db.transaction() as session:
        found = session.execute(text("select send_id, slot, variant, count from slot_serves order by 1, 2"))
        return [tuple(row) for row in found]


def events(db: Database) -> list[tuple[object, ...]]:
    with db.transaction() as session:
        found = session.execute(
            text("select key, name, send_id, customer_id, machine, detail from events order by key")
        )
        return [tuple(row) for row in found]


def everything(db: Database) -> list[Sequence[object]]:
    with db.transaction() as session:
        found: list[Sequence[object]] = []
        for table in ("events", "slot_serves", "drained_groups"):
            found += session.execute(text(f"select t::text from {table} t order by 1")).all()
        return found


def test_an_open_becomes_an_event_and_a_picture_shown(
    draining: Draining, sends: Database, stream: ServeStream, redis_client: redis.Redis
) -> None:
    card = {"kind": "product", "title": "Hat"}
    stream.add([group(serve(7, requester="apple_mpp", machine=True, variant="card", detail=card, n=2))])
    assert draining.drain() == Drained(1, 2)
    assert events(sends) == [("opened:7:apple_mpp", "opened", 7, 7, True, {"requester": "apple_mpp"})]
    with sends.transaction() as session:
        row = session.execute(text("select * from slot_serves")).mappings().one()
    assert dict(row) == {
        "campaign_id": 1, "send_id": 7, "slot": 0, "variant": "card", "link": "https://shop.example/rain",
        "signal": "home", "weather": "rain", "served_at": datetime.fromtimestamp(AT / 1000, UTC), "count": 2,
        "detail": card,
    }  # fmt: skip
    assert redis_client.xlen(STREAM) == 0


def test_a_replayed_drain_changes_nothing(draining: Draining, sends: Database, stream: ServeStream) -> None:
    groups = [group(*(serve(n, slot, at=AT + n) for slot in (0, 1, PIXEL_SLOT))) for n in range(1, 51)]
    stream.add(groups)
    assert draining.drain() == Drained(50, 150)
    before = everything(sends)
    stream.add(groups)
    stream.add(reversed(groups))
    assert draining.drain() == Drained(0, 0)
    assert everything(sends) == before
    assert len(slots(sends)) == 150 and len(events(sends)) == 50


def test_thousands_of_fetches_of_one_image_are_one_row_and_a_number(
    draining: Draining, sends: Database, stream: ServeStream
) -> None:
    for start in range(0, 5000, 250):
        stream.add([group(*(serve(at=AT + start + n) for n in range(250)))])
    assert draining.drain() == Drained(20, 5000)
    assert slots(sends) == [(1, 0, "rain", 5000)]
    assert len(events(sends)) == 1


def test_the_picture_shown_last_stays_whatever_comes_later(
    draining: Draining, sends: Database, stream: ServeStream
) -> None:
    stream.add([group(serve(variant="snow", at=AT + 1000))])
    draining.drain()
    stream.add([group(serve(variant="rain", at=AT), serve(variant="fog", at=AT + 500))])
    draining.drain()
    assert slots(sends) == [(1, 0, "snow", 3)]
    stream.add([group(serve(variant="clear", at=AT + 2000))])
    draining.drain()
    assert slots(sends) == [(1, 0, "clear", 4)]


def test_nothing_is_recorded_of_the_erased_or_for_sends_that_are_gone(
    draining: Draining, sends: Database, stream: ServeStream
) -> None:
    with sends.transaction() as session:
        session.execute(text("update customers set erased_at = now() where id = 2"))
        session.execute(text("delete from sends where id = 3"))
    stream.add([group(serve(1), serve(2), serve(3), serve(4, campaign_id=99))])
    draining.drain()
    assert [row[0] for row in slots(sends)] == [1]
    assert [row[2] for row in events(sends)] == [1]
    with sends.transaction() as session:
        session.execute(text("update campaigns set sends_dropped_at = now()"))
    stream.add([group(serve(5))])
    draining.drain()
    assert [row[0] for row in slots(sends)] == [1]


def test_the_customer_of_an_event_is_the_one_of_the_send(
    draining: Draining, sends: Database, stream: ServeStream
) -> None:
    stream.add([group(serve(9, customer_id=42))])
    draining.drain()
    assert [row[3] for row in events(sends)] == [9]


def test_what_nobody_can_read_is_kept_aside_and_blocks_nothing(
    draining: Draining, sends: Database, stream: ServeStream, redis_client: redis.Redis
) -> None:
    redis_client.xadd(STREAM, {"id": "no number", "body": group(serve(1)).body})
    redis_client.xadd(STREAM, {"id": group(serve(1)).id, "body": b"{"})
    redis_client.xadd(STREAM, {"something": "else"})
    stream.add([group(serve(2), serve(3, slot=70_000))])
    stream.add([group(serve(4))])
    assert draining.drain() == Drained(2, 2)
    assert [row[0] for row in slots(sends)] == [2, 4]
    assert redis_client.xlen(STREAM) == 0
    assert redis_client.xlen(REFUSED) == 4
    assert 0 < redis_client.ttl(REFUSED) <= 14 * 24 * 3600


def test_a_group_that_only_the_database_refuses_holds_up_no_other(
    draining: Draining, sends: Database, stream: ServeStream, redis_client: redis.Redis
) -> None:
    with sends.transaction() as session:
        session.execute(text(
            "create function refuse_serve() returns trigger language plpgsql as "
            "$$ begin raise exception 'no' using errcode = 'data_exception'; end $$"
        ))  # fmt: skip
        session.execute(text("create trigger refuse before insert on slot_serves for each row "
                             "when (new.send_id = 2) execute function refuse_serve()"))  # fmt: skip
    try:
        stream.add([group(serve(1)), group(serve(2)), group(serve(3))])
        assert draining.drain() == Drained(2, 2)
    finally:
        with sends.transaction() as session:
            session.execute(text("drop function refuse_serve() cascade"))
    assert [row[0] for row in slots(sends)] == [1, 3]
    assert (redis_client.xlen(STREAM), redis_client.xlen(REFUSED)) == (0, 1)


def test_more_groups_than_one_portion(draining: Draining, sends: Database, stream: ServeStream) -> None:
    stream.add([group(serve(1 + n % 100)) for n in range(450)])
    assert draining.drain(seconds=30) == Drained(450, 450)
    assert sum(int(str(row[3])) for row in slots(sends)) == 450


def test_what_lies_on_disk_is_drained_as_well(draining: Draining, sends: Database, tmp_path: Path) -> None:
    spool = ServeSpool(tmp_path / "spool")
    spool.append(group(serve(1), serve(2)))
    assert draining.drain() == Drained(), "its writer lives"
    spool.close()
    assert draining.drain() == Drained(1, 2)
    assert list((tmp_path / "spool").iterdir()) == []


def test_while_somebody_is_being_erased_nothing_is_drained(
    draining: Draining, sends: Database, stream: ServeStream
) -> None:
    stream.add([group(serve(1))])
    with sends.transaction() as session:
        hold_off_draining(session)
        assert draining.drain() == Drained()
    assert draining.drain() == Drained(1, 1)


def test_where_redis_is_away_nothing_happens(sends: Database, tmp_path: Path) -> None:
    away = redis.Redis(host="127.0.0.1", port=1)
    assert Draining(sends, away, tmp_path, Meters(away)).drain() == Drained()


_KILLED = """
import os, signal, sys
from pathlib import Path
import redis
from campaigns.core.db import Database
from campaigns.core.meters import Meters
from campaigns.flows.opening.draining import Draining

class Dies:
    def __init__(self, client):
        self._client = client
    def __getattr__(self, name):
        if name == "xdel":
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._client, name)

client = redis.Redis.from_url(sys.argv[2])
Draining(Database(sys.argv[1]), Dies(client), Path(sys.argv[3]), Meters(client)).drain()
"""


def test_a_drainer_killed_after_its_commit_has_counted_nothing_twice(
    draining: Draining, sends: Database, stream: ServeStream, redis_client: redis.Redis, tmp_path: Path
) -> None:
    stream.add([group(serve(n), serve(n, 1)) for n in range(1, 21)])
    client = redis_client.connection_pool.connection_kwargs
    ran = subprocess.run(
        [sys.executable, "-c", _KILLED, sends.url.render_as_string(hide_password=False),
         f"unix://{client['path']}?db={client['db']}", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == -signal.SIGKILL
    before = everything(sends)
    assert len(slots(sends)) == 40 and redis_client.xlen(STREAM) == 20
    assert draining.drain() == Drained()
    assert everything(sends) == before and redis_client.xlen(STREAM) == 0


def test_how_much_waits_is_told(draining: Draining, stream: ServeStream, redis_client: redis.Redis) -> None:
    assert stream.waiting() == (0, 0.0)
    body = group(serve(1))
    redis_client.xadd(STREAM, {"id": body.id, "body": body.body}, id="1000-0")
    length, seconds = stream.waiting()
    assert length == 1 and seconds > 86_400
    assert stream.oldest(5) == [Entry(b"1000-0", body.id, body.body)]
    draining.drain()
    assert stream.waiting() == (0, 0.0)


def test_numbers_of_groups_are_forgotten_in_time(
    draining: Draining, sends: Database, stream: ServeStream
) -> None:
    stream.add([group(serve(1))])
    draining.drain()
    with sends.transaction() as session:
        session.execute(text("insert into drained_groups (id, drained_at) "
                             "select gen_random_uuid(), now() - interval '15 days' from generate_series(1, 5)"))  # fmt: skip
    Retention(sends, FixedClock(datetime.now(UTC) + timedelta(minutes=1)), 400).run()
    with sends.transaction() as session:
        assert session.scalar(text("select count(*) from drained_groups")) == 1

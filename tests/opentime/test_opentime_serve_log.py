"""What was served is never lost and never counted twice: Redis away, disk full, processes that end or are killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from campaigns.core.embedded_redis import EmbeddedRedis
from campaigns.core.spool import abandoned
from campaigns.opentime.serving import serve_log as serve_log_module
from campaigns.opentime.serving.serve import Malformed, ServeGroup, pack, unpack
from campaigns.opentime.serving.serve_log import ServeLog, adopt
from campaigns.opentime.serving.serve_spool import ServeSpool, groups_in
from campaigns.opentime.serving.serve_stream import STREAM, ServeStream
from tests.opentime.opentime_serves import AT, impatient, serve, serve_log
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spools(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def log(redis_client: redis.Redis, spools: Path) -> Iterator[ServeLog]:
    log = serve_log(redis_client, spools)
    yield log
    log.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis that a test may stop and start."""
    server = EmbeddedRedis(tmp_path / "redis", tmp_path)
    server.ensure_running()
    yield server
    server.stop()


def counted(client: redis.Redis) -> Counter[int]:
    """Serves in the stream by send, each group once."""
    found: Counter[int] = Counter()
    groups = {entry.group: entry.body for entry in ServeStream(client).oldest(10_000)}
    for body in groups.values():
        for one in unpack(body)[0]:
            found[one.send_id] += one.n
    return found


def test_serves_travel_in_a_group_behind_the_answers(log: ServeLog, redis_client: redis.Redis) -> None:
    for send in range(1, 21):
        log.add(serve(send))
    assert redis_client.xlen(STREAM) == 0
    until(lambda: redis_client.xlen(STREAM))
    assert redis_client.xlen(STREAM) == 1
    assert counted(redis_client) == Counter(dict.fromkeys(range(1, 21), 1))


def test_thousands_of_fetches_of_one_picture_are_one_entry_with_a_number(
    log: ServeLog, redis_client: redis.Redis
) -> None:
    for n in range(5000):
        log.add(serve(at=AT + n))
    log.flush()
    until(lambda: counted(redis_client)[1] == 5000)
    entries = ServeStream(redis_client).oldest(100)
    rows = [one for entry in entries for one in unpack(entry.body)[0]]
    assert len(rows) == len(entries) < 50
    assert max(one.at for one in rows) == AT + 4999


def test_many_threads_lose_nothing(log: ServeLog, redis_client: redis.Redis) -> None:
    def open_often(thread: int) -> None:
        for n in range(1500):
            log.add(serve(thread * 10_000 + n))

    threads = [threading.Thread(target=open_often, args=[number]) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = counted(redis_client)
    assert len(found) == 6000 and set(found.values()) == {1}


def test_what_was_shown_is_known_at_once_and_to_other_processes(
    log: ServeLog, redis_client: redis.Redis, spools: Path
) -> None:
    log.add(serve())
    log.add(serve(variant="card", link="https://shop.example/2", detail={"kind": "product", "title": "Hat"}))
    assert log.shown(1) == {0: ("card", "https://shop.example/2", {"kind": "product", "title": "Hat"})}
    log.flush()
    other = serve_log(redis_client, spools)
    assert other.shown(1) == log.shown(1) == {0: ("card", "https://shop.example/2", {
        "kind": "product", "title": "Hat",
    })}  # fmt: skip
    log.add(serve(at=AT + 1))
    log.add(serve(slot=1, at=AT + 1))
    log.flush()
    now = dict.fromkeys((0, 1), ("rain", "https://shop.example/rain", None))
    assert other.shown(1) == now, "the newest counts"
    late = pack([(serve(variant="snow", at=AT - 1), 1)])
    ServeStream(redis_client).add([late])
    assert other.shown(1) == now, "also where an older group comes later, by way of a spool"
    for junk in (b"no JSON, 1,1,0", b'{"v":99,"serves":[[1,1,1,0]]}'):
        redis_client.xadd(STREAM, {"id": "x", "body": junk})
    assert other.shown(1) == log.shown(1) == now
    assert other.shown(11) == {}


def test_while_redis_is_away_groups_go_to_disk_and_later_into_the_stream(
    own_redis: EmbeddedRedis, spools: Path
) -> None:
    client = impatient(own_redis.url)
    log = serve_log(client, spools)
    log.add(serve(1))
    log.flush()
    own_redis.stop()
    for send in (2, 3):
        log.add(serve(send))
        log.flush()
    assert 0 in log.shown(3), "known here although Redis is away"
    (spool,) = spools.iterdir()
    assert spool.stat().st_mode & 0o777 == 0o600
    written = {line.split(b" ")[1].decode() for line in spool.read_bytes().splitlines()}
    assert len(written) == 2
    own_redis.ensure_running()
    until(lambda: counted(client) == Counter({1: 1, 2: 1, 3: 1}))
    assert written < {entry.group for entry in ServeStream(client).oldest(10)}, "under the same numbers"
    until(lambda: not list(spools.iterdir()))
    assert 0 in serve_log(client, spools).shown(3), "and now to everybody"
    log.close()


def test_a_redis_that_hangs_holds_up_nobody(tmp_path: Path, spools: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        log = serve_log(impatient(f"unix://{path}"), spools)
        took = []
        for send in range(2000):
            began = time.perf_counter()
            log.add(serve(send))
            took.append(time.perf_counter() - began)
        log.close()
    took.sort()
    assert took[1000] < 0.01 and took[-20] < 0.15
    groups = [group for spool in abandoned(spools) for group in groups_in(spool.lines())]
    assert sum(len(unpack(group.body)[0]) for group in groups) == 2000


class _Forgetful(ServeStream):
    """Redis takes the groups, and its answer is lost."""

    def add(self, groups: Iterable[ServeGroup]) -> None:
        super().add(list(groups))
        raise redis.TimeoutError("no answer")


def test_a_group_of_unknown_fate_is_kept_under_its_number(redis_client: redis.Redis, spools: Path) -> None:
    log = serve_log(redis_client, spools)
    log._stream = _Forgetful(redis_client)
    log.add(serve())
    log.close()
    (entry,) = ServeStream(redis_client).oldest(10)
    assert adopt(ServeStream(redis_client), spools) == 1
    assert [one.group for one in ServeStream(redis_client).oldest(10)] == [entry.group] * 2
    assert counted(redis_client) == Counter({1: 1})


def test_with_the_disk_full_as_well_serves_stay_in_memory(own_redis: EmbeddedRedis, spools: Path) -> None:
    client = impatient(own_redis.url)
    own_redis.stop()
    spools.write_text("where a folder should be")
    log = serve_log(client, spools)
    for send in range(1, 4):
        log.add(serve(send))
        log.flush()
    own_redis.ensure_running()
    until(lambda: counted(client) == Counter({1: 1, 2: 1, 3: 1}))
    log.close()


def test_memory_has_a_bound_and_the_oldest_go_first(
    own_redis: EmbeddedRedis, spools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_log_module, "MOST_KEPT", 10)
    client = impatient(own_redis.url)
    own_redis.stop()
    spools.write_text("where a folder should be")
    log = serve_log(client, spools)
    for send in range(1, 31):
        log.add(serve(send))
        log.flush()
    assert log._meters.pending()[("serves_dropped",)] == 20
    own_redis.ensure_running()
    until(lambda: counted(client) == Counter(dict.fromkeys(range(21, 31), 1)))
    log.close()


_FULL = """
import resource, signal, sys
from pathlib import Path
from campaigns.opentime.serving.serve import pack
from campaigns.core.spool import abandoned
from campaigns.opentime.serving.serve_spool import ServeSpool, groups_in
from tests.opentime.opentime_serves import serve
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
groups = [pack([(serve(n), 1)]) for n in range(8)]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
spool, kept = ServeSpool(folder), []
for group in groups:
    try:
        spool.append(group)
        kept.append(group.id)
    except OSError:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
assert 5 <= len(kept) < 8, kept
spool.close()
(found,) = abandoned(folder)
assert [group.id for group in groups_in(found.lines())] == kept
"""


def test_a_disk_that_fills_up_in_the_middle_of_a_line_spoils_no_other_line(spools: Path) -> None:
    subprocess.run([sys.executable, "-c", _FULL, str(spools)], cwd=ROOT, check=True, timeout=30)


_DIES = """
import os, sys, time
from pathlib import Path
from campaigns.opentime.serving.serve import pack
from campaigns.opentime.serving.serve_spool import ServeSpool
from tests.opentime.opentime_serves import serve
spool = ServeSpool(Path(sys.argv[1]))
for n in range(3):
    spool.append(pack([(serve(n), 2)]))
os.write(spool._spool._file.fileno(), b"0123abcd half a li")
print("written", flush=True)
time.sleep(60)
"""


def test_the_spool_of_a_dead_process_is_taken_over_and_that_of_a_living_one_is_not(
    redis_client: redis.Redis, spools: Path
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _DIES, str(spools)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None and writer.stdout.readline()
    stream = ServeStream(redis_client)
    assert adopt(stream, spools) == 0
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert adopt(stream, spools) == 3
    assert counted(redis_client) == Counter({0: 2, 1: 2, 2: 2})
    assert list(spools.iterdir()) == []


def test_a_child_leaves_to_its_parent_what_is_its_parents(own_redis: EmbeddedRedis, spools: Path) -> None:
    client = impatient(own_redis.url)
    own_redis.stop()
    log = serve_log(client, spools)
    log.add(serve(1))
    log.flush()
    log.add(serve(2))
    child = os.fork()
    if child == 0:
        log.add(serve(3))
        log.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    log.close()
    found: Counter[int] = Counter()
    for spool in abandoned(spools):
        found += Counter(one.send_id for group in groups_in(spool.lines()) for one in unpack(group.body)[0])
    assert found == Counter({1: 1, 2: 1, 3: 1})


def test_an_empty_spool_leaves_no_file(spools: Path) -> None:
    spool = ServeSpool(spools)
    assert spool.empty and list(spool.groups()) == []
    spool.append(ServeGroup("0" * 32, b"{}", 1))
    spool.clear()
    assert spool.empty and list(spools.iterdir()) == []
    spool.close()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"[]", b'{"v":2,"serves":[]}', b'{"v":1}', b'{"v":1,"serves":[[1]]}', b'{"v":1,"serves":3}',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_what_is_no_group_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slot": 70_000}, {"at": -1}, {"at": 2**62}, {"n": 0.5}, {"send_id": "1"}, {"send_id": 2**63},
        {"machine": 1}, {"variant": None}, {"link": "a\0b"}, {"link": "\ud800"}, {"detail": [1]},
        {"detail": {"a": {"b": ["\0"]}}}, {"campaign_id": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_serve_that_the_database_cannot_keep_spoils_no_other(wrong: dict[str, object]) -> None:
    good, bad = serve(1), replace(serve(2), **wrong)  # type: ignore[arg-type]
    n = bad.n if "n" in wrong else 1
    assert unpack(pack([(good, 3), (bad, n)]).body) == ([replace(good, n=3)], 1)


def test_numbers_that_are_none_make_no_group() -> None:
    body = pack([(replace(serve(), detail={"price": float("nan")}), 1)]).body
    with pytest.raises(Malformed):
        unpack(body)


def test_a_note_that_goes_wrong_harms_no_answer(log: ServeLog) -> None:
    log.add(None)  # type: ignore[arg-type]
    log.add(serve())
    assert log.shown(1)[0].variant == "rain"


def test_closing_twice_and_noting_afterwards_loses_nothing(log: ServeLog, redis_client: redis.Redis) -> None:
    log.add(serve(1))
    log.close()
    log.add(serve(2))
    log.close()
    assert counted(redis_client) == Counter({1: 1, 2: 1})


@pytest.mark.parametrize("redis_is", ["there", "away"])
def test_a_web_server_that_is_asked_to_end_loses_nothing(
    own_redis: EmbeddedRedis, spools: Path, redis_is: str
) -> None:
    """A real granian, ended a few milliseconds after its last answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
         "--workers", "2", "--no-ws", "--workers-kill-timeout", "8", "tests.opentime.opentime_serves:app"],
        cwd=ROOT, env={**os.environ, "SERVES_REDIS": own_redis.url, "SERVES_SPOOLS": str(spools)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: _fetch(port, 0), 20)
        # One worker answers. One that is still starting when it is asked to end does not hear it, and is killed.
        time.sleep(2)
        if redis_is == "away":
            own_redis.stop()
        for send in range(1, 101):
            assert _fetch(port, send)
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    own_redis.ensure_running()
    client = impatient(own_redis.url)
    adopt(ServeStream(client), spools)
    found = counted(client)
    assert {send: found[send] for send in range(1, 101)} == dict.fromkeys(range(1, 101), 1)


def _fetch(port: int, send: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"/?{send}")
        return connection.getresponse().read() == b"ok"
    except OSError:
        return False
    finally:
        connection.close()

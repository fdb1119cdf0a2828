"""Everything fails in turn while pictures are asked for: each answer is a picture, each is on record once.

Run it with `-s` to see the counts.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from opens_askers import Askers
from opens_site import SIZE, OpensSite
from web_story import picture

from campaigns.opentime.serving.known_states import BELIEVED_SECONDS
from campaigns.opentime.weather.fake_weather_server import FakeWeatherServer
from tests.waiting import until

pytestmark = pytest.mark.slow

ALWAYS = ("rain", "snow", "withdrawn")
_A_FAULT = 1.5
_SLOWEST = 2.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpensSite]:
    with FakeWeatherServer() as weather:
        site = OpensSite(tmp_path_factory.mktemp("opens"), weather)
        try:
            site.start_web()
            yield site
        finally:
            site.close()


@pytest.fixture(scope="module")
def askers(site: OpensSite) -> Iterator[Askers]:
    askers = Askers(site, picture("gray", SIZE))
    with askers.asking(*ALWAYS):
        time.sleep(_A_FAULT)
    yield askers
    account = askers.account
    counts = {
        "answers": account.answers, "neutral": account.neutral, "personal": account.personal.total(),
        "on record": sum(site.recorded().values()), "slowest seconds": round(account.slowest, 3),
        "broken while restarting": account.broken, "refused while restarting": account.refused,
    }  # fmt: skip
    print("\n" + json.dumps(counts))


@pytest.fixture
def settled(site: OpensSite, askers: Askers) -> Iterator[None]:
    """After the fault: all is well again, and the books are in order."""
    before = askers.account.answers
    yield
    with askers.asking(*ALWAYS):
        time.sleep(0.5)
    account = askers.account
    until(
        lambda: sum(site.recorded().values()) >= account.personal.total(),
        20,
        lambda: f"{account.personal.total() - sum(site.recorded().values())} answers are not on record",
    )
    recorded = site.recorded()
    lost = {send: n - recorded.get(send, 0) for send, n in account.personal.items()}
    lost = {send: n for send, n in lost.items() if n > 0}
    assert not lost, "answers are not on record"
    assert sum(recorded.values()) <= account.personal.total() + account.broken, "counted twice"
    assert set(recorded) <= set(account.personal), "somebody is on record who saw nothing"
    assert not account.wrong, account.wrong[:10]
    assert account.slowest < _SLOWEST
    assert account.answers > before + 50


def shows_weather_to(askers: Askers, site: OpensSite) -> None:
    """The picture is personal for everybody in these groups, so that nothing is proved by silence."""
    seen = askers.account.personal
    assert all(seen[ref.send_id] for group in ("rain", "snow") for ref in site.groups[group])


def test_when_nothing_fails(site: OpensSite, askers: Askers, settled: None) -> None:
    with askers.asking(*ALWAYS):
        time.sleep(1)
    shows_weather_to(askers, site)


def test_redis_is_killed_and_comes_back_with_the_consents_of_before(
    site: OpensSite, askers: Askers, settled: None
) -> None:
    with askers.asking("leaving 0", *ALWAYS):
        until(lambda: all(askers.account.personal[ref.send_id] for ref in site.groups["leaving 0"]), 10)
        site.behind.set()
        with site.redis_killed():
            for ref in site.groups["leaving 0"]:
                # A connection that is closed is noticed at once.
                askers.left[ref.send_id] = site.withdraw(ref) + 0.5
            time.sleep(_A_FAULT)
        time.sleep(_A_FAULT)
        site.behind.clear()
        time.sleep(0.5)


def test_redis_loses_everything(site: OpensSite, askers: Askers, settled: None) -> None:
    # What it had and nobody had drained yet is lost with it; here nothing waits.
    until(lambda: site.runtime.draining._stream.waiting()[0] == 0, 10)
    time.sleep(0.5)
    with site.redis_killed(forgetting=True), askers.asking(*ALWAYS):
        time.sleep(_A_FAULT)
    with askers.asking(*ALWAYS):
        time.sleep(0.5)


def test_redis_hangs_while_somebody_withdraws(site: OpensSite, askers: Askers, settled: None) -> None:
    with askers.asking("leaving 1", *ALWAYS):
        until(lambda: all(askers.account.personal[ref.send_id] for ref in site.groups["leaving 1"]), 10)
        site.behind.set()
        with site.redis_hanging():
            for ref in site.groups["leaving 1"]:
                askers.left[ref.send_id] = site.withdraw(ref) + BELIEVED_SECONDS
            time.sleep(BELIEVED_SECONDS + 1)
        time.sleep(1)
        site.behind.clear()


def test_postgres_is_stopped(site: OpensSite, askers: Askers, settled: None) -> None:
    before = askers.account.neutral
    with askers.asking("rain", "snow"), site.postgres_stopped():
        time.sleep(_A_FAULT)
    assert askers.account.neutral == before, "somebody noticed"


def test_postgres_hangs(site: OpensSite, askers: Askers, settled: None) -> None:
    before = askers.account.neutral
    with askers.asking("rain", "snow"), site.postgres_hanging():
        time.sleep(_A_FAULT)
    assert askers.account.neutral == before, "somebody noticed"


def test_both_are_away(site: OpensSite, askers: Askers, settled: None) -> None:
    with askers.asking(*ALWAYS):
        with site.postgres_stopped(), site.redis_killed():
            time.sleep(_A_FAULT)
        with site.postgres_hanging(), site.redis_hanging():
            time.sleep(BELIEVED_SECONDS + 1)


@pytest.mark.parametrize("how", ["hang", "500", "garbage"])
def test_the_weather_fails(site: OpensSite, askers: Askers, settled: None, how: str) -> None:
    group = f"weather {how}"
    with askers.asking(group, "withdrawn"):
        time.sleep(_A_FAULT)
    assert all(askers.account.personal[ref.send_id] for ref in site.groups[group])


def test_the_disk_is_full_while_redis_is_away(site: OpensSite, askers: Askers, settled: None) -> None:
    if site.disk is None:
        pytest.skip("a disk that can be filled needs the right to mount a file system (run as root)")
    with askers.asking(*ALWAYS), site.redis_killed():
        full = threading.Thread(target=site.disk.fill, args=(_A_FAULT, list))
        full.start()
        time.sleep(_A_FAULT + 0.5)
        full.join()


def test_the_web_part_is_restarted_while_redis_is_away(
    site: OpensSite, askers: Askers, settled: None
) -> None:
    with askers.asking(*ALWAYS):
        with site.redis_killed():
            time.sleep(1)
            site.stop_web()
            assert list(site.runtime.spools.iterdir()), "what it had shown is on disk"
            site.start_web()
            time.sleep(1)
        time.sleep(1)


def test_the_web_part_ends_whichever_of_its_threads_is_told_to(
    site: OpensSite, askers: Askers, settled: None
) -> None:
    with askers.asking(*ALWAYS):
        time.sleep(0.5)
        site.stop_web(by_another_thread=True)
        site.start_web()
        time.sleep(1)


def test_half_a_request_does_not_hold_up_the_end_of_the_web_part(
    site: OpensSite, askers: Askers, settled: None
) -> None:
    with askers.asking(*ALWAYS), socket.create_connection(("127.0.0.1", site.port)) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHost: ")
        time.sleep(0.5)
        site.stop_web()
        site.start_web()
        time.sleep(1)

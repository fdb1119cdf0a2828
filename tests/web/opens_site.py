"""A site of its own for faults: granian on a PostgreSQL, a Redis and a weather service that can be broken."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import text
from web_story import description, picture

from campaigns.audience.consent import record
from campaigns.compose.links import LinkMaker, SendRef
from campaigns.core.db import Database
from campaigns.core.embedded import Embedded
from campaigns.core.embedded_redis import EmbeddedRedis
from campaigns.opentime.weather.fake_weather_server import Behaviour, FakeWeatherServer
from campaigns.supervisor import web
from tests.shop import SECRET, make_runtime
from tests.torture.disks import SmallDisk

ROOT = Path(__file__).resolve().parents[2]
SIZE = (600, 300)
TAG = "walker"
# Of each of these places nobody knows the weather before the fault begins that they are for.
FAULTY_WEATHER = {
    "hang": (Behaviour.HANG, 40.0),
    "500": (Behaviour.BROKEN, 45.0),
    "garbage": (Behaviour.GARBAGE, 50.0),
}


class OpensSite:
    """Customers by group, each with one mail of one picture: only whose state is known gets another than the neutral."""

    def __init__(self, folder: Path, weather: FakeWeatherServer) -> None:
        self.folder = folder
        self.embedded = Embedded(folder / "servers")
        urls = self.embedded.acquire()
        data = folder / "data"
        data.mkdir()
        (data / "spool").mkdir(mode=0o700)
        self.disk = SmallDisk.mounted(data / "spool")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._weather_url = weather.url
        self.runtime = make_runtime(urls, data, redis_url=urls.redis_url).start(migrate=True)
        self.groups: dict[str, list[SendRef]] = {}
        self._fill(weather)
        self._web: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self.behind = threading.Event()
        """While it is set nobody tells Redis what it missed, as the workers do every few seconds."""
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    def _fill(self, weather: FakeWeatherServer) -> None:
        slots = description("Faults")
        slots["slots"][0] |= {"width": SIZE[0], "height": SIZE[1]}
        # Rain and snow first; whoever may be known at all is a walker, and so never gets the neutral picture.
        slots["slots"][0]["rules"].append(
            {"name": "walker", "when": {"tags": [TAG]}, "picture": "walker", "link": "https://shop.example/w"}
        )
        pictures = {
            name: picture(colour, SIZE)
            for name, colour in (
                ("neutral", "gray"), ("rain", "navy"), ("snow", "white"), ("walker", "maroon")
            )
        }  # fmt: skip
        campaign = self.runtime.campaigns.create(slots, pictures)
        with self.runtime.db.transaction() as session:
            # What a draft shows may change, and is asked for each time.
            session.execute(text("update campaigns set status = 'sending', started_at = now()"))
        places = {"rain": (59.9, 10.8), "snow": (69.6, 19.0), "withdrawn": (59.9, 10.8)}
        places |= {f"leaving {n}": (59.9, 10.8) for n in range(2)}
        for name, (behaviour, latitude) in FAULTY_WEATHER.items():
            places[f"weather {name}"] = (latitude, 5.0)
            weather.script(latitude, 5.0, behaviour)
        number = 0
        for group, (latitude, longitude) in places.items():
            several = 3 if group.startswith("leaving") else 10
            self.groups[group] = [
                self._mailed(campaign, number + n, latitude, longitude) for n in range(1, several + 1)
            ]
            number += several
        for ref in self.groups["withdrawn"]:
            self.withdraw(ref)

    def _mailed(self, campaign: int, number: int, latitude: float, longitude: float) -> SendRef:
        with self.runtime.db.transaction() as session:
            customer = session.scalar(
                text(
                    "insert into customers (external_id, latitude, longitude, tags) "
                    "values (:n, :latitude, :longitude, :tags) returning id"
                ),
                {"n": str(number), "latitude": latitude, "longitude": longitude, "tags": [TAG]},
            )
            assert customer is not None
            for purpose in ("open_tracking", "open_location"):
                record(session, customer, purpose, "granted", "w", "test", datetime(2026, 1, 1, tzinfo=UTC))
            session.execute(
                text(
                    "insert into sends (campaign_id, id, customer_id, status, tracked) "
                    "values (:campaign, :n, :customer, 'sent', true)"
                ),
                {"campaign": campaign, "n": number, "customer": customer},
            )
        return SendRef(number, campaign, customer, True)

    def path(self, ref: SendRef) -> str:
        """Of the picture of this mail."""
        return LinkMaker(self.runtime.signer, "http://x", self.runtime.clock).slot_picture(ref, 0)[8:]

    def withdraw(self, ref: SendRef) -> float:
        """As by the page of preferences; returns when it was answered (time.monotonic)."""
        token = self.runtime.signer.sign("preferences", ref.campaign_id, ref.customer_id, ref.send_id)
        granted = self.runtime.preferences.of(token).granted
        self.runtime.preferences.set_preferences(token, granted - {"open_tracking"}, "words")
        return time.monotonic()

    # The parts, and how they break.

    def start_web(self) -> None:
        """Granian as `tailormail serve` runs it, and wait until it answers."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TAILORMAIL_DATABASE_URL": self.runtime.urls[0],
            "TAILORMAIL_REDIS_URL": self.runtime.urls[1],
            "TAILORMAIL_DATA_DIR": str(self.runtime.settings.folder),
            "TAILORMAIL_SECRET_KEY": SECRET,
            "TAILORMAIL_WEATHER_URL": self._weather_url,
            "TAILORMAIL_TRUSTED_PROXIES": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        with (self.folder / "web.log").open("ab") as log:
            self._web = subprocess.Popen(
                web("127.0.0.1", self.port).command, env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._web.poll() is None, (self.folder / "web.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "the web part does not start"
            time.sleep(0.05)

    def stop_web(self, by_another_thread: bool = False) -> None:
        """SIGTERM, as at a deployment.

        `by_another_thread`: the process that serves has it from the system in a thread that is not its main one.
        """
        assert self._web is not None
        if by_another_thread:
            (serving,) = psutil.Process(self._web.pid).children()
            other = max(thread.id for thread in serving.threads() if thread.id != serving.pid)
            assert ctypes.CDLL(None).tgkill(serving.pid, other, int(signal.SIGTERM)) == 0
        else:
            self._web.terminate()
        try:
            self._web.wait(20)
        except subprocess.TimeoutExpired:
            for process in (*psutil.Process(self._web.pid).children(), self._web):
                process.kill()
            raise

    @property
    def redis(self) -> EmbeddedRedis:
        assert self.embedded.redis is not None
        return self.embedded.redis

    @contextmanager
    def redis_killed(self, forgetting: bool = False) -> Iterator[None]:
        """SIGKILL; started again at the end, `forgetting` all that it had."""
        pid = self.redis.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        try:
            yield
        finally:
            if forgetting:
                shutil.rmtree(self.redis.data)
            self.redis.ensure_running()

    @contextmanager
    def redis_hanging(self) -> Iterator[None]:
        pid = self.redis.pid()
        assert pid is not None
        with _stopped([pid]):
            yield

    @contextmanager
    def postgres_stopped(self) -> Iterator[None]:
        """As by a crash of the server: no connection is told goodbye."""
        assert self.embedded.postgres is not None
        data = str(self.embedded.postgres.data)
        self.embedded.postgres._run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        try:
            yield
        finally:
            self.embedded.postgres.ensure_running()

    @contextmanager
    def postgres_hanging(self) -> Iterator[None]:
        assert self.embedded.postgres is not None
        pid = self.embedded.postgres.pid()
        assert pid is not None
        with _stopped([pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]):
            yield

    # What the workers and the scheduler do meanwhile.

    def _work(self) -> None:
        while not self._ended.wait(0.3):
            with suppress(Exception):
                if not self.behind.is_set():
                    self.runtime.open_states.catch_up(1.0)
                self.runtime.draining.drain(2.0)

    def recorded(self) -> dict[int, int]:
        """How often each mail's picture was shown, as it is on record."""
        database = Database(self.runtime.urls[0])
        try:
            with database.transaction() as session:
                rows = session.execute(
                    text("select send_id, count as count_ from slot_serves where slot = 0")
                ).all()
        finally:
            database.close()
        return {row.send_id: row.count_ for row in rows}

    def close(self) -> None:
        self._ended.set()
        self._worker.join(10)
        if self._web is not None and self._web.poll() is None:
            self.stop_web()
        self.runtime.close()
        if self.disk is not None:
            self.disk.close()
        if self.embedded.redis:
            self.embedded.redis.stop()
        if self.embedded.postgres:
            self.embedded.postgres.stop()
        self.embedded.release()


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

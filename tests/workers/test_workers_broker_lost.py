"""A worker whose broker dies: it waits for its return, and goes on."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.embedded_redis import redis_program
from campaigns.core.errors import ServiceUnavailable
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime
from tests.waiting import until
from tests.workers.doorway import Doorway
from tests.workers.processes import celery, worker_options
from workers.app import make_app
from workers.jobs import CeleryJobs

AWAY_SECONDS = 3.0
SENT_WITHIN = SHUT_WITHIN = 60


class Broker:
    """A Redis of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.way = Doorway(self._port)
        self.url = f"redis://127.0.0.1:{self.way.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [redis_program(), "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir",
             str(self._folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        client = redis.Redis(port=self._port)
        until(lambda: _answers(client), 20)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        self.kill()
        self.way.close()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@pytest.mark.slow
def test_a_worker_outlives_its_broker(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles
) -> None:
    broker = Broker(tmp_path)
    broker.start()
    runtime = make_runtime(servers, tmp_path / "data", batch_size=50).start()
    log = runtime.settings.folder / "worker.log"

    def said() -> str:
        return log.read_text()[-4000:]

    try:
        fill_shop(runtime, sample)
        runtime.jobs = CeleryJobs(make_app(broker.url))
        first, second = approved(runtime, sample), approved(runtime, sample)
        with celery(runtime, "worker", *worker_options(1), BROKER_URL=broker.url) as worker:
            runtime.campaigns.send(first, "test")
            _until_sent(runtime, first, said)
            broker.kill()
            with pytest.raises(subprocess.TimeoutExpired):
                worker.wait(AWAY_SECONDS)
            broker.start()
            # It comes and goes, and is lost at each step that a worker takes when it has found it again.
            for replies in (1, 4, 9):
                _is_shut_after(broker.way, replies, said)
                assert worker.poll() is None, said()
            runtime.campaigns.send(second, "test")
            # The hint may be lost, the broker being shut; the scheduler would repeat it.
            until(lambda: _is_hinted(runtime, second), SHUT_WITHIN)
            _until_sent(runtime, second, said)
    finally:
        broker.close()
        runtime.close()


def _is_shut_after(way: Doorway, replies: int, said: Callable[[], str]) -> None:
    before = way.times_shut
    way.shut_after(replies)
    until(lambda: way.times_shut > before, SHUT_WITHIN, said)


def _is_hinted(runtime: Runtime, campaign_id: int) -> bool:
    try:
        runtime.jobs.plan(campaign_id)
    except ServiceUnavailable:
        return False
    return True


def _until_sent(runtime: Runtime, campaign_id: int, said: Callable[[], str]) -> None:
    until(lambda: runtime.campaigns.status(campaign_id) == CampaignStatus.SENT, SENT_WITHIN, said)

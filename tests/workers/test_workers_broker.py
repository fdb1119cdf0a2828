"""The broker by URL: Redis and RabbitMQ, both real, and what happens while neither answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kombu import Connection

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import NotConfigured, ServiceUnavailable
from campaigns.core.log import configure_logging
from campaigns.core.settings import load_settings
from campaigns.models import CampaignStatus
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import SECRET, approved, fill_shop, make_runtime
from tests.workers.rabbitmq import rabbitmq
from workers.app import make_app
from workers.broker import CONSUMER_TIMEOUT_SECONDS, QUEUES, VISIBILITY_SECONDS, broker_url, queue_lengths
from workers.jobs import CeleryJobs

ROOT = Path(__file__).resolve().parents[2]
QUICKLY = 4.0


@pytest.fixture
def redis_broker(servers: EmbeddedUrls, redis_client: object) -> str:
    """The URL of an empty Redis."""
    return (servers.redis_url or "").replace("db=0", "db=9")


def test_hints_land_in_the_queues_that_workers_listen_to(redis_broker: str) -> None:
    app = make_app(redis_broker)
    jobs = CeleryJobs(app)
    jobs.plan(1)
    jobs.send(3)
    jobs.train()
    for name in ("tailormail.sweep", "tailormail.retention", "tailormail.feedback", "tailormail.copy"):
        app.send_task(name)
    expected = {"plan": 3, "pick": 1, "copy": 1, "send": 3, "feedback": 1}
    assert queue_lengths(redis_broker) == expected
    assert set(expected) == set(QUEUES)


def test_times_fit_one_another() -> None:
    late = {"tailormail.train"}
    early = {
        name for name, told in make_app("redis://host").conf.task_annotations.items() if not told["acks_late"]
    }
    assert "tailormail.plan" in early, "it may run for longer than RabbitMQ waits"
    assert not late & early
    assert VISIBILITY_SECONDS > CONSUMER_TIMEOUT_SECONDS


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock", "amqp://127.0.0.1:1//"]
)
def test_a_broker_that_is_away_is_told_at_once(url: str) -> None:
    begin = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="broker"):
        make_app(url).send_task("tailormail.sweep")
    with pytest.raises(ServiceUnavailable, match="broker"):
        queue_lengths(url)
    assert time.monotonic() - begin < QUICKLY


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_hangs_is_given_up_after_a_second_and_asked_once(scheme: str, silent: int) -> None:
    app = make_app(f"{scheme}://127.0.0.1:{silent}/")
    begin = time.monotonic()
    for _ in range(5):
        with pytest.raises(ServiceUnavailable):
            app.send_task("tailormail.sweep")
    assert time.monotonic() - begin < QUICKLY
    begin = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        queue_lengths(f"{scheme}://127.0.0.1:{silent}/", seconds=0.5)
    assert time.monotonic() - begin < QUICKLY


def test_a_lost_hint_is_one_line_in_the_log(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING")  # whatever another test made of it, and onto the stderr of this one
    jobs = CeleryJobs(make_app("amqp://somebody:a-password@127.0.0.1:1//"))
    with database.transaction() as session:
        session.after_commit(lambda: jobs.plan(1))
    said = "".join(capsys.readouterr())
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1, said
    assert "hint_not_given" in said
    assert "Traceback" not in said
    assert "a-password" not in said


def test_the_broker_is_redis_unless_it_is_named(tmp_path: Path, servers: EmbeddedUrls) -> None:
    runtime = make_runtime(servers, tmp_path)
    assert broker_url(runtime) == runtime.urls[1]
    runtime = make_runtime(servers, tmp_path, broker_url="amqp://host//")
    assert broker_url(runtime) == "amqp://host//"
    with pytest.raises(NotConfigured, match="TAILORMAIL_BROKER_URL: must begin with redis://"):
        load_settings({"broker_url": "kafka://host"})


@pytest.mark.slow
def test_a_campaign_over_rabbitmq(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles
) -> None:
    with rabbitmq(tmp_path / "rabbit") as url:
        runtime = make_runtime(servers, tmp_path / "data", broker_url=url, batch_size=10).start()
        fill_shop(runtime, sample)
        app = make_app(broker_url(runtime))
        runtime.jobs = CeleryJobs(app)
        assert queue_lengths(url) == dict.fromkeys(QUEUES, 0), "also before anybody has declared them"
        first, second = approved(runtime, sample), approved(runtime, sample)
        runtime.campaigns.send(first, "test")
        assert queue_lengths(url)["plan"] == 1
        log = tmp_path / "worker.log"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TAILORMAIL_BROKER_URL": url,
            "TAILORMAIL_DATABASE_URL": servers.database_url or "",
            "TAILORMAIL_REDIS_URL": runtime.urls[1],
            "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
            "TAILORMAIL_SECRET_KEY": SECRET,
        }
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "workers.main", "worker", "--concurrency", "1",
                 "--queues", ",".join(QUEUES)],
                env=environment, stdout=output, stderr=output, cwd=tmp_path,
            )  # fmt: skip
        try:
            _until_sent(runtime, first, log)
            time.sleep(6.5)  # longer than a silent connection may be: an idle worker keeps its own
            runtime.campaigns.send(second, "test")
            _until_sent(runtime, second, log)
            assert queue_lengths(url)["plan"] == 0
            with Connection(url) as connection, connection.channel() as channel:
                assert _is_quorum(channel), "a queue that is lost with its node stops everything"
        finally:
            worker.terminate()
            worker.wait(20)
        said = log.read_text()
        assert "Traceback" not in said, said
        runtime.close()


def _until_sent(runtime: object, campaign_id: int, log: Path) -> None:
    deadline = time.monotonic() + 40
    while runtime.campaigns.status(campaign_id) != CampaignStatus.SENT:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def _is_quorum(channel: object) -> bool:
    from amqp.exceptions import PreconditionFailed

    try:
        channel.queue_declare(  # type: ignore[attr-defined]
            "send", durable=True, auto_delete=False, arguments={"x-queue-type": "classic"}
        )
    except PreconditionFailed as error:
        return "quorum" in str(error)
    return False

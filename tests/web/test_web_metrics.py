"""/metrics: whole, quick whatever is down, the same from every process, and for the own network only."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.locks import SCHEDULER_LOCK
from campaigns.core.meters import METERS, Meters
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, make_runtime
from tests.waiting import in_time
from web.app import create_app
from workers.app import make_app
from workers.lock import SessionLock

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def values(client: FlaskClient) -> Values:
    """All samples by name and sorted labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.get_data(as_text=True))
        for sample in family.samples
    }


def value(client: FlaskClient, name: str, **labels: str) -> float | None:
    return values(client).get((name, tuple(sorted(labels.items()))))


def test_every_meter_is_told_even_before_it_counted(client: FlaskClient) -> None:
    page = client.get("/metrics").get_data(as_text=True)
    for name in METERS:
        assert re.search(rf"^# TYPE tailormail_{name}(_total)? ", page, re.MULTILINE), name


def test_workers_and_all_web_processes_are_in_it(runtime: Runtime, client: FlaskClient) -> None:
    workers = Meters(runtime.redis)
    workers.add("mails", 12, kind="sent", relay="main")
    workers.observe("stage_seconds", 0.2, stage="copy")
    workers.flush()
    other = create_app(runtime).test_client()
    for _ in range(3):
        other.get("/o/x.png")
    other.application.extensions["tailormail-measures"].flush()
    told = {"endpoint": "opens.picture", "method": "GET", "status": "200"}
    assert value(client, "tailormail_mails_total", kind="sent", relay="main") == 12
    assert value(client, "tailormail_stage_seconds_bucket", stage="copy", le="0.25") == 1
    assert value(client, "tailormail_stage_seconds_bucket", stage="copy", le="0.1") == 0
    assert value(client, "tailormail_requests_total", **told) == 3
    client.get("/o/x.png")
    assert value(client, "tailormail_requests_total", **told) == 4, "also what is not in Redis yet"


def test_what_postgresql_and_the_broker_say(shop: Runtime, sample: SampleFiles) -> None:
    client = create_app(shop).test_client()
    assert value(client, "tailormail_scheduler_alive") == 0
    assert value(client, "tailormail_oldest_planned_seconds") == 0
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        session.execute(text("update campaigns set started_at = now() - interval '1 hour'"))
        session.execute(
            text(
                "insert into worker_leases (worker, lease_until) values "
                "('a', now() + interval '1 hour'), ('b', now() - interval '1 hour')"
            )
        )
    make_app(shop.urls[1]).send_task("tailormail.sweep")
    lock = SessionLock(shop.urls[0], SCHEDULER_LOCK)
    assert lock.held()
    found = values(client)
    lock.release()
    planned = shop.campaigns.show(campaign_id)["counts"]["planned"]
    assert found["tailormail_sends", (("status", "planned"),)] == planned
    assert found["tailormail_campaigns", (("status", "sending"),)] == 1
    assert 3600 <= found["tailormail_oldest_planned_seconds", ()] < 3700
    assert found["tailormail_leases", (("state", "alive"),)] == 1
    assert found["tailormail_leases", (("state", "expired"),)] == 1
    assert found["tailormail_queue_length", (("queue", "plan"),)] == 1
    assert found["tailormail_queue_length", (("queue", "send"),)] == 0
    assert found["tailormail_uncertain", ()] == 0
    assert found["tailormail_scheduler_alive", ()] == 1
    assert found["tailormail_database_connections", ()] < found["tailormail_database_connections_limit", ()]
    assert {found["tailormail_up", (("part", part),)] for part in ("database", "redis", "broker")} == {1}


def test_a_send_that_may_not_go_yet_does_not_wait(shop: Runtime, sample: SampleFiles) -> None:
    client = create_app(shop).test_client()
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        session.execute(
            text("update sends set not_before = now() + interval '1 hour' where status = 'planned'")
        )
    assert value(client, "tailormail_oldest_planned_seconds") == 0
    with shop.db.transaction() as session:
        session.execute(
            text(
                "update sends set not_before = now() - interval '5 minutes' where id = "
                "(select min(id) from sends where status = 'planned')"
            )
        )
    waited = value(client, "tailormail_oldest_planned_seconds")
    assert waited is not None
    assert 300 <= waited < 330


@pytest.mark.parametrize("trouble", ["hangs", "refuses"])
def test_it_answers_within_two_seconds_whatever_is_down(
    trouble: str, servers: EmbeddedUrls, silent: int, tmp_path: Path
) -> None:
    port = silent if trouble == "hangs" else 1
    runtime = make_runtime(
        servers,
        tmp_path,
        database_url=f"postgresql://127.0.0.1:{port}/nothing",
        redis_url=f"redis://127.0.0.1:{port}/0",
        broker_url=f"amqp://127.0.0.1:{port}//",
    )
    client = create_app(runtime).test_client()
    client.get("/healthz")
    for _ in range(3):
        begin = time.monotonic()
        found = values(client)
        assert in_time(begin, 2)
        assert {found["tailormail_up", (("part", part),)] for part in ("database", "redis", "broker")} == {0}
    told = (("endpoint", "health.alive"), ("method", "GET"), ("status", "200"))
    assert found["tailormail_requests_total", told] == 1, "what this process knows is told all the same"
    runtime.close()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_it_is_not_passed_on_to_the_public(client: FlaskClient, header: str) -> None:
    assert client.get("/metrics", headers={header: "10.0.0.1"}).status_code == 403


@pytest.mark.parametrize(
    ("remote", "status"),
    [("10.1.2.3", 200), ("127.0.0.1", 200), ("fd00::5", 200), ("8.8.8.8", 403), ("2a00:1450::1", 403)],
)
def test_only_the_own_network_is_answered(client: FlaskClient, remote: str, status: int) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": remote}).status_code == status


def test_personal_data_is_not_in_it(shop: Runtime, sample: SampleFiles) -> None:
    client = create_app(shop).test_client()
    shop.campaigns.send(approved(shop, sample), "test")
    assert "@" not in client.get("/metrics").get_data(as_text=True)

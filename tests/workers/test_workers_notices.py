"""Notices by a real Celery worker: hinted at, found without a hint, and not lost with a worker that is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.jobs import Jobs, NoJobs
from campaigns.delivery.capture import list_captured
from campaigns.flows.customers.notices import queue_notice
from campaigns.models import Notice, Signup
from campaigns.runtime import Runtime
from tests.delivery.delivery_servers import ScriptedRelay
from tests.shop import make_runtime
from tests.signup_story import filled, make_form
from tests.waiting import until
from tests.workers.processes import celery, worker_options
from web.app import create_app
from workers.app import make_app
from workers.jobs import CeleryJobs

ADDRESS = "astrid@newcomers.example"


@pytest.fixture
def told(servers: EmbeddedUrls, db: object, tmp_path: Path) -> Iterator[Runtime]:
    """An empty shop with hints that go over the broker."""
    runtime = make_runtime(servers, tmp_path / "data").start()
    runtime.redis.flushdb()
    runtime.jobs = CeleryJobs(make_app(runtime.urls[1]))
    yield runtime
    runtime.close()


def queue(runtime: Runtime, jobs: Jobs) -> int:
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        return queue_notice(
            session,
            runtime.keyring,
            kind="confirm_signup",
            email=ADDRESS,
            language="en",
            sender="Fjell & Fern <hello@fjellandfern.example>",
            values={"url": "https://mail.example/s/news/abc", "until": (now + timedelta(days=2)).isoformat()},
            now=now,
            lives=timedelta(days=2),
            jobs=jobs,
        )


def outcome(runtime: Runtime, number: int) -> str:
    with runtime.db.transaction() as session:
        return session.get_one(Notice, number).outcome


@pytest.mark.slow
def test_who_signs_up_has_the_mail_in_seconds_and_a_lost_hint_only_delays(told: Runtime) -> None:
    make_form(told)
    with celery(told, "worker", *worker_options(1)):
        client = create_app(told).test_client()
        assert client.post("/s/news", data=filled(told)).status_code == 200
        until(lambda: list_captured(told.settings.captured_mail), 60)
        unhinted = queue(told, NoJobs())
        with celery(told, "beat", "--pidfile", ""):
            until(lambda: outcome(told, unhinted) == "sent", 60)
    assert len(list_captured(told.settings.captured_mail)) == 2


@pytest.mark.slow
def test_a_worker_killed_at_the_worst_moment_sends_one_copy_more_and_loses_nothing(told: Runtime) -> None:
    """The relay has the whole mail and the worker dies before its answer: nobody can know, so it goes again."""
    with ScriptedRelay(({"dot": "<hang>"}, {})) as relay:
        url = f"smtp://127.0.0.1:{relay.port}?tls=none"
        with celery(told, "worker", *worker_options(1), SMTP_URL=url) as process:
            number = queue(told, told.jobs)
            until(lambda: relay.whole, 60)
            os.killpg(process.pid, signal.SIGKILL)
        assert outcome(told, number) == ""
        with told.db.transaction() as session:
            claim = session.scalars(select(Notice.claimed_until)).one()
            assert claim is not None, "nobody else takes it before the claim ends"
            session.execute(update(Notice).values(claimed_until=told.clock.now()))
        with celery(told, "worker", *worker_options(1), SMTP_URL=url):
            told.jobs.send_notices()
            until(lambda: outcome(told, number) == "sent", 60)
        first, second = relay.whole[0], relay.accepted[0]
    assert len(relay.accepted) == 1
    same = [line for line in first.split(b"\r\n") if line.startswith(b"Message-ID:")]
    assert same and same[0] in second.split(b"\r\n")


@pytest.mark.slow
def test_a_worker_deletes_what_nobody_confirmed(told: Runtime) -> None:
    make_form(told, confirm_hours=1)
    create_app(told).test_client().post("/s/news", data=filled(told))
    with told.db.transaction() as session:
        session.execute(update(Signup).values(expires_at=told.clock.now() - timedelta(minutes=1)))
    with celery(told, "worker", *worker_options(1)):
        make_app(told.urls[1]).send_task("tailormail.forget")

        def gone() -> bool:
            with told.db.transaction() as session:
                return session.scalars(select(Signup)).first() is None

        until(gone, 60)

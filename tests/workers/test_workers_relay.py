"""Real workers in front of a slow relay: pause, cancel and SIGTERM act at once, campaigns share, paces hold."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from campaigns.core.embedded import EmbeddedUrls
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles, SampleShop
from tests.delivery.delivery_servers import HANG, ScriptedRelay
from tests.shop import fill_shop, make_runtime
from tests.waiting import until
from tests.workers.processes import RelaySink, celery, relay_sink, wait_for, worker_options
from workers.app import make_app
from workers.jobs import CeleryJobs

MAILS_A_SECOND = 30.0
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bigger(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """A shop whose campaign keeps a slow relay busy for a while."""
    return SampleShop(customers=900, today=date(2026, 11, 1)).write(tmp_path_factory.mktemp("bigger"))


@pytest.fixture
def told(
    servers: EmbeddedUrls, db: object, redis_client: redis.Redis, tmp_path: Path, bigger: SampleFiles
) -> Iterator[Runtime]:
    """That shop, and one more customer in a country of their own; hints go over the broker."""
    runtime = make_runtime(servers, tmp_path / "data", batch_size=50, lease_seconds=20).start()
    runtime.redis.flushdb()
    fill_shop(runtime, bigger)
    customers, consents = tmp_path / "one.csv", tmp_path / "consent.csv"
    customers.write_text("external_id,email,country\none,one@one.example,Freedonia\n")
    consents.write_text(
        "customer_id,purpose,action,wording,source,at\none,marketing,granted,yes,shop,2026-01-01T00:00:00Z\n"
    )
    done = [*runtime.importing.run("customers", [customers]), *runtime.importing.run("consents", [consents])]
    assert not any(result.errors for result in done)
    runtime.jobs = CeleryJobs(make_app(runtime.urls[1]))
    yield runtime
    runtime.close()


def approved_with(runtime: Runtime, sample: SampleFiles, delivery: str = "", segment: str = "{}") -> int:
    """The sample's campaign with these lines in its table [delivery]."""
    words = sample.campaign.read_text().replace("segment = {}", f"segment = {segment}")
    file = sample.campaign.with_name("changed.toml")
    file.write_text(f"{words}\n[delivery]\n{delivery}\n")
    campaign_id = runtime.campaigns.create_from_file(file)
    runtime.campaigns.approve(campaign_id, "test")
    return campaign_id


@contextmanager
def at_work(runtime: Runtime, relay: RelaySink) -> Iterator[subprocess.Popen[bytes]]:
    with celery(runtime, "worker", *worker_options(), SMTP_URL=relay.url) as process:
        yield process


def test_pause_cancel_urgency_and_a_deployment_in_front_of_a_slow_relay(
    told: Runtime, tmp_path: Path, bigger: SampleFiles
) -> None:
    with (
        relay_sink(tmp_path, MAILS_A_SECOND) as relay,
        celery(told, "beat", "--pidfile", ""),
    ):
        big = approved_with(told, bigger)
        one = approved_with(told, bigger, "urgent = true", '{ country = ["Freedonia"] }')
        with at_work(told, relay) as worker:
            told.campaigns.send(big, "test")
            until(lambda: len(relay.arrivals(told, big)) > 20, 40)
            _an_urgent_mail_overtakes(told, relay, big, one)
            _nothing_goes_out_from_two_seconds_after(
                told, relay, big, lambda: told.campaigns.pause(big, "test")
            )
            assert _statuses(told, big) <= {"planned", "sent", "held_back"}, "all was given back"
            told.campaigns.resume(big, "test")
            before = len(relay.arrivals(told, big))
            until(lambda: len(relay.arrivals(told, big)) > before + 20, 10)
            begin = time.monotonic()
            worker.terminate()
            worker.wait(30)
            assert time.monotonic() - begin < 10
            assert _statuses(told, big) <= {"planned", "sent", "held_back"}, "and all was given back"
        with at_work(told, relay):
            before = len(relay.arrivals(told, big))
            until(lambda: len(relay.arrivals(told, big)) > before + 20, 40)
            _nothing_goes_out_from_two_seconds_after(
                told, relay, big, lambda: told.campaigns.cancel(big, "test")
            )
        _once_each(told, relay, big)


def _an_urgent_mail_overtakes(told: Runtime, relay: RelaySink, big: int, one: int) -> None:
    told.campaigns.send(one, "test")
    # Somebody has to have a hand free to freeze its audience; from then on it overtakes.
    until(lambda: told.campaigns.status(one) != "planning", 30)
    took = until(lambda: relay.arrivals(told, one), 8)
    with told.db.transaction() as session:
        waiting = counts(session, big).get("planned", 0)
    assert waiting > 100, f"it did not overtake anybody in {took:.1f} s"


def _nothing_goes_out_from_two_seconds_after(
    told: Runtime, relay: RelaySink, campaign_id: int, act: object
) -> None:
    assert callable(act)
    act()
    time.sleep(2.0)
    seen = len(relay.arrivals(told, campaign_id))
    time.sleep(1.5)
    assert len(relay.arrivals(told, campaign_id)) == seen
    with told.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
    assert kept["sent"] == seen
    assert kept["planned"] > 50, "it was stopped in the middle"


def _statuses(told: Runtime, campaign_id: int) -> set[str]:
    with told.db.transaction() as session:
        return set(
            session.scalars(
                text("select distinct status from sends where campaign_id = :c"), {"c": campaign_id}
            )
        )


def _once_each(told: Runtime, relay: RelaySink, campaign_id: int) -> None:
    with told.db.transaction() as session:
        sent = set(
            session.scalars(
                text("select id from sends where campaign_id = :c and status = 'sent'"), {"c": campaign_id}
            )
        )
    received = Counter(send for send, _ in relay.arrivals(told, campaign_id))
    assert set(received.values()) == {1}
    assert set(received) == sent


def test_a_relay_that_hangs_does_not_hold_up_a_deployment(told: Runtime, bigger: SampleFiles) -> None:
    with ScriptedRelay([{"dot": HANG}]) as relay:
        campaign_id = approved_with(told, bigger)
        url = f"smtp://127.0.0.1:{relay.port}?tls=none"
        with celery(told, "worker", *worker_options(), SMTP_URL=url) as worker:
            told.campaigns.send(campaign_id, "test")
            until(lambda: relay.whole, 40)
            begin = time.monotonic()
            worker.terminate()
            worker.wait(30)
            assert time.monotonic() - begin < 10
        in_flight = len(relay.whole)
    named = told.reconciling.named(campaign_id)
    assert len(named) == in_flight
    assert all("this process is to end" in row["reply"] for row in named), named
    assert _statuses(told, campaign_id) == {"planned", "held_back", "uncertain"}, (
        "and the rest was given back"
    )


def test_campaigns_share_by_weight_and_a_pace_holds_for_all_workers_together(
    told: Runtime, tmp_path: Path, bigger: SampleFiles
) -> None:
    with (
        relay_sink(tmp_path, 100) as relay,
        celery(told, "beat", "--pidfile", ""),
        at_work(told, relay),
    ):
        heavy, light = approved_with(told, bigger, "weight = 3"), approved_with(told, bigger, "weight = 1")
        slow = approved_with(told, bigger, "per_second = 10")
        told.campaigns.send(heavy, "test")
        told.campaigns.send(light, "test")
        until(lambda: len(relay.arrivals(told, heavy)) >= 420, 60)
        ratio = len(relay.arrivals(told, heavy)) / len(relay.arrivals(told, light))
        assert 1.8 < ratio < 5, ratio
        for campaign_id in (heavy, light):
            told.campaigns.cancel(campaign_id, "test")
        told.campaigns.send(slow, "test")
        until(lambda: len(relay.arrivals(told, slow)) >= 100, 30)
        moments = sorted(at for _, at in relay.arrivals(told, slow))[10:100]
        pace = (len(moments) - 1) / (moments[-1] - moments[0])
        assert pace == pytest.approx(10, rel=0.1), f"{pace:.2f} a second"
        told.campaigns.cancel(slow, "test")
        wait_for(told, slow, CampaignStatus.CANCELLED, 5)

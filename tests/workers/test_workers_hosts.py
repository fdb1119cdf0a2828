"""Two worker hosts on one PostgreSQL and one Redis; one is cut off in the middle of a campaign, and comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.compose.identity import parse_message_id
from campaigns.core.settings import load_settings
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import CampaignStatus
from campaigns.models.send import FINAL
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleShop
from tests.shop import SECRET, approved, fill_shop
from tests.waiting import until
from tests.workers.networks import Link, Namespace, Relayed
from tests.workers.rabbitmq import free_port
from tests.workers.servers import TcpServers, database_url, tcp_servers
from workers.app import make_app
from workers.jobs import CeleryJobs

ROOT = Path(__file__).resolve().parents[2]
QUEUES = "plan,pick,copy,send,feedback"
CONNECTIONS = 4
MAILS_A_SECOND = 40.0
LEASE_SECONDS = 5
BACK_SECONDS = 60.0


class Hosts:
    """Servers and sink here; workers in data folders and networks of their own; one scheduler here."""

    def __init__(self, folder: Path, links: dict[str, Link], ports: TcpServers, sink: int) -> None:
        self.folder, self.links, self.ports, self.sink = folder, links, ports, sink
        self.received = folder / "received"
        self.runtime = Runtime(
            load_settings(
                {
                    "database_url": database_url("127.0.0.1", ports.postgres),
                    "redis_url": f"redis://127.0.0.1:{ports.redis}/0",
                    "data_dir": folder / "here",
                    "secret_key": SECRET,
                    "public_url": "http://mail.test",
                }
            )
        ).start(migrate=True)
        self.runtime.jobs = CeleryJobs(make_app(self.runtime.urls[1]))

    def environment(self, name: str) -> dict[str, str]:
        def reach(port: int) -> tuple[str, int]:
            return self.links[name].address(port) if name in self.links else ("127.0.0.1", port)

        cache, relay = reach(self.ports.redis), reach(self.sink)
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TAILORMAIL_DATABASE_URL": database_url(*reach(self.ports.postgres)),
            "TAILORMAIL_REDIS_URL": f"redis://{cache[0]}:{cache[1]}/0",
            "TAILORMAIL_SMTP_URL": f"smtp://{relay[0]}:{relay[1]}?tls=none",
            "TAILORMAIL_DATA_DIR": str(self.folder / name),
            "TAILORMAIL_SECRET_KEY": SECRET,
            "TAILORMAIL_PUBLIC_URL": "http://mail.test",
            "TAILORMAIL_BATCH_SIZE": "20",
            "TAILORMAIL_LEASE_SECONDS": str(LEASE_SECONDS),
            "OPENBLAS_NUM_THREADS": "1",
        }

    @contextmanager
    def process(self, name: str, *command: str) -> Iterator[None]:
        link = self.links.get(name)
        whole = [sys.executable, "-m", *command]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                link.command(whole) if link else whole,
                env=self.environment(name), cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def started(self, name: str) -> bool:
        return (self.folder / name / "host-id").exists()

    def host_id(self, name: str) -> str:
        return (self.folder / name / "host-id").read_text().strip()

    def held_by(self, name: str, campaign_id: int, *statuses: str) -> int:
        query = text(
            "select count(*) from sends where campaign_id = :campaign and status = any(:statuses) "
            "and starts_with(claimed_by, :host)"
        )
        told = {"campaign": campaign_id, "statuses": list(statuses), "host": f"{self.host_id(name)}:"}
        with self.runtime.db.transaction() as session:
            return int(session.scalar(query, told) or 0)

    def by_status(self, campaign_id: int) -> dict[str, int]:
        with self.runtime.db.transaction() as session:
            return counts(session, campaign_id)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-6000:]


@contextmanager
def hosts(folder: Path, kind: str) -> Iterator[Hosts]:
    folder.chmod(0o755)
    ports, sink = TcpServers(free_port(), free_port()), free_port()
    with ExitStack() as stack:
        links: dict[str, Link] = {}
        for name in ("first", "second"):
            known = [ports.postgres, ports.redis, sink]
            # What is passed on needs no server behind it yet.
            links[name] = Namespace() if kind == "namespaces" else Relayed(known)
            stack.callback(links[name].close)
        addresses = [link.address(0)[0] for link in links.values()] if kind == "namespaces" else []
        stack.enter_context(tcp_servers(folder / "servers", ports, addresses))
        control = folder / "sink.json"
        control.write_text(json.dumps({"rate": MAILS_A_SECOND, "chunking": True}))
        told = Hosts(folder, links, ports, sink)
        stack.callback(told.runtime.close)
        where = "0.0.0.0" if kind == "namespaces" else "127.0.0.1"
        stack.enter_context(
            told.process("sink", "tests.torture.sink", str(sink), str(told.received), str(control), where)
        )
        beat = ("celery", "-A", "workers.main", "beat", "--pidfile", "")
        stack.enter_context(told.process("beat", *beat))
        for name in links:
            options = ("--concurrency", "1", "--queues", QUEUES, "--hostname", f"{name}@test")
            worker = ("celery", "-A", "workers.main", "worker", *options)
            stack.enter_context(told.process(name, *worker))
        yield told


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["namespaces", "relayed"])
def test_a_host_that_is_cut_off_comes_back_and_nobody_is_lost_or_mailed_twice(
    tmp_path: Path, kind: str
) -> None:
    permitted = Namespace.permitted()
    if permitted != (kind == "namespaces"):
        pytest.skip("played with network namespaces" if permitted else "network namespaces are not permitted")
    _play(tmp_path, kind)


def _play(folder: Path, kind: str) -> None:
    sample = SampleShop(customers=500, today=date(2026, 11, 1)).write(folder / "shop")
    with hosts(folder, kind) as told:
        fill_shop(told.runtime, sample)
        first, second = approved(told.runtime, sample), approved(told.runtime, sample)
        told.runtime.campaigns.send(first, "test")

        def both_send() -> bool:
            return all(told.started(name) and told.held_by(name, first, "sent") for name in told.links)

        until(both_send, 60, lambda: told.log("first") + told.log("second"))
        until(lambda: told.held_by("first", first, "sending"), 20, lambda: told.by_status(first))
        told.links["first"].cut()

        def the_other_went_on() -> bool:
            return not set(told.by_status(first)) - FINAL

        until(the_other_went_on, 60, lambda: (told.by_status(first), told.log("second")))
        cut_off = told.held_by("first", first, "uncertain")
        told.links["first"].repair()
        took = until(
            lambda: _settled(told, first), BACK_SECONDS, lambda: (told.by_status(first), told.log("first"))
        )
        told.runtime.campaigns.send(second, "test")
        back = until(
            lambda: told.held_by("first", second, "sent"), BACK_SECONDS - took, lambda: told.log("first")
        )
        until(
            lambda: told.runtime.campaigns.status(second) == CampaignStatus.SENT,
            60,
            lambda: told.by_status(second),
        )
        print(
            f"{kind}: {cut_off} unknown while cut off, settled after {took:.1f} s, at work after {back:.1f} s"
        )
        for campaign_id in (first, second):
            _nobody_lost_or_mailed_twice(told, campaign_id)


def _settled(told: Hosts, campaign_id: int) -> bool:
    """Whether all that can be known of the host that was cut off is known."""
    unknown = told.held_by("first", campaign_id, "uncertain")
    return unknown <= CONNECTIONS and told.runtime.campaigns.status(campaign_id) == CampaignStatus.SENT


def _nobody_lost_or_mailed_twice(told: Hosts, campaign_id: int) -> None:
    with told.runtime.db.transaction() as session:
        assert counts(session, campaign_id) == recount(session, campaign_id)
        found = session.execute(
            text("select id, status from sends where campaign_id = :id"), {"id": campaign_id}
        )
        status = {row.id: row.status for row in found}
    identities = [line.split(" ")[1] for line in told.received.read_text().splitlines()]
    parsed = [parse_message_id(told.runtime.signer, identity) for identity in identities]
    received = Counter(send for campaign, send in parsed if campaign == campaign_id)
    assert set(received.values()) == {1}, "nobody gets it twice"
    assert set(status.values()) <= FINAL
    sent = {send for send, s in status.items() if s == "sent"}
    uncertain = {send for send, s in status.items() if s == "uncertain"}
    assert sent <= set(received), "nobody is lost"
    assert set(received) <= sent | uncertain
    assert len(uncertain) <= CONNECTIONS

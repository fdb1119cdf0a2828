"""The real thing of sending: a deployment of its own (workers, scheduler, servers), watched while it works."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import text

from benchmarks.bench import Bench
from benchmarks.sink import Sink
from campaigns.core.embedded import Embedded
from campaigns.core.errors import Refused
from campaigns.flows.sending.counters import counts
from workers.app import make_app
from workers.jobs import CeleryJobs

_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class RealRun:
    """One campaign on its way; CPU seconds by part and, of the workers, by stage."""

    sent: int
    held_back: int
    received: int
    mail_bytes: int
    plan_seconds: float
    seconds: float
    mails_per_second: float
    cpu_seconds_per_1000: dict[str, float]
    worker_cpu_by_stage_per_1000: dict[str, float]
    statements_per_1000: float
    transactions_per_1000: float
    peak_worker_mb: float
    peak_worker_own_mb: float


class Deployment:
    """Workers and a scheduler as processes of their own, on the bench's servers."""

    def __init__(self, shop: Bench, sink: Sink, processes: int, dkim_key: Path) -> None:
        self.dkim_key = dkim_key
        self._shop = shop
        self._sink = sink
        self._servers = Embedded(shop.runtime.settings.folder)
        runtime = shop.runtime
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TAILORMAIL_", "OPENAI_"))},
            "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
            "TAILORMAIL_DATABASE_URL": runtime.urls[0],
            "TAILORMAIL_REDIS_URL": runtime.urls[1],
            "TAILORMAIL_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?tls=none",
            "TAILORMAIL_DKIM_KEY": str(dkim_key),
            "TAILORMAIL_DKIM_SELECTOR": "bench",
            "TAILORMAIL_DKIM_DOMAIN": shop.plan.domain,
            "TAILORMAIL_LOG_LEVEL": "WARNING",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._jobs = CeleryJobs(make_app(runtime.urls[1]))
        self._log = (runtime.settings.folder / "bench.log").open("ab")
        celery = [sys.executable, "-m", "celery", "-A", "workers.main"]
        self._started = [
            subprocess.Popen(
                [*celery, *command],
                env=environment, cwd=Path(__file__).resolve().parents[1], stdout=self._log, stderr=self._log,
            )
            for command in (
                ["worker", "--loglevel", "warning", "--concurrency", str(processes), "--queues", "plan,send,pick,copy"],
                ["beat", "--loglevel", "warning", "--pidfile", "", "--schedule", str(runtime.settings.folder / "beat")],
            )
        ]  # fmt: skip
        self._worker = psutil.Process(self._started[0].pid)
        self._processes = processes

    def warm_up(self, mails: int) -> None:
        """Let the workers load what a worker loads once: the model, the template, plans of statements."""
        campaign = self._campaign("Warm-up")
        self._jobs.send(self._processes)
        self._until(lambda: self._counts(campaign).get("sent", 0) >= mails or not self._open(campaign))
        with suppress(Refused):  # it is over already
            self._shop.runtime.campaigns.cancel(campaign, "benchmarks")
        self._until(lambda: not {"claimed", "sending"} & self._counts(campaign).keys())

    def send(self) -> RealRun:
        """Freeze a campaign with words of its own and send it; returns when all its sends have ended."""
        started = time.perf_counter()
        campaign = self._campaign("Measured")
        plan_seconds = time.perf_counter() - started
        before, received, size = self._cpu(), self._sink.count(), self._sink.bytes_taken()
        meters, transactions = self._meters(), self._transactions()
        with _peaks(self._worker) as peaks:
            began = time.perf_counter()
            self._jobs.send(self._processes)
            self._until(lambda: not self._open(campaign))
            took = time.perf_counter() - began
        time.sleep(1.5)  # the workers' last numbers
        after, now = self._cpu(), self._counts(campaign)
        sent = now["sent"]
        received = self._sink.count() - received
        per_1000 = 1000 / sent
        cpu = {part: round((after[part] - before[part]) * per_1000, 3) for part in after}
        cpu["all"] = round(sum(cpu.values()), 3)
        spent = {name: value - meters.get(name, 0.0) for name, value in self._meters().items()}
        return RealRun(
            sent=sent,
            held_back=now.get("held_back", 0),
            received=received,
            mail_bytes=(self._sink.bytes_taken() - size) // received,
            plan_seconds=round(plan_seconds, 2),
            seconds=round(took, 2),
            mails_per_second=round(sent / took, 1),
            cpu_seconds_per_1000=cpu,
            worker_cpu_by_stage_per_1000={
                name[1]: round(value * per_1000, 3)
                for name, value in spent.items()
                if name[0] == "stage_cpu_seconds"
            },
            statements_per_1000=round(spent[("statements",)] * per_1000, 1),
            transactions_per_1000=round((self._transactions() - transactions) * per_1000, 1),
            peak_worker_mb=round(peaks["rss"] / 1e6, 1),
            peak_worker_own_mb=round(peaks["uss"] / 1e6, 1),
        )

    def stop(self) -> None:
        """End what was started."""
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(30)
        self._log.close()

    def _campaign(self, goal: str) -> int:
        """A frozen campaign; another goal makes other cells, so that its words are written while it is sent."""
        campaigns = self._shop.runtime.campaigns
        raw = tomllib.loads(self._shop.files.campaign.read_text())
        raw["brief"]["goal"] = f"{goal}: {raw['brief']['goal']}"
        folder = self._shop.files.campaign.parent
        campaign = campaigns.create(raw, {p.name: p.read_bytes() for p in folder.glob("*.jpg")})
        campaigns.approve(campaign, "benchmarks")
        campaigns.send(campaign, "benchmarks")
        self._shop.runtime.sending.plan(campaign)
        return campaign

    def _counts(self, campaign: int) -> dict[str, int]:
        with self._shop.runtime.db.transaction() as session:
            return counts(session, campaign)

    def _open(self, campaign: int) -> bool:
        return bool({"planned", "claimed", "picked", "written", "sending"} & self._counts(campaign).keys())

    def _until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not done():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._started):
                log = (self._shop.runtime.settings.folder / "bench.log").read_text()
                raise RuntimeError(f"the workers did not come to an end:\n{log[-3000:]}")
            time.sleep(0.02)

    def _cpu(self) -> dict[str, float]:
        return {
            "workers": _cpu_of(self._worker),
            "scheduler": _cpu_of(psutil.Process(self._started[1].pid)),
            "postgresql": _cpu_of_server(self._servers.postgres.pid()) if self._servers.postgres else 0.0,
            "redis": _cpu_of_server(self._servers.redis.pid()) if self._servers.redis else 0.0,
            "sink": self._sink.cpu_seconds(),
        }

    def _meters(self) -> dict[tuple[str, ...], float]:
        return dict(self._shop.runtime.meters.read())

    def _transactions(self) -> int:
        with self._shop.runtime.db.transaction() as session:
            return int(
                session.scalar(
                    text("select xact_commit from pg_stat_database where datname = current_database()")
                )
                or 0
            )


@contextmanager
def deployment(shop: Bench, sink: Sink, processes: int) -> Iterator[Deployment]:
    """A deployment with a fresh DKIM key, ended afterwards."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = shop.runtime.settings.folder / "dkim.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    dealt = Deployment(shop, sink, processes, path)
    try:
        yield dealt
    finally:
        dealt.stop()


def _cpu_of(process: psutil.Process) -> float:
    """Of a process and its living children."""
    return sum(_own_cpu(one) for one in (process, *process.children(recursive=True)))


def _cpu_of_server(pid: int | None) -> float:
    """Of this server alone (others may run on the machine): its children too, also those that have ended."""
    if pid is None:
        return 0.0
    process = psutil.Process(pid)
    times = process.cpu_times()
    return _cpu_of(process) + float(times.children_user + times.children_system)


def _own_cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def _peaks(worker: psutil.Process) -> Iterator[dict[str, float]]:
    """The most memory that any process of the worker had meanwhile: resident, and its own of that."""
    most = {"rss": 0.0, "uss": 0.0}
    ended = threading.Event()

    def look() -> None:
        for child in worker.children():
            with suppress(psutil.Error):
                memory: Any = child.memory_full_info()
                most["rss"] = max(most["rss"], memory.rss)
                most["uss"] = max(most["uss"], memory.uss)

    def watch() -> None:
        while not ended.wait(0.5):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()
        look()

"""Workers, schedulers and a relay as processes of their own, on the servers of the test run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from campaigns.compose.identity import parse_message_id
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from tests.shop import SECRET
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
QUEUES = "plan,pick,copy,send,feedback"


@contextmanager
def celery(runtime: Runtime, role: str, *options: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker or beat of this runtime's data folder, logging JSON there; `settings` without their prefix."""
    log = runtime.settings.folder / f"{role}.log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TAILORMAIL_DATABASE_URL": runtime.settings.database_url or "",
        "TAILORMAIL_REDIS_URL": runtime.settings.redis_url or "",
        "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
        "TAILORMAIL_SECRET_KEY": SECRET,
        "TAILORMAIL_PUBLIC_URL": runtime.settings.public_url,
        "TAILORMAIL_LOG_JSON": "1",
        "TAILORMAIL_BATCH_SIZE": str(runtime.settings.batch_size),
        "TAILORMAIL_LEASE_SECONDS": str(runtime.settings.lease_seconds),
        "OPENBLAS_NUM_THREADS": "1",
        **{
            name if name.startswith("OPENAI") else f"TAILORMAIL_{name}": value
            for name, value in settings.items()
        },
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.main", role, "--loglevel", "info", *options],
            env=environment, stdout=output, stderr=output, cwd=runtime.settings.folder, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def worker_options(processes: int = 2) -> tuple[str, ...]:
    """For all queues."""
    return ("--concurrency", str(processes), "--queues", QUEUES)


@dataclass(frozen=True, slots=True)
class RelaySink:
    """The relay of tests/torture/sink.py: `url` for TAILORMAIL_SMTP_URL; what it took stands in `record`."""

    url: str
    record: Path

    def arrivals(self, runtime: Runtime, campaign_id: int) -> list[tuple[int, float]]:
        """(send, seconds by a clock of the relay's own) of each mail of a campaign, in their order."""
        if not self.record.exists():
            return []
        found = []
        for line in self.record.read_text().splitlines():
            _, identity, seconds = line.split(" ")
            campaign, send = parse_message_id(runtime.signer, identity)
            if campaign == campaign_id:
                found.append((send, float(seconds)))
        return found


@contextmanager
def relay_sink(folder: Path, mails_a_second: float) -> Iterator[RelaySink]:
    """A relay that takes so many mails a second over all its connections."""
    record, control = folder / "received", folder / "sink.json"
    control.write_text(json.dumps({"rate": mails_a_second, "chunking": True}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "tests.torture.sink", str(port), str(record), str(control)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield RelaySink(f"smtp://127.0.0.1:{port}?tls=none", record)
    finally:
        process.kill()
        process.wait()


def wait_for(runtime: Runtime, campaign_id: int, status: CampaignStatus, seconds: float = 60) -> None:
    """Until the campaign has this status."""
    until(
        lambda: runtime.campaigns.status(campaign_id) == status,
        seconds,
        lambda: runtime.campaigns.show(campaign_id)["counts"],
    )

"""What the torture plays on: servers, workers, schedulers and a sink, each in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import redis

from campaigns.core.embedded import Embedded

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
CONNECTIONS = 2
"""Processes of each worker; each holds one SMTP connection."""


class Stage:
    """Starts everything, and knows how to break each part and mend it again.

    Args:
        folder: for all data; removed by the caller.
        batch_size, lease_seconds: smaller than usual, so that a short run has many batches.
    """

    def __init__(self, folder: Path, batch_size: int, lease_seconds: int = 8) -> None:
        self.folder = folder
        self.received = folder / "received"
        self.embedded = Embedded(folder / "servers")
        urls = self.embedded.acquire()
        assert urls.database_url
        assert urls.redis_url
        self.database_url, self.redis_url = urls.database_url, urls.redis_url
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.sink_port = int(probe.getsockname()[1])
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TAILORMAIL_DATABASE_URL": self.database_url,
            "TAILORMAIL_REDIS_URL": self.redis_url,
            "TAILORMAIL_DATA_DIR": str(folder / "data"),
            "TAILORMAIL_SECRET_KEY": "a-secret-for-the-torture-0123456789abcdef",
            "TAILORMAIL_SMTP_URL": f"smtp://127.0.0.1:{self.sink_port}?tls=none",
            "TAILORMAIL_PUBLIC_URL": "http://mail.test",
            "TAILORMAIL_BATCH_SIZE": str(batch_size),
            "TAILORMAIL_LEASE_SECONDS": str(lease_seconds),
            "TAILORMAIL_LOG_LEVEL": "warning",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.commands: dict[str, tuple[str, ...]] = {}

    def start_all(self) -> None:
        """Sink, workers and two schedulers at once."""
        self.start_sink()
        for number in range(WORKERS):
            self.start_worker(number)
        for number in range(2):
            schedule = str(self.folder / f"schedule-{number}")
            self._start(f"beat-{number}", *self._celery("beat", "--schedule", schedule, "--pidfile", ""))

    def start_sink(self) -> None:
        self._start("sink", "tests.torture.sink", str(self.sink_port), str(self.received))

    def start_worker(self, number: int) -> None:
        options = ("--concurrency", str(CONNECTIONS), "--queues", "plan,send,train", "--without-gossip")
        self._start(f"worker-{number}", *self._celery("worker", *options, "--hostname", f"w{number}@torture"))

    @staticmethod
    def _celery(role: str, *options: str) -> tuple[str, ...]:
        return ("celery", "-A", "workers.main", role, "--loglevel", "warning", *options)

    def keep_running(self) -> None:
        """Start again what ended by itself, as systemd would: a worker that found no database, say."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self._start(name, *self.commands[name])

    def _start(self, name: str, module: str, *arguments: str) -> None:
        self.commands[name] = (module, *arguments)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """SIGKILL a process and its children."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_sink(self) -> None:
        """In the middle of whatever it receives."""
        self.kill("sink")
        time.sleep(0.2)
        self.start_sink()

    def kill_worker(self, number: int) -> None:
        self.kill(f"worker-{number}")
        self.start_worker(number)

    def kill_all_workers(self) -> None:
        for number in range(WORKERS):
            self.kill(f"worker-{number}")
        for number in range(WORKERS):
            self.start_worker(number)

    def deploy(self, number: int) -> float:
        """SIGTERM, as a deployment does; returns how long the worker took to end."""
        process = self.processes[f"worker-{number}"]
        start = time.monotonic()
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill(f"worker-{number}")
        took = time.monotonic() - start
        self.start_worker(number)
        return took

    def lose_redis(self) -> None:
        """SIGKILL, and its data gone."""
        assert self.embedded.redis
        pid = self.embedded.redis.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        for file in (self.folder / "servers" / "redis").rglob("*"):
            if file.is_file():
                file.unlink()
        self._again(self.embedded.acquire)

    def stop_postgres(self) -> None:
        """An immediate stop, as after a crash of the machine: recovery from the log follows."""
        assert self.embedded.postgres
        pid = self.embedded.postgres.pid()
        if pid:
            os.kill(pid, signal.SIGQUIT)
        time.sleep(0.5)
        self._again(self.embedded.acquire)

    def _again(self, start: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                start()
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def fill_journal_disk(self) -> None:
        """No journal can be written for a moment: the folder becomes unwritable, as a full disk does."""
        journal = self.folder / "data" / "journal"
        if not journal.is_dir():
            return
        aside = journal.with_name("journal-aside")
        journal.rename(aside)
        journal.write_text("")  # A file in the folder's place: every new segment fails.
        time.sleep(1.0)
        journal.unlink()
        aside.rename(journal)

    def double_tasks(self) -> None:
        """Every task that waits is delivered once more."""
        with suppress(redis.RedisError):
            client = redis.Redis.from_url(self.redis_url, socket_timeout=2)
            for queue in ("send", "plan"):
                for task in client.lrange(queue, 0, -1):
                    client.lpush(queue, task)

    def received_count(self) -> int:
        """Mails that the sink accepted."""
        return self.received.read_bytes().count(b"\n") if self.received.exists() else 0

    def settled(self, campaign_id: int) -> dict[str, int]:
        """Sends by status; empty when the database is away."""
        try:
            with psycopg.connect(self.database_url, connect_timeout=3) as connection:
                rows = connection.execute(
                    "select status, count(*) from sends where campaign_id = %s group by 1", [campaign_id]
                ).fetchall()
        except psycopg.Error:
            return {}
        return {str(status): int(n) for status, n in rows}

    def stop(self) -> None:
        """End everything that was started."""
        for name in list(self.processes):
            self.kill(name)
        self.embedded.release()
        if self.embedded.redis:
            self.embedded.redis.stop()
        if self.embedded.postgres:
            self.embedded.postgres.stop()

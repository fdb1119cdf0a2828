"""What the torture plays on: servers, workers, schedulers and a sink, each in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from campaigns.core.embedded import Embedded
from campaigns.delivery.journal_claim import claimed
from tests.torture.clocks import FakeClock, sweep_up
from tests.torture.disks import disk_at

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
PROCESSES = 2
QUEUES = "plan,pick,copy,send,feedback"


@dataclass(frozen=True, slots=True)
class Deploy:
    """How long a worker took to end when asked to, and how many sends it still held afterwards."""

    seconds: float
    left: int


class Stage:
    """Starts everything, and knows how to break each part and mend it again.

    Args:
        folder: for all data; removed by the caller.
        batch_size, lease_seconds: smaller than usual, so that a short run has many batches.
        mount: whether a file system may be mounted under the journals, where that is permitted.
    """

    def __init__(self, folder: Path, batch_size: int, lease_seconds: int = 8, mount: bool = True) -> None:
        self.folder = folder
        self.received = folder / "received"
        self.disk = disk_at(folder / "data", mount)
        self.clock = FakeClock(folder / "clock")
        self.embedded = Embedded(folder / "servers")
        urls = self.embedded.acquire()
        assert urls.database_url
        assert urls.redis_url
        self.database_url, self.redis_url = urls.database_url, urls.redis_url
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.sink_port = int(probe.getsockname()[1])
        self.sink_wants(rate=0.0, chunking=True)
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
            "TAILORMAIL_LOG_LEVEL": "info",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._jumping: list[int] = []
        self._loggers: list[subprocess.Popen[bytes]] = []
        self.commands: dict[str, tuple[str, ...]] = {}

    def start_all(self) -> None:
        """Sink, workers and two schedulers at once, of which one stands by."""
        self.start_sink()
        for number in range(WORKERS):
            self.start_worker(number)
        for number in range(2):
            self._start(f"beat-{number}", *self._celery("beat", "--pidfile", ""))

    def start_sink(self) -> None:
        files = (str(self.received), str(self._sink_control))
        self._start("sink", "tests.torture.sink", str(self.sink_port), *files)

    def start_worker(self, number: int) -> None:
        options = ("--concurrency", str(PROCESSES), "--queues", QUEUES, "--without-gossip")
        self._start(f"worker-{number}", *self._celery("worker", *options, "--hostname", f"w{number}@torture"))

    @staticmethod
    def _celery(role: str, *options: str) -> tuple[str, ...]:
        return ("celery", "-A", "workers.main", role, "--loglevel", "info", *options)

    @property
    def _sink_control(self) -> Path:
        return self.folder / "sink.json"

    def sink_wants(self, rate: float, chunking: bool) -> None:
        """Set how many mails a second the sink takes (0: all), and whether it offers CHUNKING from now on."""
        draft = self._sink_control.with_suffix(".new")
        draft.write_text(json.dumps({"rate": rate, "chunking": chunking}))
        draft.replace(self._sink_control)

    def keep_running(self) -> None:
        """Start again what ended by itself, as systemd would: a worker that found no database, say."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self._start(name, *self.commands[name])

    def _start(self, name: str, module: str, *arguments: str) -> None:
        self.commands[name] = (module, *arguments)
        is_jumping = name == f"worker-{WORKERS - 1}"
        environment = self.clock.environment(self.environment) if is_jumping else self.environment
        with (self.folder / f"{name}.log").open("ab") as log:
            output: subprocess.Popen[bytes] | None = None
            if self.disk.needs_pipes:
                output = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log, start_new_session=True)
                self._loggers.append(output)
            said = output.stdin if output else log
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment, cwd=ROOT, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
            if output and output.stdin:
                output.stdin.close()
        if is_jumping:
            self._jumping.append(self.processes[name].pid)

    def kill(self, name: str) -> None:
        """SIGKILL a process and its children."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _freeze(self, name: str) -> int:
        """Stop a group of processes where they stand; returns how many SMTP connections they have open."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGSTOP)
        return sum(_connections(pid, self.sink_port) for pid in _family(process.pid))

    def kill_workers(self, numbers: Iterable[int]) -> int:
        """SIGKILL these workers at once; returns how many SMTP connections they had."""
        names = [f"worker-{number}" for number in numbers]
        connections = sum(self._freeze(name) for name in names)
        for name in names:
            self.kill(name)
        for name in names:
            self._start(name, *self.commands[name])
        return connections

    def kill_sink(self) -> int:
        """SIGKILL, whatever it is doing; returns how many connections it had."""
        connections = self._freeze("sink")
        self.kill("sink")
        time.sleep(0.2)
        self.start_sink()
        return connections

    def kill_sink_in_mid_mail(self, patience: float = 20.0) -> tuple[int, bool]:
        """SIGKILL when it has a part of a mail: its connections, and whether such a moment came."""
        died = Path(f"{self._sink_control}.died")
        died.unlink(missing_ok=True)
        self.processes["sink"].send_signal(signal.SIGUSR1)
        try:
            self.processes["sink"].wait(patience)
        except subprocess.TimeoutExpired:
            return self.kill_sink(), False
        connections, got, _ = map(int, died.read_text().split())
        time.sleep(0.2)
        self.start_sink()
        return connections, got > 0

    def deploy(self, number: int) -> Deploy:
        """SIGTERM, as a deployment does; then start the next one."""
        name = f"worker-{number}"
        process = self.processes[name]
        writers = self._writers(_family(process.pid))
        start = time.monotonic()
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill(name)
        took = time.monotonic() - start
        left = self._held_by(writers)
        self._start(name, *self.commands[name])
        return Deploy(took, left)

    def _writers(self, processes: Iterable[int]) -> list[str]:
        """The journals that these processes keep now; a worker calls itself host:journal."""
        folder = self.folder / "data" / "journal"
        alive = []
        for process in processes:
            for lock in folder.glob(f"{process}-*.lock"):
                with claimed(folder, lock.stem) as dead:
                    if dead is None:
                        alive.append(lock.stem)
        return alive

    def _held_by(self, writers: list[str]) -> int:
        query = (
            "select count(*) from sends where status in ('claimed', 'picked', 'written', 'sending') "
            "and split_part(claimed_by, ':', 2) = any(%s)"
        )
        with psycopg.connect(self.database_url, connect_timeout=3) as connection:
            row = connection.execute(query, [writers]).fetchone()
        return int(row[0]) if row else 0

    def worker_processes(self) -> list[int]:
        """Their process ids, with their children's."""
        return [pid for n in range(WORKERS) for pid in _family(self.processes[f"worker-{n}"].pid)]

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

    def hide_journals(self) -> None:
        """For a moment a file stands where the folder of the journals was: no new one can be begun."""
        journal = self.folder / "data" / "journal"
        if not journal.is_dir():
            return
        aside = journal.with_name("journal-aside")
        journal.rename(aside)
        journal.write_text("")
        time.sleep(1.0)
        journal.unlink()
        aside.rename(journal)

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
        sweep_up(self._jumping)
        for logger in self._loggers:
            logger.wait()
        self.embedded.release()
        if self.embedded.redis:
            self.embedded.redis.stop()
        if self.embedded.postgres:
            self.embedded.postgres.stop()
        self.disk.close()


def _family(pid: int) -> list[int]:
    """A process and all its children; none where it has ended."""
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _connections(pid: int, port: int) -> int:
    """Established TCP connections of this process from or to this port."""
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return 0
    return sum(
        1 for c in found if c.status == psutil.CONN_ESTABLISHED and port in (c.laddr.port, c.raddr.port)
    )

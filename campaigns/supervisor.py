"""Runs web, workers and scheduler as processes of one command, and keeps them running."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from campaigns.core.errors import NotConfigured
from campaigns.core.log import get_logger
from campaigns.core.settings import Settings
from workers.broker import QUEUES

log = get_logger(__name__)

GRACE_SECONDS = 12.0
"""So long the services have to finish what they are at, before they are ended."""
_WEB_GRACE_SECONDS = 8
"""Of these, what a client has that sends half a request and goes silent; without it, half a minute."""
_CRASH_LOOP = 5
_KEEP_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Service:
    """One child process; `restarts` counts how often it ended by itself."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started: float = field(default=0.0)


class Supervisor:
    """Starts services, restarts those that end, and stops all.

    Args:
        settings: what is in force; the children get it through their environment.
        overrides: environment variables that differ for the children.
        logs: a folder for their output; None: this process's stderr.
        keep: called every few seconds, to start again what the services stand on.
    """

    def __init__(
        self,
        settings: Settings,
        overrides: Mapping[str, str] | None = None,
        logs: Path | None = None,
        keep: Callable[[], None] | None = None,
    ) -> None:
        self._environment = {
            **os.environ,
            "TAILORMAIL_DATA_DIR": str(settings.folder),
            # BLAS threads of several processes would fight over the same cores.
            "OPENBLAS_NUM_THREADS": "1",
            **(overrides or {}),
        }
        self._logs = logs
        self._services: list[Service] = []
        self._keep = keep or (lambda: None)
        self._kept = time.monotonic()
        self._stopping = False

    def start(self, *services: Service) -> None:
        """Start these services."""
        for service in services:
            self._services.append(service)
            self._launch(service)

    def _launch(self, service: Service) -> None:
        output = None
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            output = (self._logs / f"{service.name}.log").open("ab")
        service.started = time.monotonic()
        service.process = subprocess.Popen(
            service.command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            # Ctrl-C reaches the supervisor alone, which then stops the children in order.
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        if output is not None:
            output.close()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopping

    def check(self) -> None:
        """Restart services that ended.

        Raises:
            NotConfigured: one of them ends again and again right after its start.
        """
        if time.monotonic() - self._kept > _KEEP_SECONDS:
            self._keep()
            self._kept = time.monotonic()
        for service in self._services:
            if service.process is None or service.process.poll() is None or self._stopping:
                continue
            quickly = time.monotonic() - service.started < 5
            service.restarts = service.restarts + 1 if quickly else 0
            if service.restarts >= _CRASH_LOOP:
                raise NotConfigured(
                    f"{service.name} does not start (exit {service.process.returncode})"
                    + self._last_words(service)
                )
            log.warning("service_restarted", service=service.name, exit=service.process.returncode)
            self._launch(service)

    def _last_words(self, service: Service) -> str:
        if self._logs is None:
            return ""
        path = self._logs / f"{service.name}.log"
        lines = path.read_text(errors="replace").strip().splitlines()[-4:]
        return "\n".join([f"; the end of {path}:", *lines])

    def run_until_stopped(self) -> None:
        """Keep everything running until SIGTERM or Ctrl-C."""
        while not self._stopping:
            self.check()
            time.sleep(0.3)

    def stop(self) -> None:
        """Ask all to finish, in reverse order; end what does not within 12 seconds."""
        self._stopping = True
        running = [s.process for s in reversed(self._services) if s.process and s.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill_session(process)

    @contextmanager
    def stopping_on_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C end `run_until_stopped`; the services are stopped on the way out."""

        def ask_to_stop(_: int, __: FrameType | None) -> None:
            self._stopping = True

        before = [(number, signal.signal(number, ask_to_stop)) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)
            self.stop()


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def worker(settings: Settings, processes: int = 2, queues: Sequence[str] = QUEUES) -> Service:
    """A Celery worker for these queues."""
    return Service(
        "worker",
        [
            sys.executable, "-m", "celery", "-A", "workers.main", "worker", "--loglevel", settings.log_level.lower(),
            "--concurrency", str(processes), "--queues", ",".join(queues), "--without-gossip", "--without-mingle",
            "--hostname", f"tailormail-{os.getpid()}@%h",
        ],
    )  # fmt: skip


def scheduler(settings: Settings) -> Service:
    """The Celery beat; of several at once, one speaks (workers/beat.py)."""
    return Service(
        "scheduler",
        [
            sys.executable, "-m", "celery", "-A", "workers.main", "beat", "--loglevel", settings.log_level.lower(),
            "--pidfile", "",
        ],
    )  # fmt: skip


def web(host: str, port: int, processes: int = 1) -> Service:
    """The web part."""
    return Service(
        "web",
        [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
            "--workers", str(processes), "--blocking-threads", "8", "--no-ws",
            "--workers-kill-timeout", str(_WEB_GRACE_SECONDS), "web.wsgi:app",
        ],
    )  # fmt: skip


def receivers(settings: Settings, host: str, port: int) -> list[Service]:
    """What takes in mail that arrives, as far as the settings ask for it: a listener, and a poller of IMAP."""
    command = [sys.executable, "-m", "campaigns.cli", "inbound"]
    found = []
    if settings.bounce_domain:
        found.append(Service("inbound", [*command, "listen", "--host", host, "--port", str(port)]))
    if settings.imap_url:
        found.append(Service("imap", [*command, "imap"]))
    return found


def _die_with_parent() -> None:
    """In the child: end when the supervisor is killed, so that nothing is left running without it (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

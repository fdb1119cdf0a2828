"""What is measured for opens: a bare Flask view, the real endpoint, and nginx, each on a port of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import requests

from benchmarks.bench import Bench
from campaigns.supervisor import web

_TREE = Path(__file__).resolve().parents[1]
_PATIENCE_SECONDS = 30.0
_NGINX = """
{user}worker_processes {processes}; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}; default_type image/jpeg;
    location /o/ {{ try_files /picture.jpg =404; add_header Cache-Control "no-cache, no-store"; }} }}
}}
"""


class Site:
    """A server of some processes, and the CPU time that it has used."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, environment: Mapping[str, str], log: Path
    ) -> None:
        self.name, self.port = name, port
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, env={**os.environ, **environment}, cwd=_TREE, stdout=out, stderr=out
            )
        self._log = log

    def wait(self, path: str) -> bytes:
        """The answer to `path`, as soon as there is one."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(requests.RequestException):
                return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5).content
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not answer: {self._log.read_text()[-2000:]}")

    def cpu_seconds(self) -> float:
        """Of all its processes so far."""
        whole = psutil.Process(self._process.pid)
        return sum(sum(p.cpu_times()[:2]) for p in (whole, *whole.children(recursive=True)))

    def own_mb(self) -> float:
        """The memory of its largest process that no other shares, in megabytes."""
        whole = psutil.Process(self._process.pid)
        return max(p.memory_full_info().uss for p in (whole, *whole.children(recursive=True))) / 1e6

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(15)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def sites(shop: Bench, processes: int, picture: bytes, servers: Sequence[str]) -> Iterator[dict[str, Site]]:
    """The bare view on each of `servers` (granian, gunicorn), the real endpoint, and nginx where it is installed."""
    folder = shop.runtime.settings.folder / "sites"
    folder.mkdir()
    (folder / "picture.jpg").write_bytes(picture)
    started: dict[str, Site] = {}
    try:
        for name, command, environment in _all(shop, processes, folder, servers):
            port = free_port()
            words = [_with_port(word, port) for word in command]
            if name == "nginx":
                config = folder / "nginx.conf"
                config.write_text(_nginx_config(folder, port, processes))
            started[name] = Site(name, words, port, environment, folder / f"{name}.log")
        yield started
    finally:
        for site in started.values():
            site.stop()


def _nginx_config(folder: Path, port: int, processes: int) -> str:
    # Started by root it would become somebody who may not look into this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    return _NGINX.format(user=user, folder=folder, port=port, processes=processes)


def _with_port(word: str, port: int) -> str:
    return str(port) if word == "0" else word.replace("PORT", str(port))


def _all(
    shop: Bench, processes: int, folder: Path, servers: Sequence[str]
) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    bare = {"BARE_PICTURE": str(folder / "picture.jpg"), "PYTHONPATH": str(_TREE)}
    if "granian" in servers:
        yield "bare", [*web("127.0.0.1", 0, processes).command[:-1], "benchmarks.bare_view:app"], bare
    if "gunicorn" in servers:
        gunicorn = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--workers", str(processes)]
        yield "bare_gunicorn", [*gunicorn, "--threads", "8", "benchmarks.bare_view:app"], bare
    yield "real", web("127.0.0.1", 0, processes).command, environment_of(shop)
    if shutil.which("nginx"):
        yield "nginx", ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], {}


def environment_of(shop: Bench) -> dict[str, str]:
    """What makes a process part of this bench's installation, behind one load balancer."""
    runtime = shop.runtime
    return {
        "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
        "TAILORMAIL_DATABASE_URL": runtime.urls[0],
        "TAILORMAIL_REDIS_URL": runtime.urls[1],
        "TAILORMAIL_TRUSTED_PROXIES": "1",
        "TAILORMAIL_LOG_LEVEL": "ERROR",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(_TREE),
    }


@contextmanager
def celery_running(shop: Bench, queues: str, log: Path) -> Iterator[None]:
    """A worker for these queues, and the scheduler that wakes it, as processes of this installation."""
    environment = {**environment_of(shop), "PATH": "/usr/bin:/bin"}
    celery = [sys.executable, "-m", "celery", "-A", "workers.main"]
    schedule = str(shop.runtime.settings.folder / "beat")
    with log.open("ab") as out:
        processes = [
            subprocess.Popen([*celery, *words], env=environment, cwd=_TREE, stdout=out, stderr=out)
            for words in (
                ["worker", "--loglevel", "warning", "--concurrency", "1", "--queues", queues],
                ["beat", "--loglevel", "warning", "--pidfile", "", "--schedule", schedule],
            )
        ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

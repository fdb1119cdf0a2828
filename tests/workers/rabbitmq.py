"""A real RabbitMQ of the test's own: own folder, own ports, own name; nothing of the system's is touched."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from kombu import Connection

# Distributions wrap the program in one that changes to a system user; what it wraps runs as anybody.
_PLACES = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
_PATIENCE_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program() -> str:
    found = next((place for place in _PLACES if os.access(place, os.X_OK)), shutil.which("rabbitmq-server"))
    if not found or not shutil.which("epmd"):
        pytest.skip("RabbitMQ is not installed: put rabbitmq-server on the PATH to run this")
    return found


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """A server that keeps everything in `folder`; its URL."""
    program = _program()
    folder.mkdir(parents=True, exist_ok=True)
    port, names, between = free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\nlog.file = false\ndisk_free_limit.absolute = 10MB\n"
    )
    (folder / "plugins").write_text("[].")
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"tm-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(between),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    with (folder / "output.log").open("wb") as output:
        # Our own name service: one that RabbitMQ starts by itself would outlive the test.
        name_service = subprocess.Popen(["epmd"], env=environment, stdout=output, stderr=output)
        server = subprocess.Popen(
            [program], env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )  # fmt: skip
    try:
        url = f"amqp://guest:guest@127.0.0.1:{port}//"
        _wait(url, server, folder)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        name_service.kill()
        name_service.wait()


def _wait(url: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with Connection(url, connect_timeout=2) as connection:
                connection.connect()
                return
        except OSError as error:
            said = (folder / "output.log").read_text(errors="replace")[-2000:]
            assert server.poll() is None, said
            assert time.monotonic() < deadline, f"{error}\n{said}"
            time.sleep(0.2)

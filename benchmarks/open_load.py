"""Load on an HTTP server by `wrk`, from one thread, with what it measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("open_load.lua")
MOST_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of wrk saw; times of single requests in microseconds, pauses not counted."""

    requests: int
    seconds: float
    p50_us: int
    p99_us: int
    max_us: int
    bytes: int
    not_200: int
    socket_errors: int

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def wrk_or_why() -> str:
    """Empty where wrk is installed; else what to do about it."""
    return "" if shutil.which("wrk") else "wrk is not installed (Debian: apt-get install wrk)"


class Load:
    """Asks for `paths` in turn, as one of `agents` each."""

    def __init__(self, folder: Path, paths: Sequence[str], agents: Sequence[str]) -> None:
        self._paths, self._agents = folder / "paths.txt", folder / "agents.txt"
        self._paths.write_text("\n".join(paths) + "\n")
        self._agents.write_text("\n".join(agents) + "\n")
        self._seed = 0

    def full(self, port: int, seconds: int, connections: int = 32) -> Measured:
        """As fast as the server answers."""
        return self._run(port, seconds, connections, 0)

    def paced(self, port: int, seconds: int, per_second: float) -> Measured:
        """About so many requests a second, of people who do not wait for one another."""
        think = max(1, round(MOST_CONNECTIONS / per_second * 1000))
        return self._run(port, seconds, MOST_CONNECTIONS, think)

    def _run(self, port: int, seconds: int, connections: int, think_ms: int) -> Measured:
        self._seed += 1
        environment = {
            **os.environ,
            "PATHS": str(self._paths),
            "AGENTS": str(self._agents),
            "THINK_MS": str(think_ms),
            "SEED": str(self._seed),
        }
        done = subprocess.run(
            ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "5s", "--latency",
             "-s", str(_SCRIPT), f"http://127.0.0.1:{port}"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
        return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))

"""The guardian: stops the embedded servers of a data folder when their last user has gone.

Run as `python -m campaigns.core.embedded_guard FOLDER` by `embedded.Embedded`.
"""

from __future__ import annotations

import fcntl
import signal
import sys
import time
from pathlib import Path

from campaigns.core.embedded import locked, socket_folder
from campaigns.core.embedded_postgres import EmbeddedPostgres
from campaigns.core.embedded_redis import EmbeddedRedis

# Commands in a script follow each other closely; keeping the servers a moment saves a start each time.
LINGER_SECONDS = 2.0


def guard(folder: Path) -> None:
    """Wait for the last user to leave, then stop both servers; returns at once if another one guards."""
    run = folder / "run"
    with (run / "guardian").open("a") as own:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        with (run / "in-use").open("a") as in_use:
            while True:
                _wait_until_unused(in_use)
                time.sleep(LINGER_SECONDS)
                with locked(run / "lock"):
                    if _unused(in_use):
                        _stop(folder)
                        return


def _wait_until_unused(in_use: object) -> None:
    fcntl.flock(in_use, fcntl.LOCK_EX)  # type: ignore[arg-type]
    # Holding it would block a newcomer who already has `lock`; so let go and look again under `lock`.
    fcntl.flock(in_use, fcntl.LOCK_UN)  # type: ignore[arg-type]


def _unused(in_use: object) -> bool:
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError:
        return False
    fcntl.flock(in_use, fcntl.LOCK_UN)  # type: ignore[arg-type]
    return True


def _stop(folder: Path) -> None:
    sockets = socket_folder(folder / "run")
    EmbeddedRedis(folder / "redis", sockets).stop()
    EmbeddedPostgres(folder / "postgres", sockets).stop()


if __name__ == "__main__":
    # Ctrl-C goes to the whole terminal; the guardian outlives it, because others may use the servers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard(Path(sys.argv[1]))

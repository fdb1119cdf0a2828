"""PostgreSQL and Redis from Python wheels, in the data folder, shared by all processes of this user.

How sharing works (all locks are `flock`, which the kernel drops when a process dies, however it dies):

- `run/lock` is held for the moment of starting or stopping;
- `run/in-use` is held shared by every process that uses the servers;
- a small guardian process (`embedded_guard`) waits until nobody holds `in-use` any more and stops the
  servers, so they end with their last user even when that one was killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from campaigns.core.embedded_postgres import EmbeddedPostgres
from campaigns.core.embedded_redis import EmbeddedRedis
from campaigns.core.errors import NotConfigured

# sockaddr_un holds 108 bytes, and PostgreSQL appends "/.s.PGSQL.5432.lock".
_LONGEST_SOCKET_FOLDER = 80


@dataclass(frozen=True)
class EmbeddedUrls:
    """Where the embedded servers answer; None for one that was not asked for."""

    database_url: str | None
    redis_url: str | None


class Embedded:
    """The embedded servers of one data folder.

    Args:
        folder: the data folder; `postgres/`, `redis/` and `run/` are made inside.
        postgres, redis: which of the two are wanted.
    """

    def __init__(self, folder: Path, postgres: bool = True, redis: bool = True) -> None:
        self.folder = folder
        self.run = folder / "run"
        self._in_use: IO[str] | None = None
        sockets = socket_folder(self.run)
        self.postgres = EmbeddedPostgres(folder / "postgres", sockets) if postgres else None
        self.redis = EmbeddedRedis(folder / "redis", sockets) if redis else None

    def acquire(self) -> EmbeddedUrls:
        """Start what is not running, and keep it running until `release` or the end of this process.

        Raises:
            NotConfigured: a server cannot be started; the message says why and what to do.
        """
        make_private(self.folder)
        make_private(self.run)
        with locked(self.run / "lock"):
            if self._in_use is None:
                self._in_use = (self.run / "in-use").open("a")
                fcntl.flock(self._in_use, fcntl.LOCK_SH)
            urls = EmbeddedUrls(
                self.postgres.ensure_running() if self.postgres else None,
                self.redis.ensure_running() if self.redis else None,
            )
            self._start_guardian()
        return urls

    def release(self) -> None:
        """Stop using the servers; the guardian stops them when nobody else does."""
        if self._in_use is not None:
            self._in_use.close()
            self._in_use = None

    def _start_guardian(self) -> None:
        # A second guardian finds the first one's lock and leaves at once, so starting it twice is harmless.
        subprocess.Popen(
            [sys.executable, "-m", "campaigns.core.embedded_guard", str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.run / "guardian.log").open("a"),
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_private(folder: Path) -> None:
    """Create a folder that only this user may enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not os.access(folder, os.W_OK):
        raise NotConfigured(f"cannot write to {folder}; set TAILORMAIL_DATA_DIR to a folder that you own")


def socket_folder(run: Path) -> Path:
    """`run` itself, or a short private stand-in for it where the path is too long for a socket."""
    if len(os.fsencode(str(run))) <= _LONGEST_SOCKET_FOLDER:
        return run
    name = hashlib.sha256(os.fsencode(str(run))).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"tailormail-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise NotConfigured(f"{folder} belongs to somebody else; remove it or set TAILORMAIL_DATA_DIR")
    return folder

"""Lines on disk while something else is away: a file for each process that had to write one.

A line is `<crc32 of the rest, 8 hex digits> <the rest>\\n`, synced before the next one is written. The file itself
is locked (flock) for as long as its writer lives. The kernel frees the lock of a dead process, however it died,
and somebody on the same host takes the file over (`abandoned`).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

_SUFFIX = ".spool"
_TRIES = 5


class Spool:
    """The spool of one process; for one thread at a time. No file is made before the first line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: FileIO | None = None
        self._path: Path | None = None
        self._size = 0
        self._torn = False

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return self._size == 0

    def append(self, content: bytes) -> None:
        """Write a line down; it is on disk afterwards.

        Raises:
            OSError: it is not, or nobody can say so (disk full).
            ValueError: the content has line ends in it.
        """
        if b"\n" in content:
            raise ValueError("one line at a time")
        file = self._open()
        try:
            line = (b"\n" if self._torn else b"") + b"%08x %s\n" % (zlib.crc32(content), content)
            written = os.write(file.fileno(), line)
            if written < len(line):
                raise OSError("no space left on the disk")
            os.fsync(file.fileno())
        except OSError:
            # What is half there goes; and should it stay, the next line begins where a line begins.
            self._torn = True
            with suppress(OSError):
                os.ftruncate(file.fileno(), self._size)
            raise
        self._torn = False
        self._size += written

    def lines(self) -> Iterator[bytes]:
        """All lines in it."""
        if self._path is not None:
            yield from lines_in(self._path)

    def clear(self) -> None:
        """Forget all lines: they are elsewhere now."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the file; what is in it stays for whoever takes it over."""
        if self._file is not None:
            self._file.close()
        if self._path is not None and self._size == 0:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self._file, self._path, self._size = None, None, 0

    def abandon(self) -> None:
        """In a child process: it is the parent's, and so is its lock, which an open file here would keep."""
        if self._file is not None:
            self._file.close()
        self._file, self._path, self._size = None, None, 0

    def _open(self) -> FileIO:
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for _ in range(_TRIES):
                path = self._folder / f"{os.getpid()}-{secrets.token_hex(6)}{_SUFFIX}"
                number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
                file = FileIO(number, "r+")
                if _locked(file, path):
                    self._file, self._path, self._size = file, path, 0
                    break
                # Somebody took it for one that was left behind, in the moment before it was locked.
                file.close()
            else:
                raise OSError("no spool can be locked")
        assert self._file is not None
        return self._file


def abandoned(folder: Path) -> Iterator[AbandonedSpool]:
    """Every spool in the folder whose writer is gone, each held while the loop is at it."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with _claimed(path) as free:
            if free:
                yield AbandonedSpool(path)


class AbandonedSpool:
    """A spool whose writer is gone, held by us."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self) -> Iterator[bytes]:
        """All lines in it; one that was cut off is none."""
        yield from lines_in(self._path)

    def remove(self) -> None:
        """Delete it: its lines are elsewhere now."""
        self._path.unlink(missing_ok=True)


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    try:
        file = path.open("rb")
    except OSError:
        yield False
        return
    with file:
        yield _locked(file, path)


def _locked(file: FileIO | BinaryIO, path: Path) -> bool:
    """Lock an open file; False where somebody else has it, or has removed it meanwhile."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except OSError:
        return False


def lines_in(path: Path) -> Iterator[bytes]:
    """All whole lines in a spool, whoever writes it."""
    with path.open("rb") as file:
        for line in file:
            checksum, _, content = line.rstrip(b"\n").partition(b" ")
            if checksum == b"%08x" % zlib.crc32(content):
                yield content

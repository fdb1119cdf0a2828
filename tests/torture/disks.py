"""A disk under the journals that can be made really full: a small file system of its own, or a limit."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

_SIZE = "1m"


class SmallDisk:
    """A file system in memory, mounted at `folder`; needs the right to mount."""

    how = "a file system of 1 MB, filled to the last byte"
    needs_pipes = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def mounted(folder: Path) -> SmallDisk | None:
        """At this (empty) folder, None where that is not permitted."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0700", "tmpfs", str(folder)]
        with suppress(OSError):
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return SmallDisk(folder)
        return None

    def fill(self, seconds: float, workers: Callable[[], list[int]]) -> None:
        """Full for so long, whatever is removed meanwhile."""
        filler = self._folder / "filler"
        end = time.monotonic() + seconds
        with filler.open("ab", buffering=0) as file:
            while time.monotonic() < end:
                try:
                    file.write(b"x" * 65536)
                except OSError:
                    time.sleep(0.005)
        filler.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self._folder)], capture_output=True, check=False)


class LimitedFiles:
    """No file of the workers may grow (RLIMIT_FSIZE), which a write meets as it meets a full disk.

    For whoever may not mount. The workers' logs must be pipes then, since it stops every file.
    """

    how = "a limit on the size of files (RLIMIT_FSIZE)"
    needs_pipes = True

    def fill(self, seconds: float, workers: Callable[[], list[int]]) -> None:
        limited = set(workers())
        for process in limited:
            _limit(process, full=True)
        time.sleep(seconds)
        # Also those that were forked meanwhile: they inherit it.
        for process in limited | set(workers()):
            _limit(process, full=False)

    def close(self) -> None:
        """Nothing is left behind."""


def _limit(process: int, full: bool) -> None:
    with suppress(psutil.Error, PermissionError):
        hard = psutil.Process(process).rlimit(psutil.RLIMIT_FSIZE)[1]
        psutil.Process(process).rlimit(psutil.RLIMIT_FSIZE, (0 if full else hard, hard))


Disk = SmallDisk | LimitedFiles


def disk_at(folder: Path, mount: bool = True) -> Disk:
    """The best that is permitted here; `folder` is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return (SmallDisk.mounted(folder) if mount else None) or LimitedFiles()

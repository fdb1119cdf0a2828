"""Finding the journals of the dead: what a starting worker or the sweeper does on the same host."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaigns.delivery.journal import Replay, replay_writer, revoked_path, segments_of


@dataclass(frozen=True, slots=True)
class DeadJournal:
    """A journal whose writer is gone, held by us. `writer` is what it had as `Journal.writer`."""

    folder: Path
    writer: str

    def replay(self) -> Replay:
        """What it says; nothing more will be added."""
        return replay_writer(self.folder, self.writer)

    def remove(self) -> None:
        """Delete it: call this after the commit of what was learnt from it."""
        for segment in segments_of(self.folder, self.writer):
            segment.unlink(missing_ok=True)
        revoked_path(self.folder, self.writer).unlink(missing_ok=True)
        (self.folder / f"{self.writer}.lock").unlink(missing_ok=True)


def revoke(folder: Path, writer: str) -> Replay | None:
    """Take the journal from a writer that lives and hangs; returns what it says. Nothing is deleted.

    From now on its writer hands nothing over that is not in what is returned: it looks at the mark after it
    has written an intent and before it acts on it, we read after we have set the mark. None: there is no such
    writer, or this file system knows no hard links.
    """
    try:
        os.link(folder / f"{writer}.lock", revoked_path(folder, writer))
    except FileExistsError:
        pass  # An earlier sweep did that, and was cut short or could not settle all.
    except OSError:
        return None
    return replay_writer(folder, writer)


@contextmanager
def claimed(folder: Path, writer: str) -> Iterator[DeadJournal | None]:
    """The journal of this writer, ours alone inside the block; None while its writer, or a claimer, lives."""
    lock = _lock_of_the_dead(folder / f"{writer}.lock")
    try:
        yield None if lock is None else DeadJournal(folder, writer)
    finally:
        if lock is not None:
            os.close(lock)


def claimable(folder: Path) -> Iterator[DeadJournal]:
    """Every journal in the folder whose writer is dead, each held while the loop is at it.

    A journal that is not removed stays for the next claimer.
    """
    for path in sorted(folder.glob("*.lock")):
        if path.name.startswith("."):
            continue
        with claimed(folder, path.stem) as journal:
            if journal is not None:
                yield journal


def _lock_of_the_dead(path: Path) -> int | None:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Somebody may have removed it between our opening and our locking: then we hold a lock of nothing.
        if os.fstat(lock).st_ino == path.stat().st_ino:
            return lock
    except OSError:
        pass
    os.close(lock)
    return None

"""Groups of serves on disk while Redis is away (core/spool.py): a line is `<id of the group> <JSON>`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from campaigns.core import spool
from campaigns.opentime.serving.serve import Malformed, ServeGroup, group_id


class ServeSpool:
    """The spool of one process; for one thread at a time. No file is made before the first group."""

    def __init__(self, folder: Path) -> None:
        self._spool = spool.Spool(folder)

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return self._spool.empty

    def append(self, group: ServeGroup) -> None:
        """Write a group down; it is on disk afterwards.

        Raises:
            OSError: it is not, or nobody can say so (disk full).
        """
        self._spool.append(b"%s %s" % (group.id.encode(), group.body))

    def groups(self) -> Iterator[ServeGroup]:
        """All groups in it."""
        return groups_in(self._spool.lines())

    def clear(self) -> None:
        """Forget all groups: they are elsewhere now."""
        self._spool.clear()

    def close(self) -> None:
        """Let go of the file; what is in it stays for whoever takes it over."""
        self._spool.close()

    def abandon(self) -> None:
        """In a child process: it is the parent's."""
        self._spool.abandon()


def groups_in(lines: Iterable[bytes]) -> Iterator[ServeGroup]:
    """The groups of a spool's lines; what is no group is left out."""
    for line in lines:
        number, _, body = line.partition(b" ")
        with suppress(Malformed, UnicodeDecodeError):
            yield ServeGroup(group_id(number.decode("ascii")).hex, body, 0)


def groups_in_folder(folder: Path) -> Iterator[ServeGroup]:
    """All groups of all spools, those of living processes too."""
    for path in sorted(folder.glob("*.spool")):
        with suppress(FileNotFoundError):  # its writer has brought it to Redis meanwhile
            yield from groups_in(spool.lines_in(path))

"""Taking mails out of the folder of captured ones, because whom they were for has been erased."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import parseaddr
from pathlib import Path

_HEAD_BYTES = 16_384
# A draft that nobody has finished in so long is of a writer that was killed.
_DRAFT_SECONDS = 3600
_HEADER = re.compile(rb"^(to|message-id):[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)


def forget_captured(folder: Path, is_theirs: Callable[[str, str], bool]) -> int:
    """Delete the captured mails that `is_theirs` names, and drafts of writers that were killed; how many mails.

    Args:
        is_theirs: is asked with (address of the recipient, Message-ID without brackets) of every mail.

    Raises:
        OSError: a mail cannot be read or deleted.
    """
    if not folder.is_dir():
        return 0
    gone = 0
    for path, draft in _all(folder):
        with suppress(FileNotFoundError):
            if draft:
                if time.time() - path.stat().st_mtime > _DRAFT_SECONDS:
                    path.unlink()
            elif is_theirs(*_whose(path)):
                path.unlink()
                gone += 1
    return gone


def _all(folder: Path) -> Iterator[tuple[Path, bool]]:
    """(path, whether it is a draft) of every file of the transport."""
    with os.scandir(folder) as shards:
        for shard in shards:
            if shard.is_dir() and not shard.name.startswith("."):
                with os.scandir(shard) as files:
                    for file in files:
                        yield Path(file.path), file.name.startswith(".")


def _whose(path: Path) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).partition(b"\r\n\r\n")[0]
    found = {
        name.lower(): " ".join(value.decode("utf-8", "replace").split())
        for name, value in _HEADER.findall(head)
    }
    return parseaddr(found.get(b"to", ""))[1], found.get(b"message-id", "").strip("<> ")

"""A maildir into which a mail server delivers: a file for each message, and a rename when it is done.

Its layout is Bernstein's: `tmp` while it is written, `new` when it is whole, `cur` when somebody has seen it, with
flags behind `:2,` in its name (S: seen).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from campaigns.core.errors import BadInput, ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.delivery.inbound.arrived import MOST_BYTES

log = get_logger(__name__)

_FLAGS = ":2,"
_DONE, _DELETED = "S", "T"


class MaildirMailbox:
    """The maildir in this folder.

    Raises:
        BadInput: the folder is no maildir.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        missing = [name for name in ("new", "cur") if not (folder / name).is_dir()]
        if missing:
            raise BadInput(f"is no maildir: it has no folder {' and no '.join(missing)}", where=str(folder))

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """See `Mailbox`. What a mail program has moved to `cur` and nobody has read waits as well."""
        for key in self._keys():
            raw = self._read(self._folder / key)
            if raw is not None:
                yield key, raw

    def done(self, key: str) -> None:
        """See `Mailbox`: moved to `cur`, flagged as seen."""
        name = Path(key).name
        stem, _, flags = name.partition(_FLAGS)
        to = self._folder / "cur" / f"{stem}{_FLAGS}{''.join(sorted({*flags, _DONE}))}"
        try:
            os.rename(self._folder / key, to)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ServiceUnavailable("maildir", error.strerror or type(error).__name__) from None

    def close(self) -> None:
        """Nothing is kept open."""

    def _keys(self) -> list[str]:
        found = []
        try:
            for folder in ("new", "cur"):
                for entry in os.scandir(self._folder / folder):
                    flags = entry.name.partition(_FLAGS)[2]
                    if entry.name.startswith(".") or _DONE in flags or _DELETED in flags:
                        continue
                    if not entry.is_file(follow_symlinks=False):
                        continue
                    with suppress(FileNotFoundError):
                        found.append(
                            (entry.stat(follow_symlinks=False).st_mtime_ns, f"{folder}/{entry.name}")
                        )
        except OSError as error:
            raise ServiceUnavailable("maildir", error.strerror or type(error).__name__) from None
        return [key for _, key in sorted(found)]

    def _read(self, path: Path) -> bytes | None:
        """None for what is gone meanwhile, or cannot be read."""
        try:
            with open(path, "rb", opener=_not_through_links) as file:
                return file.read(MOST_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            # One that cannot be read must not keep the others waiting.
            log.warning("mail_not_readable", why=error.strerror)
            return None


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)

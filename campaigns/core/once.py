"""A small private file that is made once, however many processes start at the same moment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def written_once(path: Path, make: Callable[[], str]) -> str:
    """The content of `path`; made with mode 600 if it is not there, by exactly one of all who ask."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        with open(fresh, "w", opener=_private) as file:
            file.write(make())
        # A link succeeds for one alone, and never shows a half-written file.
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""Mail captured into a folder instead of being sent: the transport while no relay is set.

A mail lies at `<folder>/<shard>/<message-id>.eml`, byte for byte as it would have gone out. The shard, two
hexadecimal digits of the id's hash, keeps folders small at a hundred thousand mails and does not depend on
the day, so that the same mail lands on the same file whenever it is handed over again.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from campaigns.core.errors import NotFound, ServiceUnavailable
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, unannounced, unreached

_HEADER_BYTES = 65_536
# What may stand as a file name as it is; it cannot begin with a dot nor contain a slash.
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@-]{0,180}")


@dataclass(frozen=True, slots=True)
class CapturedMail:
    """A captured mail as a list shows it; header texts are decoded."""

    message_id: str
    sender: str
    recipient: str
    subject: str
    captured_at: datetime
    size: int
    path: Path


class CaptureTransport:
    """A `Transport` that writes each mail to a file of mode 600, whole or not at all.

    A mail whose Message-ID is captured already is `sent` without being written again. A full disk, or any
    other trouble with the folder, is `unreached`: nothing was kept, it may be handed over again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = secrets.token_hex(8)
        self._counter = 0

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        for mail in mails:
            try:
                before_data(mail.send_id)
                fresh = self._keep(mail)
            except ServiceUnavailable as error:
                yield unreached(mail.send_id, error.message)
            except OSError as error:
                yield unreached(mail.send_id, f"not captured: {error.strerror or error} in {self._folder}")
            else:
                reply = "250 2.0.0 captured" if fresh else "250 2.0.0 captured already"
                yield Outcome(mail.send_id, Kind.SENT, 250, "2.0.0", reply)

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, mail: OutgoingMail) -> bool:
        """Write the mail; False if it is there already."""
        path = captured_path(self._folder, mail.message_id)
        if path.exists():
            return False
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._counter += 1
        draft = path.parent / f".{self._writer}-{self._counter}"
        try:
            with open(draft, "wb", opener=_private) as file:
                file.write(mail.message)
            return _linked(draft, path)
        finally:
            with suppress(OSError):
                draft.unlink()


def captured_path(folder: Path, message_id: str) -> Path:
    """Where the mail with this Message-ID (with or without angle brackets) lies, or would lie."""
    bare = message_id.strip().strip("<>")
    digest = hashlib.sha256(bare.encode("utf-8", "surrogateescape")).hexdigest()
    name = bare if _SAFE_NAME.fullmatch(bare) else digest
    return folder / digest[:2] / f"{name}.eml"


def list_captured(folder: Path, limit: int = 100, offset: int = 0) -> list[CapturedMail]:
    """The captured mails, newest first; an empty list when nothing was ever captured.

    Looks at every file's time but opens only those that it returns.
    """
    newest = heapq.nlargest(limit + offset, _files(folder))
    mails = (_described(Path(path)) for _, path in newest[offset:])
    return [mail for mail in mails if mail is not None]


def count_captured(folder: Path) -> int:
    """How many mails lie in the folder."""
    return sum(1 for _ in _files(folder))


def read_captured(folder: Path, message_id: str) -> bytes:
    """The captured mail with this Message-ID, byte for byte.

    Raises:
        NotFound: no such mail was captured.
    """
    try:
        return captured_path(folder, message_id).read_bytes()
    except OSError:
        raise NotFound(f"no captured mail has the Message-ID {message_id}") from None


def _files(folder: Path) -> Iterator[tuple[int, str]]:
    """(time written in ns, path) of every captured mail; drafts of interrupted writers are left out."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as shards:
        for shard in shards:
            if not shard.is_dir() or shard.name.startswith("."):
                continue
            with os.scandir(shard) as files:
                for file in files:
                    if file.name.endswith(".eml") and not file.name.startswith("."):
                        with suppress(FileNotFoundError):
                            yield file.stat().st_mtime_ns, file.path


def _described(path: Path) -> CapturedMail | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES).partition(b"\r\n\r\n")[0]
            found = os.fstat(file.fileno())
    except OSError:
        return None  # Deleted by somebody since it was listed.
    headers = message_from_bytes(head + b"\r\n\r\n", policy=policy.default)
    return CapturedMail(
        message_id=str(headers.get("Message-ID", f"<{path.stem}>")).strip(),
        sender=str(headers.get("From", "")),
        recipient=str(headers.get("To", "")),
        subject=str(headers.get("Subject", "")),
        captured_at=datetime.fromtimestamp(found.st_mtime, UTC),
        size=found.st_size,
        path=path,
    )


def _linked(draft: Path, path: Path) -> bool:
    # A link, unlike a rename, lets exactly one of two writers be the one that captured it.
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)

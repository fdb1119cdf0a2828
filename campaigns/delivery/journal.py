"""What a worker was doing when it was killed: an append-only file beside the database.

A record is one line, `<crc32 of the rest, 8 hex digits> <JSON array>\\n`, written by a single `write` and not
synced: it survives the death of the process (SIGKILL), not that of the machine. After a power cut its end
may be missing, so the lock names the machine's boot, and `Replay.complete` says whether silence is proof.
What a full disk let through of a record is cut off again: in the middle it would read as damage.

    ["I", send id, milliseconds since 1970]
    ["O", send id, milliseconds, kind, code, enhanced, fault, soft, reply]

A writer owns `<name>.lock`, locked (flock) for as long as it lives, and segments `<name>.<number>.journal`.
The kernel frees the lock of a dead process, however it died, and never that of a living one; a process id
alone would be reused. See journal_claim.py for the other side, and for `<name>.revoked`.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import secrets
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from campaigns.core.clock import Clock, SystemClock
from campaigns.core.errors import ServiceUnavailable
from campaigns.delivery.transport import Fault, Kind, Outcome

_SEGMENT_NAME = re.compile(r"(?P<writer>[0-9A-Za-z-]+)\.(?P<number>\d+)\.journal")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# One encoder for all records: json.dumps makes a new one for each call that names separators.
_as_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class JournalState:
    """The last thing a journal says about a send. Without an outcome it was in flight: uncertain."""

    send_id: int
    at: datetime
    outcome: Outcome | None = None

    @property
    def in_flight(self) -> bool:
        """True where the intent was written and no outcome after it."""
        return self.outcome is None


class Replay(dict[int, JournalState]):
    """States by send id. `torn`: files whose last record was cut off; `corrupted`: other unreadable lines.

    Where `complete` holds, a send that is absent was never handed over by these writers. Otherwise lines may
    be missing (damage, or a restart of the machine), and an absent send can only be called uncertain.
    """

    torn: int = 0
    corrupted: int = 0
    complete: bool = True


class Journal:
    """The journal of this process, one per transport. Open it after forking; it is for one thread.

    `folder` is made (mode 700) if missing. A new segment begins at `segment_bytes`.
    """

    def __init__(self, folder: Path, segment_bytes: int = 16_000_000, clock: Clock | None = None) -> None:
        self.writer = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._clock = clock or SystemClock()
        self._process = os.getpid()
        self._number = 0
        self._size = 0
        self._torn = False
        self._file: int | None = None
        self._unsettled: list[Path] = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock: int | None = _locked_file(folder, self.writer)
        except OSError as error:
            raise ServiceUnavailable("journal", f"{error.strerror} in {folder}") from None

    @property
    def revoked(self) -> bool:
        """Whether a sweeper took this process for hung: what it had not announced goes out elsewhere."""
        # The mark is a second name of the lock (journal_claim.revoke): no path is looked up for each mail.
        return self._lock is not None and os.fstat(self._lock).st_nlink > 1

    def intent(self, send_id: int) -> None:
        """Write down that this mail is about to be handed over.

        Raises:
            ServiceUnavailable: it could not be written (disk full), or the journal was taken from us: then the
                mail must not go out.
        """
        self._append(b'["I",%d,%d]' % (send_id, self._milliseconds()))
        if self.revoked:
            raise ServiceUnavailable("journal", "taken from this worker, which was silent for too long")

    def outcome(self, outcome: Outcome) -> None:
        """Write down how it ended.

        Raises:
            ServiceUnavailable: it could not be written; the outcome is true all the same.
        """
        self._append(
            _as_json(
                (
                    "O",
                    outcome.send_id,
                    self._milliseconds(),
                    outcome.kind,
                    outcome.code,
                    outcome.enhanced,
                    outcome.fault,
                    outcome.soft,
                    outcome.reply,
                )
            ).encode()
        )

    def settled(self) -> None:
        """All outcomes so far are committed in the database: what was written is not needed any more."""
        for segment in self._unsettled:
            # One that stays does no harm: it says of each send what the database knows already.
            with suppress(OSError):
                segment.unlink(missing_ok=True)
        self._unsettled.clear()
        self._close_segment()

    def close(self, abandoned: bool = False) -> None:
        """Give the journal up. Its files stay, claimable by others, unless nothing was left unsettled.

        `abandoned`: they stay in any case, so that who finds them also finds what its writer still holds.
        """
        if self._lock is None:
            return
        self._close_segment()
        if not self._unsettled and not abandoned:
            with suppress(OSError):
                revoked_path(self._folder, self.writer).unlink(missing_ok=True)
                (self._folder / f"{self.writer}.lock").unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None

    def _append(self, body: bytes) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("this journal belongs to the parent process: open it after forking")
        if self._lock is None:
            raise RuntimeError("this journal is closed")
        # Should a half-written record have stayed, this one starts on a line of its own, lest both be lost.
        line = b"%s%08x %s\n" % (b"\n" if self._torn else b"", zlib.crc32(body), body)
        try:
            segment = self._open_segment()
            written = os.write(segment, line)
        except OSError as error:
            raise ServiceUnavailable("journal", f"{error.strerror} in {self._folder}") from None
        if written < len(line):
            self._take_back(segment, written)
            raise ServiceUnavailable("journal", f"no space left in {self._folder}")
        self._size += written
        self._torn = False

    def _take_back(self, segment: int, written: int) -> None:
        """Cut half a record off: after damage the silence about all other mails would prove nothing."""
        try:
            os.ftruncate(segment, self._size)
        except OSError:
            self._size += written
            self._torn = True

    def _open_segment(self) -> int:
        if self._file is not None and self._size >= self._segment_bytes:
            self._close_segment()
        if self._file is None:
            path = self._folder / f"{self.writer}.{self._number + 1:06d}.journal"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self._unsettled.append(path)
            self._number += 1
            self._size = 0
            self._torn = False
        return self._file

    def _close_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _milliseconds(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def replay(folder: Path) -> Replay:
    """What all journals in the folder, of the living and the dead, say about each send.

    Where several writers speak of one send: `sent` wins, then in flight, then the newer outcome, so that
    no reading makes a mail look resendable that may have gone out.
    """
    merged = Replay()
    for writer in sorted({name for name, _ in _named_segments(folder)}):
        part = replay_writer(folder, writer)
        merged.torn += part.torn
        merged.corrupted += part.corrupted
        merged.complete = merged.complete and part.complete
        for send_id, state in part.items():
            known = merged.get(send_id)
            if known is None or _weight(state) > _weight(known):
                merged[send_id] = state
    return merged


def replay_writer(folder: Path, writer: str) -> Replay:
    """What one writer's segments say, in the order in which they were written."""
    found = Replay()
    for segment in segments_of(folder, writer):
        try:
            content = segment.read_bytes()
        except FileNotFoundError:
            continue  # Settled by its writer while we looked.
        *lines, rest = content.split(b"\n")
        _take_in(found, lines)
        found.torn += bool(rest)
    found.complete = not found.corrupted and _written_in_this_boot(folder, writer)
    return found


def _take_in(found: Replay, lines: Iterable[bytes]) -> None:
    for line in lines:
        if not line:
            continue
        state = _state(line)
        if state is None:
            found.corrupted += 1
        else:
            found[state.send_id] = state


def _state(line: bytes) -> JournalState | None:
    """The record in this line; None if it is damaged. The checksum makes a lucky misreading very rare."""
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        mark, send_id, milliseconds, *rest = json.loads(body)
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        if mark == "I" and not rest:
            return JournalState(send_id, at)
        if mark != "O":
            return None
        kind, code, enhanced, fault, soft, reply = rest
        outcome = Outcome(send_id, Kind(kind), code, enhanced, reply, fault and Fault(fault), soft)
        return JournalState(send_id, at, outcome)
    except (ValueError, TypeError, OverflowError):
        return None  # Written by another version of this program.


def _weight(state: JournalState) -> tuple[int, datetime]:
    sent = state.outcome is not None and state.outcome.kind is Kind.SENT
    return (2 if sent else 1 if state.in_flight else 0), state.at


def segments_of(folder: Path, writer: str) -> list[Path]:
    """The files of one writer, in the order in which it wrote them."""
    return [path for name, path in _named_segments(folder) if name == writer]


def revoked_path(folder: Path, writer: str) -> Path:
    """The mark that this writer's journal was taken from it: a hard link to its lock."""
    return folder / f"{writer}.revoked"


def _named_segments(folder: Path) -> list[tuple[str, Path]]:
    """(writer, path) of every segment, in the order of writer and number."""
    if not folder.is_dir():
        return []
    found = [(match, path) for path in folder.iterdir() if (match := _SEGMENT_NAME.fullmatch(path.name))]
    found.sort(key=lambda pair: (pair[0]["writer"], int(pair[0]["number"])))
    return [(match["writer"], path) for match, path in found]


def _locked_file(folder: Path, writer: str) -> int:
    """The writer's lock, locked before it can be seen: a claimer never meets it free while we live."""
    hidden = folder / f".{writer}.lock"
    lock = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, _this_boot().encode())
        hidden.rename(folder / f"{writer}.lock")
    except OSError:
        # The disk is full, and may stay so for many tries: nothing of this one is left behind.
        os.close(lock)
        with suppress(OSError):
            hidden.unlink()
        raise
    return lock


def _written_in_this_boot(folder: Path, writer: str) -> bool:
    try:
        return (folder / f"{writer}.lock").read_text() == _this_boot()
    except OSError:
        return False


@functools.cache
def _this_boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))

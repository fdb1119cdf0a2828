"""Reading a relay's log files: which of our mails it knows, and which times the files really cover.

Read line by line, compressed or not; memory grows with the mails looked for, never with the log. Lines of
other programs are passed over. OpenSMTPD does not log Message-IDs, and so cannot be asked this way.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, BinaryIO, cast

from campaigns.core.errors import BadInput
from campaigns.delivery.relaylog_exim import EximLines
from campaigns.delivery.relaylog_postfix import PostfixLines
from campaigns.delivery.relaylog_rows import CsvRows, JsonLines
from campaigns.delivery.relaylog_time import LogClock
from campaigns.delivery.relaylog_values import LineReader, SendKey, Sighting, Sightings, Wanted

STDIN = "-"
FORMATS: dict[str, Callable[[Wanted, LogClock, Sightings], LineReader]] = {
    "postfix": PostfixLines,
    "exim": EximLines,
    "jsonl": JsonLines,
    "csv": CsvRows,
}

_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 64 * 1024
_SNIFFED_LINES = 2000
# Rotated files follow each other at once. Where more is between them, one in the middle may be missing.
_SAME_LOG = timedelta(minutes=15)
# What journald and rsyslog throw away when a program logs too fast, they throw away for at most so long.
_THROTTLED = timedelta(minutes=10)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time without gaps: from the first to the last line, and in which files (without folders)."""

    first: datetime
    last: datetime
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogReading:
    """What the files told.

    `sightings` has the mails that were found, `stretches` the covered times in order, `throttled` when the
    logging system threw lines away. `format` is the name of what was read; of `lines`, `understood` were of it.
    """

    format: str
    lines: int
    understood: int
    sightings: dict[SendKey, Sighting]
    stretches: tuple[Stretch, ...]
    throttled: tuple[datetime, ...]

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether a mail handed over in this time would stand in these files."""
        if any(moment > start and moment - _THROTTLED < end for moment in self.throttled):
            return False
        return any(stretch.first <= start and stretch.last >= end for stretch in self.stretches)


@dataclass
class _Told:
    """The running account of one file."""

    first: datetime | None = None
    last_line: str = ""
    lines: int = 0
    understood: int = 0


class _Reading:
    """Reads files one after the other into one account."""

    def __init__(self, reader: LineReader) -> None:
        self.reader = reader
        self.throttled: list[datetime] = []
        self.stretches: list[Stretch] = []
        self.lines = self.understood = 0

    def file(self, name: str, lines: Iterator[str]) -> None:
        told = _Told()
        read = self.reader.read
        for line in lines:
            told.lines += 1
            if read(line):
                told.understood += 1
                told.last_line = line
                if told.first is None:
                    told.first = self.reader.time_of(line)
            elif "rate-limit" in line or ("Suppressed " in line and " messages from " in line):
                self._lost_lines(line)
        self.lines += told.lines
        self.understood += told.understood
        if told.first is not None:
            last = self.reader.time_of(told.last_line) or told.first
            self.stretches.append(Stretch(min(told.first, last), max(told.first, last), (name,)))

    def _lost_lines(self, line: str) -> None:
        moment = self.reader.time_of(line)
        if moment is not None:
            self.throttled.append(moment)


def read_logs(
    files: Sequence[str], wanted: Wanted, zone: tzinfo | None, now: datetime, format_name: str = ""
) -> LogReading:
    """Look for mails in a relay's log files (plain or gzip; "-" is standard input).

    Args:
        files: in any order; they are read in that of their times, for a mail's lines may cross a rotation.
        wanted: the mails to look for.
        zone: of times that do not name theirs; None is the zone of this machine.
        now: the present, by which years are completed.
        format_name: one of FORMATS; empty: found out from the first lines.

    Raises:
        BadInput: a file cannot be read, or is of no known format.
    """
    if not files:
        raise BadInput("name at least one log file", where="files")
    clock, sightings = LogClock(zone, now), Sightings()
    reading: _Reading | None = None
    for file in sorted(files, key=lambda file: (file == STDIN, _begin_of(file, clock, format_name))):
        with log_lines(file) as lines:
            head = list(islice(lines, _SNIFFED_LINES))
            if reading is None:
                kind = FORMATS[format_name or _format_of(head, clock)[0]]
                reading = _Reading(kind(wanted, clock, sightings))
            reading.file(_name(file), chain(head, lines))
    assert reading is not None, "there was at least one file"
    if not reading.understood:
        raise BadInput(f"no line of it is {reading.reader.name}", where=_name(files[0]))
    return LogReading(
        format=reading.reader.name,
        lines=reading.lines,
        understood=reading.understood,
        sightings=dict(sightings),
        stretches=_joined(reading.stretches),
        throttled=tuple(reading.throttled),
    )


def _begin_of(file: str, clock: LogClock, format_name: str) -> datetime:
    """The first time in a file, by which files are put in order; standard input can be read only once."""
    if file == STDIN:
        return _EARLIEST
    with log_lines(file) as lines:
        return _format_of(islice(lines, _SNIFFED_LINES), clock, format_name)[1]


def _format_of(lines: Iterable[str], clock: LogClock, only: str = "") -> tuple[str, datetime]:
    """The format of which the first line is that anybody understands, and that line's time."""
    nothing = Wanted(identify=lambda _: None)
    kinds = {only: FORMATS[only]} if only else FORMATS
    probes = {name: kind(nothing, clock, Sightings()) for name, kind in kinds.items()}
    found = only
    for line in lines:
        for name, probe in probes.items():
            if probe.read(line) and (not found or found == name):
                found = name
                begin = probe.time_of(line)
                if begin is not None:
                    return name, begin
    if not found:
        raise BadInput(f"no line is of a known format ({', '.join(FORMATS)})", where="log")
    return found, _EARLIEST


def _joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    joined: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda s: s.first):
        before = joined[-1] if joined else None
        if before is not None and stretch.first - before.last <= _SAME_LOG:
            both = (*before.files, *stretch.files)
            joined[-1] = Stretch(before.first, max(before.last, stretch.last), both)
        else:
            joined.append(stretch)
    return tuple(joined)


@contextmanager
def log_lines(file: str) -> Iterator[Iterator[str]]:
    """The lines of a text file without their ends; gzip is unpacked, "-" is standard input.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        # Standard input is not ours to close.
        with nullcontext(sys.stdin.buffer) if file == STDIN else Path(file).open("rb") as raw:
            yield _decoded(raw)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot be read: {why}", where=_name(file)) from None


def _decoded(raw: BinaryIO) -> Iterator[str]:
    peek = getattr(raw, "peek", None)
    packed = peek is not None and peek(2)[:2] == _GZIP
    source = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if packed else raw)
    # With a limit, so that a file without line ends cannot fill the memory.
    for line in iter(partial(source.readline, _LONGEST_LINE), b""):
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _name(file: str) -> str:
    return "standard input" if file == STDIN else Path(file).name

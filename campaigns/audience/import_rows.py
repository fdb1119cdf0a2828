"""Reading an import file: opened, decompressed and parsed as a stream, one row in memory at a time."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from campaigns.audience.import_columns import ColumnPlan
from campaigns.core.errors import BadInput

KEPT_ERRORS = 1000
LONGEST_LINE = 1_000_000
"""Characters; more is no CSV file, and must not be read into memory to find that out."""

_GZIP_MAGIC = b"\x1f\x8b"
_TOLD_EACH = 5000


@dataclass(frozen=True, slots=True, order=True)
class RowError:
    """A row that was skipped: its first line in the file (the header is line 1) and why."""

    line: int
    reason: str


@dataclass(slots=True)
class ErrorList:
    """All errors counted, the first `KEPT_ERRORS` kept."""

    count: int = 0
    kept: list[RowError] = field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        """Count one more, and keep it while there is room."""
        self.count += 1
        if len(self.kept) < KEPT_ERRORS:
            self.kept.append(RowError(line, reason))


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while a file is read: `told` hears of the rows read so far, every some thousand.

    More than `most_characters` unpacked are refused.
    """

    told: Callable[[int], None]
    most_characters: int


class CsvFile:
    """An open import file: its header, then its rows."""

    def __init__(self, stream: io.TextIOBase, where: str, watch: Watch | None = None) -> None:
        self.where = where
        self._watch = watch
        lines = _bounded(stream, where, watch.most_characters if watch else sys.maxsize)
        self._reader = csv.reader(())
        with self._file_errors():
            first = next(lines, "")
            self._reader = csv.reader(chain([first] if first else [], lines), delimiter=_delimiter(first))
            header = next(self._reader, None)
        if not header or not any(column.strip() for column in header):
            raise BadInput("is empty; the first line must name the columns", where)
        self.header: Sequence[str] = [column.strip() for column in header]
        self.rows_read = 0

    def first_rows(self, most: int) -> list[list[str]]:
        """The next rows as they stand there, for looking at; lines without anything are left out.

        Raises:
            BadInput: as in `values`.
        """
        with self._file_errors():
            return list(islice((row for row in self._reader if row), most))

    def values(self, plan: ColumnPlan, errors: ErrorList) -> Iterator[list[Any]]:
        """Yield [line, value, ...] in the order of `plan.fields` for each good row; note the bad ones.

        Raises:
            BadInput: the file itself cannot be read on: not UTF-8, damaged gzip, a quote never closed.
        """
        reader, width = self._reader, plan.width
        steps = [(index, column.read) for column, index, _ in plan.cells]
        defaults = [(index, cell) for _, index, cell in plan.cells if cell]
        constants = [value for _, value in plan.constants]
        line = reader.line_num + 1
        with self._file_errors():
            for row in reader:
                first, line = line, reader.line_num + 1
                if not row:
                    continue
                self.rows_read += 1
                if self._watch is not None and not self.rows_read % _TOLD_EACH:
                    self._watch.told(self.rows_read)
                if len(row) != width:
                    errors.add(first, _wrong_width(row, width))
                    continue
                for index, cell in defaults:
                    row[index] = row[index].strip() or cell
                try:
                    values = [first, *[convert(row[index]) for index, convert in steps], *constants]
                except ValueError:
                    errors.add(first, _why_bad(row, plan))
                    continue
                if "\0" in "".join(row):
                    errors.add(first, "has a NUL character, which no text may have")
                    continue
                yield values

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError:
            raise BadInput(
                f"is not UTF-8 (near line {self._reader.line_num + 1}); save it as CSV in UTF-8", self.where
            ) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise BadInput(
                "is not a whole gzip file; copy or compress it again, or name it .csv if it is plain text",
                self.where,
            ) from None
        except csv.Error as error:
            raise BadInput(
                f"cannot be read as CSV from line {self._reader.line_num} on ({error}); "
                "look for a quote that is never closed",
                self.where,
            ) from None


@dataclass(frozen=True, slots=True)
class Upload:
    """A CSV file that somebody sent, and that is nowhere on disk."""

    name: str
    content: bytes


@contextmanager
def open_csv(source: Path | Upload, watch: Watch | None = None) -> Iterator[CsvFile]:
    """Open a CSV or CSV.gz file, or a plain CSV that was sent; a leading byte order mark is dropped.

    Raises:
        BadInput: it is not there, cannot be read, has no header, is not UTF-8 or not gzip.
    """
    if isinstance(source, Upload):
        # Never unpacked: a small upload may be gzip of something endless.
        with io.TextIOWrapper(io.BytesIO(source.content), encoding="utf-8-sig", newline="") as stream:
            yield CsvFile(stream, source.name, watch)
        return
    path, where = source, source.name
    try:
        raw = path.open("rb")
    except OSError as error:
        raise BadInput(f"cannot be opened: {error.strerror or error}", str(path)) from None
    with raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if path.suffix.lower() == ".gz" and not packed:
            raise BadInput("is not gzip; compress it, or name it .csv if it is plain text", where)
        binary: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream:
            yield CsvFile(stream, where, watch)


def _bounded(stream: io.TextIOBase, where: str, most: int) -> Iterator[str]:
    """The lines of a stream, none of which is ever held whole where it has no end."""
    read = 0
    for number in count(1):
        line = stream.readline(LONGEST_LINE + 1)
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise BadInput(
                f"line {number} is longer than {LONGEST_LINE:,} characters; is it a CSV file?", where
            )
        read += len(line)
        if read > most:
            raise BadInput(f"is larger than {most:,} characters once it is unpacked", where)
        yield line


def _delimiter(header: str) -> str:
    """What parts the columns. Spreadsheets write semicolons where the comma is the sign of decimals."""
    return next((sign for sign in ",;\t" if sign in header), ",")


def _wrong_width(row: Sequence[str], width: int) -> str:
    return f"has {len(row)} fields where the header has {width}; is a comma, semicolon or quote missing?"


def _why_bad(row: Sequence[str], plan: ColumnPlan) -> str:
    """Name all fields that are wrong, so that a row is mended in one go."""
    reasons = []
    for column, index, _ in plan.cells:
        try:
            column.read(row[index])
        except ValueError as error:
            reasons.append(f"{column.name} {error}")
    return "; ".join(reasons)

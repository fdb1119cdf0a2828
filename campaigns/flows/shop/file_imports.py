"""Files sent by the console: looked at, tried out without a trace, imported by a worker, and removed.

The file lies in the data folder of the host that took it, and a worker with the same data folder reads it. All
that is known of it is a row; the hint to a worker may be lost. What a killed worker had begun is begun again: nothing
of it had landed, because a file and the note that it landed are one transaction.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.audience.import_columns import Kind, plan_columns
from campaigns.audience.import_guessing import guess_columns
from campaigns.audience.import_rows import Watch
from campaigns.audience.importing import ImportResult
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadInput, NotFound, Refused, TailormailError
from campaigns.core.jobs import Jobs
from campaigns.core.locks import FILE_IMPORT_LOCK
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import record
from campaigns.flows.shop.file_peek import Peek, peek_into, problem_words
from campaigns.flows.shop.importing import Importing
from campaigns.models import FileImport, FileImportState
from campaigns.models.file_import import TRANSITIONS

log = get_logger(__name__)

KINDS = tuple(kind for kind in get_args(Kind) if kind != "suppressions")
KEPT = timedelta(days=7)
"""A file that nobody imports is removed after so long, and the rows that errors quote are forgotten."""

_TIMES_UNPACKED = 8
_MOST_ATTEMPTS = 3
_TOLD_EACH_SECONDS = 1.0
_WORKING = (FileImportState.CHECKING.value, FileImportState.IMPORTING.value)
_OPEN = (FileImportState.UPLOADED.value, FileImportState.CHECKED.value)


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as a page shows it; see models.FileImport."""

    number: int
    kind: str
    name: str
    size: int
    state: str
    mapping: Mapping[str, str]
    defaults: Mapping[str, str]
    checked: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    problem: str
    rows_done: int
    by: str
    created_at: datetime
    changed_at: datetime

    @property
    def working(self) -> bool:
        """Whether a worker is at it, or is about to be."""
        return self.state in _WORKING


class FileImports:
    """`host` names the data folder that `folder` lies in; `megabytes` is the largest file that is taken."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        importing: Importing,
        folder: Path,
        host: str,
        megabytes: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._importing = importing
        self._folder = folder
        self._host = host
        self._most = megabytes * 1_000_000 * _TIMES_UNPACKED

    def place(self, name: str) -> Path:
        """Where to put a file that is being sent; the ending says whether it is packed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ending = ".csv.gz" if name.lower().endswith(".gz") else ".csv"
        return self._folder / f"{secrets.token_hex(16)}{ending}"

    def take(self, kind: str, name: str, path: Path, by: str) -> int:
        """A file that lies at `place` now; returns its number. One that cannot be read at all is removed.

        Raises:
            BadInput: it is not there, empty, no CSV file, or of no kind that can be imported.
        """
        name = Path(name.replace("\\", "/")).name[:200] or "file.csv"
        try:
            if kind not in KINDS:
                raise BadInput(f"must be one of {', '.join(KINDS)}", "kind")
            peek = peek_into(path, name)
            mapping = guess_columns(kind, peek.header)
            row = FileImport(
                kind=kind, name=name, host=self._host, stored=path.name, size=path.stat().st_size,
                mapping=mapping, created_by=by,
            )  # fmt: skip
            with self._db.transaction() as session:
                row.created_at = row.changed_at = self._clock.now()
                session.add(row)
                session.flush()
                record(session, row.created_at, by, "file.uploaded", f"import {row.id}", {"kind": kind})
                return row.id
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def peek(self, number: int) -> Peek:
        """Its columns and first rows.

        Raises:
            NotFound: there is no such file, or it was removed.
            BadInput: it cannot be read.
        """
        with self._db.transaction() as session:
            row = _get(session, number)
            name, stored = row.name, row.stored
        if not stored:
            raise NotFound("this file is no longer kept")
        return peek_into(self._folder / stored, name)

    def check(self, number: int, mapping: Mapping[str, str], defaults: Mapping[str, str], by: str) -> None:
        """Have a worker try it out with these columns, of which nothing remains.

        Raises:
            BadInput: columns and defaults do not fit the file; what was chosen is kept all the same.
            Refused: it is being imported, or was.
        """
        peek = self.peek(number)
        with self._db.transaction() as session:
            row = self._move(session, number, FileImportState.CHECKING)
            row.mapping, row.defaults = dict(mapping), dict(defaults)
            row.checked, row.problem, row.rows_done, row.attempts = None, "", 0, 0
            try:
                plan_columns(row.kind, peek.header, row.mapping, row.defaults, row.name)
            except BadInput as error:
                row.state, row.problem = FileImportState.UPLOADED.value, problem_words(error)
                failed: BadInput | None = error
            else:
                failed = None
                record(
                    session, row.changed_at, by, "file.check_asked", f"import {number}", {"kind": row.kind}
                )
                session.after_commit(self._jobs.import_files)
        if failed is not None:
            raise failed

    def import_(self, number: int, by: str) -> None:
        """Have a worker import it as it was tried out.

        Raises:
            Refused: it was not tried out yet, or is imported already.
        """
        with self._db.transaction() as session:
            row = self._move(session, number, FileImportState.IMPORTING)
            row.rows_done, row.attempts, row.problem = 0, 0, ""
            record(session, row.changed_at, by, "file.import_asked", f"import {number}", {"kind": row.kind})
            session.after_commit(self._jobs.import_files)

    def discard(self, number: int, by: str) -> None:
        """Remove the file without importing it.

        Raises:
            Refused: it is being imported, or was.
        """
        with self._db.transaction() as session:
            row = self._move(session, number, FileImportState.DISCARDED)
            record(session, row.changed_at, by, "file.discarded", f"import {number}", {"kind": row.kind})
            self._remove(session, row)

    def get(self, number: int) -> FileView:
        """One file.

        Raises:
            NotFound: there is none.
        """
        with self._db.transaction() as session:
            return _view(_get(session, number))

    def list(self, most: int = 30) -> list[FileView]:
        """The newest files."""
        with self._db.transaction() as session:
            rows = session.scalars(select(FileImport).order_by(FileImport.id.desc()).limit(most))
            return [_view(row) for row in rows]

    def work(self) -> int:
        """Try out and import what waits on this host; returns how many. Harmless when two do it at once."""
        with self._db.transaction() as session:
            waiting = session.scalars(
                select(FileImport.id)
                .where(FileImport.state.in_(_WORKING), FileImport.host == self._host)
                .order_by(FileImport.id)
            ).all()
        return sum(self._work_on(number) for number in waiting)

    def forget_old(self) -> int:
        """Remove files that nobody imports, and what errors quote of old ones; returns how many files went."""
        before = self._clock.now() - KEPT
        with self._db.transaction() as session:
            old = select(FileImport).where(FileImport.state.in_(_OPEN), FileImport.changed_at < before)
            gone = session.scalars(old.with_for_update(skip_locked=True)).all()
            for row in gone:
                row.state = FileImportState.DISCARDED.value
                self._remove(session, row)
            for column in (FileImport.checked, FileImport.result):
                quoting = update(FileImport).where(FileImport.changed_at < before, column.has_key("errors"))
                session.execute(quoting.values({column: column.op("-")("errors").op("-")("remarks")}))
        self._sweep()
        return len(gone)

    def _sweep(self) -> None:
        """Files of this host that no row knows: whoever sent them went away in the midst of it."""
        if not self._folder.is_dir():
            return
        with self._db.transaction() as session:
            known = set(session.scalars(select(FileImport.stored).where(FileImport.stored != "")))
        for path in self._folder.iterdir():
            if (
                path.name not in known
                and time.time() - path.stat().st_mtime > timedelta(days=1).total_seconds()
            ):
                path.unlink(missing_ok=True)

    def _work_on(self, number: int) -> bool:
        try:
            with self._db.transaction() as session:
                row = self._begun(session, number)
                if row is None:
                    return False
                if FileImportState(row.state) is FileImportState.CHECKING:
                    self._try_out(session, row)
                else:
                    self._land(session, row)
            return True
        except (TailormailError, DBAPIError) as error:
            # It waits for the next round, and for no more than a few of them.
            log.warning("file_import_broke_off", number=number, why=type(error).__name__)
            return False

    def _begun(self, session: UnitOfWork, number: int) -> FileImport | None:
        """The row, if it waits and nobody else is at it until this transaction ends."""
        key = {"lock": FILE_IMPORT_LOCK, "number": number % 2**31}
        if not session.scalar(text("select pg_try_advisory_xact_lock(:lock, :number)"), key):
            return None
        row = session.get(FileImport, number)
        if row is None or row.state not in _WORKING:
            return None
        attempts = self._count_attempt(number)
        if attempts > _MOST_ATTEMPTS or not (self._folder / row.stored).is_file():
            lost = attempts <= _MOST_ATTEMPTS
            row.problem = (
                "The file is no longer there. Upload it again."
                if lost
                else "Reading it broke off several times; the log says why."
            )
            self._end(session, row, FileImportState.FAILED)
            return None
        return row

    def _count_attempt(self, number: int) -> int:
        """In a transaction of its own, so that it counts even where the worker is killed."""
        counted = (
            update(FileImport)
            .where(FileImport.id == number)
            .values(attempts=FileImport.attempts + 1, rows_done=0)
            .returning(FileImport.attempts)
        )
        with self._db.transaction() as session:
            return int(session.execute(counted).scalar_one())

    def _try_out(self, session: UnitOfWork, row: FileImport) -> None:
        state, path = row.state, self._folder / row.stored
        try:
            result = self._importing.look(
                session, cast(Kind, row.kind), path, row.mapping, row.defaults, self._watch(row.id, state)
            )
        except BadInput as error:
            session.refresh(row)
            row.state, row.problem = FileImportState.UPLOADED.value, problem_words(error)
            return
        except _NotWanted:
            return
        session.refresh(row, with_for_update=True)
        if row.state == state:
            row.state, row.checked = FileImportState.CHECKED.value, _json(result)
            row.changed_at = self._clock.now()

    def _land(self, session: UnitOfWork, row: FileImport) -> None:
        path = self._folder / row.stored
        try:
            result = self._importing.land(
                session,
                cast(Kind, row.kind),
                path,
                row.mapping,
                row.defaults,
                row.created_by,
                self._watch(row.id, row.state),
            )
        except BadInput as error:
            session.refresh(row)
            row.problem = problem_words(error)
            self._end(session, row, FileImportState.FAILED)
            return
        session.refresh(row)
        row.result, row.rows_done = _json(result), result.rows_read
        self._end(session, row, FileImportState.DONE)

    def _watch(self, number: int, state: str) -> Watch:
        last = time.monotonic()

        def told(rows: int) -> None:
            nonlocal last
            if time.monotonic() - last < _TOLD_EACH_SECONDS:
                return
            last = time.monotonic()
            moved = update(FileImport).where(FileImport.id == number, FileImport.state == state)
            with self._db.transaction() as session:
                if not session.execute(moved.values(rows_done=rows).returning(FileImport.id)).first():
                    raise _NotWanted

        return Watch(told, self._most)

    def _move(self, session: UnitOfWork, number: int, target: FileImportState) -> FileImport:
        row = _get(session, number, lock=True)
        if target not in TRANSITIONS[FileImportState(row.state)]:
            raise Refused(f"this file is {row.state} and cannot become {target.value} any more")
        row.state, row.changed_at = target.value, self._clock.now()
        return row

    def _end(self, session: UnitOfWork, row: FileImport, state: FileImportState) -> None:
        row.state, row.changed_at = state.value, self._clock.now()
        self._remove(session, row)

    def _remove(self, session: UnitOfWork, row: FileImport) -> None:
        path, row.stored = self._folder / row.stored, ""
        session.after_commit(lambda: path.unlink(missing_ok=True))


class _NotWanted(Exception):
    """Somebody discarded the file while it was read."""


def _json(result: ImportResult) -> dict[str, Any]:
    return asdict(result)


def _get(session: Session, number: int, lock: bool = False) -> FileImport:
    row = session.get(FileImport, number, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"there is no import {number}")
    return row


def _view(row: FileImport) -> FileView:
    return FileView(
        row.id, row.kind, row.name, row.size, row.state, row.mapping, row.defaults, row.checked, row.result,
        row.problem, row.rows_done, row.created_by, row.created_at, row.changed_at,
    )  # fmt: skip

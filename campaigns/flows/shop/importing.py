"""Importing a shop's files: each file is one transaction, and new orders train the recommender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from campaigns.audience.import_columns import Kind
from campaigns.audience.import_rows import Upload, Watch
from campaigns.audience.importing import ImportResult, import_file
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.jobs import Jobs
from campaigns.flows.console.audit import CLI, record

KINDS: tuple[Kind, ...] = get_args(Kind)


class Importing:
    """Imports files."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, jobs: Jobs) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._jobs = jobs

    def run(
        self,
        kind: Kind,
        paths: Sequence[Path | Upload],
        mapping: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
        by: str = CLI,
    ) -> list[ImportResult]:
        """Import files of one kind; a file that cannot be read at all leaves the ones before it imported.

        Raises:
            BadInput: names the file, and what to mend.
        """
        results = []
        for path in paths:
            with self._db.transaction() as session:
                results.append(self.land(session, kind, path, mapping or {}, defaults or {}, by))
        return results

    def land(
        self,
        session: UnitOfWork,
        kind: Kind,
        path: Path | Upload,
        mapping: Mapping[str, str],
        defaults: Mapping[str, str],
        by: str,
        watch: Watch | None = None,
    ) -> ImportResult:
        """One file, in the caller's transaction; workers are hinted at once it is committed.

        Raises:
            BadInput: names the file, and what to mend; the transaction can go on.
        """
        now = self._clock.now()
        result = import_file(session, kind, path, self._keyring, dict(mapping), dict(defaults), now, watch)
        told = {"kind": kind, "rows": result.rows_read, "new": result.inserted, "skipped": result.skipped}
        record(session, now, by, "file.imported", kind, told)
        if result.inserted and kind in ("orders", "products"):
            session.after_commit(self._jobs.train)
        if kind in ("customers", "consents"):
            session.after_commit(self._jobs.catch_up)
        return result

    def look(
        self,
        session: UnitOfWork,
        kind: Kind,
        path: Path,
        mapping: Mapping[str, str],
        defaults: Mapping[str, str],
        watch: Watch | None = None,
    ) -> ImportResult:
        """What `land` would do, of which nothing remains.

        Raises:
            BadInput: as `land`.
        """
        dry = session.begin_nested()
        try:
            return import_file(
                session, kind, path, self._keyring, dict(mapping), dict(defaults), self._clock.now(), watch
            )
        finally:
            dry.rollback()

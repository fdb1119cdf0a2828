"""Importing a shop's files: each file is one transaction, and new orders train the recommender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from campaigns.audience.import_columns import Kind
from campaigns.audience.import_rows import Upload
from campaigns.audience.importing import ImportResult, import_file
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.jobs import Jobs

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
    ) -> list[ImportResult]:
        """Import files of one kind; a file that cannot be read at all leaves the ones before it imported.

        Raises:
            BadInput: names the file, and what to mend.
        """
        results = []
        for path in paths:
            with self._db.transaction() as session:
                result = import_file(
                    session,
                    kind,
                    path,
                    self._keyring,
                    dict(mapping or {}),
                    dict(defaults or {}),
                    self._clock.now(),
                )
                if result.inserted and kind in ("orders", "products"):
                    session.after_commit(self._jobs.train)
                if kind in ("customers", "consents"):
                    session.after_commit(self._jobs.catch_up)
            results.append(result)
        return results

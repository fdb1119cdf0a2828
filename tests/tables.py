"""The tables of the test database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.models.base import Base


def empty_tables(database: Database) -> None:
    """Remove all rows; the ledger's guard against TRUNCATE steps aside for this one statement."""
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.transaction() as session:
        session.execute(text("set local session_replication_role = replica"))
        session.execute(text(f"truncate {tables} restart identity cascade"))


def begin_at_one(database: Database) -> None:
    """Let numbers of rows begin at 1 again, where tests whose rows were rolled back have used some up."""
    with database.transaction() as session:
        used = session.scalar(text("select exists (select from pg_sequences where last_value is not null)"))
    if used:
        empty_tables(database)


@contextmanager
def without(database: Database) -> Iterator[None]:
    """As long as this lasts, this object has no PostgreSQL; others of the same server still have it."""

    def away() -> Any:
        raise ServiceUnavailable("PostgreSQL", "refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "transaction", away)
        yield

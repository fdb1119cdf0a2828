"""Partitions that a test's campaigns brought, and their removal afterwards."""

from __future__ import annotations

from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.models.partitions import PARTITIONED, existing_ranges


def drop_extra_partitions(db: Database) -> None:
    """Leave the first range only, as a fresh database has it."""
    with db.transaction() as session:
        for one in existing_ranges(session):
            for table in PARTITIONED if one.number else ():
                session.execute(text(f"drop table if exists {one.partition(table)}"))

"""What all merges share: the staging table, rejecting staged rows, and the upsert that spares equal rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.audience.import_columns import Field
from campaigns.audience.import_rows import KEPT_ERRORS, ErrorList

# From here on fresh statistics are worth their tenth of a second: the next query is often a segment.
_WORTH_ANALYZING = 5000


@dataclass(slots=True)
class Merged:
    """What a merge did with the staged rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    suppressed: int = 0
    rejected: ErrorList = field(default_factory=ErrorList)


class Staged:
    """The temporary table with the good rows of one file.

    `names` are the fields that the file (or a default) gives. All SQL here is made of the field names of
    import_columns.FIELDS and of constants; values are always bound.
    """

    def __init__(self, session: Session, kind: str, names: tuple[str, ...], now: datetime) -> None:
        self.session = session
        self.table = f"staged_{kind}"
        self.names = names
        self.now = now
        self.rows = 0

    def create(self, fields: Sequence[Field]) -> None:
        """Make the table anew."""
        columns = ", ".join(f"{f.name} {f.sql_type}" for f in fields)
        # One import of a kind at a time: two would lock the same rows in different orders.
        self.run("select pg_advisory_xact_lock(hashtextextended(:lock, 0))", lock=f"import {self.table}")
        self.run(f"drop table if exists pg_temp.{self.table}")
        self.run(f"create temporary table {self.table} (line bigint not null, {columns}) on commit drop")
        # Sorting and joining a file happens in memory up to this size; it is per import, not per connection.
        self.run("set local work_mem = '64MB'")

    def count_rows(self) -> None:
        """After the COPY: gather statistics, without which joins on a fresh table are planned blindly."""
        self.run(f"analyze {self.table}")
        self.rows = self.number(f"select count(*) from {self.table}")

    def drop(self) -> None:
        """Remove the table; several files may be imported in one transaction."""
        self.run(f"drop table {self.table}")

    def run(self, statement: str, **values: Any) -> int:
        """Execute and return how many rows were touched."""
        result: Any = self.session.connection().execute(text(statement), values)
        return max(0, int(result.rowcount))

    def number(self, statement: str, **values: Any) -> int:
        """Execute a query for one number."""
        return int(self.session.connection().execute(text(statement), values).scalar_one())

    def reject(self, merged: Merged, reason: str, condition: str, **values: Any) -> int:
        """Take the rows `s` that meet `condition` out of the table and note why (an SQL expression)."""
        taken = self.session.connection().execute(
            text(
                f"with taken as (delete from {self.table} s where {condition}"
                f" returning s.line, {reason} as why)"
                " select count(*) over (), line, why from taken order by line limit :kept"
            ),
            {**values, "kept": KEPT_ERRORS},
        )
        rows = taken.all()
        for _, line, why in rows:
            merged.rejected.add(line, why)
        count = rows[0][0] if rows else 0
        merged.rejected.count += count - len(rows)
        self.rows -= count
        return count

    def keep_last(self, merged: Merged, key: str) -> None:
        """Of several rows with the same key the last one counts."""
        gone = self.run(
            f"delete from {self.table} s using (select {key}, max(line) as line from {self.table}"
            f" group by {key} having count(*) > 1) last where s.{key} = last.{key} and s.line < last.line"
        )
        merged.superseded += gone
        self.rows -= gone

    def upsert(self, merged: Merged, insert: str, target: str) -> None:
        """Run an INSERT ... ON CONFLICT DO UPDATE and count its rows; all other staged rows are unchanged."""
        # xmax is 0 in a row version that this statement made new, and its own transaction in one it updated.
        counts = text(
            f"with landed as ({insert} returning xmax = 0 as fresh) select count(*) filter (where fresh),"
            " count(*) filter (where not fresh) from landed"
        )
        values = {"now": self.now} if ":now" in insert else {}
        inserted, updated = self.session.connection().execute(counts, values).one()
        merged.inserted += inserted
        merged.updated += updated
        merged.unchanged += self.rows - inserted - updated
        if inserted + updated >= _WORTH_ANALYZING:
            self.run(f"analyze {target}")


def columns_of(alias: str, names: Sequence[str]) -> str:
    """`alias.a, alias.b, ...`"""
    return ", ".join(f"{alias}.{name}" for name in names)


def assignments(names: Sequence[str]) -> str:
    """`a = excluded.a, b = excluded.b, ...`"""
    return ", ".join(f"{name} = excluded.{name}" for name in names)


def differs(left: str, right: str, names: Sequence[str]) -> str:
    """An SQL condition: any of the columns differs (NULL equals NULL)."""
    if not names:
        return "false"
    return f"row({columns_of(left, names)}) is distinct from row({columns_of(right, names)})"

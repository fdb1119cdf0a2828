"""Reading the audit log: the newest first, a page at a time, by person, action, subject and day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, delete, select, text
from sqlalchemy.orm import Session

from campaigns.core.db import Database
from campaigns.models import AuditEntry

PAGE = 50
_AT_ONCE = 1000
# Reads the distinct values of an indexed column by jumping from one to the next: as many steps as there are
# values, however many entries there are.
_DISTINCT = """
with recursive found as (
  (select {column} as value from audit_entries order by {column} limit 1)
  union all
  select (select {column} from audit_entries where {column} > found.value order by {column} limit 1)
  from found where found.value is not null
)
select value from found where value is not null limit 500
"""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is looked for; None or empty: whatever it is. Days are those of UTC, both included.

    `action` also finds what it begins up to a dot: "campaign" finds "campaign.approved".
    """

    by: str = ""
    action: str = ""
    subject: str = ""
    first_day: date | None = None
    last_day: date | None = None

    def narrow(self, statement: Select[AuditEntry], actions: Sequence[str]) -> Select[AuditEntry]:
        """The statement with these conditions; `actions` are all that there are."""
        if self.by:
            statement = statement.where(AuditEntry.by == self.by)
        if self.action:
            # Named one by one: a condition on the beginning of a text finds no index in most collations.
            wanted = [one for one in actions if one == self.action or one.startswith(f"{self.action}.")]
            statement = statement.where(AuditEntry.action.in_(wanted))
        if self.subject:
            statement = statement.where(AuditEntry.subject == self.subject)
        if self.first_day:
            statement = statement.where(AuditEntry.at >= _midnight(self.first_day))
        if self.last_day:
            statement = statement.where(AuditEntry.at < _midnight(self.last_day) + timedelta(days=1))
        return statement


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry."""

    id: int
    at: datetime
    by: str
    action: str
    subject: str
    detail: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; the moment in ISO 8601."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "by": self.by,
            "action": self.action,
            "subject": self.subject,
            "detail": self.detail,
        }


class AuditLog:
    """Only reads; entries are made by `audit.record`, inside the flows."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(
        self, wanted: AuditFilter, before: int | None = None, size: int = PAGE
    ) -> tuple[list[AuditRow], int | None]:
        """A page of entries, newest first, and what to give as `before` for the next one (None: that was all)."""
        with self._db.transaction() as session:
            actions = _distinct(session, "action") if wanted.action else []
            statement = wanted.narrow(select(AuditEntry), actions).order_by(AuditEntry.id.desc())
            if before is not None:
                statement = statement.where(AuditEntry.id < before)
            rows = [
                AuditRow(row.id, row.at, row.by, row.action, row.subject, row.detail)
                for row in session.scalars(statement.limit(size + 1))
            ]
        more = len(rows) > size
        return rows[:size], rows[size - 1].id if more else None

    def all(self, wanted: AuditFilter) -> Iterator[AuditRow]:
        """Every entry, newest first; never more than a thousand of them in memory, and no connection held between."""
        before: int | None = None
        while True:
            rows, before = self.page(wanted, before, _AT_ONCE)
            yield from rows
            if before is None:
                return

    def names(self) -> tuple[list[str], list[str]]:
        """Who ever did something, and the actions that there are; up to 500 of each."""
        with self._db.transaction() as session:
            return _distinct(session, '"by"'), _distinct(session, "action")


def forget_entries(db: Database, before: datetime) -> int:
    """Remove entries from before a moment, for retention; what is younger than a year stays. How many went."""
    with db.transaction() as session:
        session.execute(
            text("select set_config('tailormail.audit_kept_from', :before, true)"),
            {"before": before.isoformat()},
        )
        year = text("now() - interval '1 year'")
        gone = session.execute(delete(AuditEntry).where(AuditEntry.at < before, AuditEntry.at < year))
        return int(gone.rowcount)  # type: ignore[attr-defined]


def _distinct(session: Session, column: str) -> list[str]:
    return list(session.scalars(text(_DISTINCT.format(column=column))))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

"""What happened since it was last looked at: rows of four tables, read on from where the reading stopped.

Nothing is written while mail is sent or opened for a webhook's sake: the tables are there anyway, and each row has
a number. Numbers are given out before they are committed, so that a lower one may turn up after a higher one was
read. The reading therefore fixes a goal, the highest number there is; notes who is writing to the table at that
moment (pg_locks: whoever inserts holds the table's lock before it gets a number, and keeps it to its end); and reads
up to the goal when all of those have ended. Nobody is waited for in a lock, and nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.models import WebhookCursor

AT_ONCE = 2000

_WRITERS = text(
    """
    select distinct l.virtualtransaction
    from pg_locks l
    where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
      and l.database = (select oid from pg_database where datname = current_database())
      and (l.relation = cast(:table as regclass)
           or l.relation in (select inhrelid from pg_inherits where inhparent = cast(:table as regclass)))
    """
)
_HIGHEST = text("select coalesce(pg_sequence_last_value(cast(:sequence as regclass)), 0)")


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened, by our own numbers; `key` names it for good. `facts` are ready for JSON."""

    key: str
    name: str
    at: datetime
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As it is kept until it is told."""
        return {"key": self.key, "name": self.name, "at": self.at.isoformat(), **self.facts}


@dataclass(frozen=True, slots=True)
class Source:
    """A table whose new rows are told.

    Args:
        sequence: what numbers its rows.
        query: the rows with `id` above :since and up to :until, in their order, at most :most.
        names: what may come of them.
        read: what is told of a row; None where nothing is.
    """

    table: str
    sequence: str
    query: str
    names: frozenset[str]
    read: Callable[[Any], Told | None]


_EVENT_FACTS = ("place", "number", "requester", "permanent", "blame", "source")
"""Of an event's detail: what a receiver can use. What relays and providers wrote may hold an address."""


def _event(row: Any) -> Told:
    facts: dict[str, Any] = {
        "campaign": row.campaign_id or None,
        "send": row.send_id,
        "customer": row.customer_id,
    }
    if row.name in ("opened", "clicked"):
        facts["machine"] = row.machine
    facts |= {name: row.detail[name] for name in _EVENT_FACTS if name in row.detail}
    return Told(f"event-{row.id}", f"mail.{row.name}", row.at, facts)


def _transition(row: Any) -> Told:
    facts = {"campaign": row.campaign_id, "from": row.from_status, "to": row.to_status, "by": row.by}
    return Told(f"transition-{row.id}", "campaign.changed", row.at, facts)


_OF_AUDIT = {
    "file.imported": "import.done",
    "experiment.decided": "experiment.decided",
}


def _entry(row: Any) -> Told | None:
    name = _OF_AUDIT.get(row.action)
    facts = {"subject": row.subject, "by": row.by, "detail": row.detail}
    return Told(f"entry-{row.id}", name, row.at, facts) if name else None


def _fact(row: Any) -> Told:
    return Told(f"fact-{row.id}", row.name, row.at, row.about)


SOURCES: tuple[Source, ...] = (
    Source(
        "events",
        "events_id_seq",
        "select id, campaign_id, name, send_id, customer_id, at, machine, detail from events",
        frozenset(
            f"mail.{name}"
            for name in (
                "delivered", "deferred", "bounced", "complained", "opened", "clicked", "unsubscribed", "converted",
            )
        ),
        _event,
    ),
    Source(
        "campaign_transitions",
        "campaign_transitions_id_seq",
        "select id, campaign_id, from_status, to_status, at, by from campaign_transitions",
        frozenset({"campaign.changed"}),
        _transition,
    ),
    Source(
        "audit_entries",
        "audit_entries_id_seq",
        "select id, action, at, by, subject, detail from audit_entries",
        frozenset(_OF_AUDIT.values()),
        _entry,
    ),
    Source(
        "webhook_facts",
        "webhook_facts_id_seq",
        "select id, name, at, about from webhook_facts",
        frozenset({"message.sent", "message.failed", "message.held_back", "message.uncertain"}),
        _fact,
    ),
)  # fmt: skip


def begin_here(session: Session) -> None:
    """Let the reading begin now where it has not begun yet."""
    for source in SOURCES:
        row = {"source": source.table, "position": _highest(session, source)}
        session.execute(insert(WebhookCursor).values(row).on_conflict_do_nothing())


def read_on(session: Session, source: Source, wanted: Collection[str]) -> tuple[list[Told], bool] | None:
    """What happened since, of the `wanted` names, and whether there is more; None where somebody else reads.

    The place is moved on in the caller's transaction, in which whatever follows is to be written down.
    """
    found = select(WebhookCursor).where(WebhookCursor.source == source.table)
    cursor = session.scalar(found.with_for_update(skip_locked=True))
    if cursor is None:
        return None
    if cursor.ahead is None:
        highest = _highest(session, source)
        if highest <= cursor.position:
            return [], False
        cursor.ahead, cursor.writers = highest, _writers(session, source)
    elif cursor.writers:
        cursor.writers = sorted(set(cursor.writers) & set(_writers(session, source)))
    if cursor.writers:
        return [], False
    if not source.names & set(wanted):
        cursor.position, cursor.ahead = cursor.ahead, None
        return [], False
    rows = session.execute(
        text(f"{source.query} where id > :since and id <= :until order by id limit :most"),
        {"since": cursor.position, "until": cursor.ahead, "most": AT_ONCE},
    ).all()
    more = len(rows) == AT_ONCE
    if more:
        cursor.position = rows[-1].id
    else:
        cursor.position, cursor.ahead = cursor.ahead, None
    told = [one for row in rows if (one := source.read(row)) is not None and one.name in wanted]
    return told, more


def _highest(session: Session, source: Source) -> int:
    return int(session.execute(_HIGHEST, {"sequence": source.sequence}).scalar_one())


def _writers(session: Session, source: Source) -> list[str]:
    """The transactions that have written, or are about to write, to this table."""
    return sorted(session.scalars(_WRITERS, {"table": source.table}))

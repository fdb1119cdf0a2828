"""The audit log: only added to, found by person, action, subject and day, and what flows write into it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaigns.core.db import Database, UnitOfWork
from campaigns.flows.console.audit import record
from campaigns.flows.console.audit_log import AuditFilter, AuditLog, forget_entries
from campaigns.runtime import Runtime
from tests.shop import Command

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def filled(db: Database, number: int = 25) -> AuditLog:
    """Every third entry is by Tove, every second one an approval; one an hour, backwards from NOON."""
    with db.transaction() as session:
        for n in range(number):
            record(
                session,
                NOON + timedelta(hours=n - number),
                "Tove" if n % 3 == 0 else "Ola",
                "campaign.approved" if n % 2 == 0 else "campaign.edited",
                f"campaign {n % 5}",
                {"n": n},
            )
    return AuditLog(db)


@pytest.mark.parametrize(
    "statement",
    ["update audit_entries set by = 'nobody'", "delete from audit_entries", "truncate audit_entries"],
)
def test_the_database_itself_refuses_to_change_an_entry(session: UnitOfWork, statement: str) -> None:
    record(session, NOON - timedelta(days=3000), "Ola", "campaign.approved", "campaign 1")
    session.flush()
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(statement))


def test_retention_takes_what_is_old_and_never_the_last_year(db: Database) -> None:
    with db.transaction() as session:
        now = session.scalar(text("select now()"))
        for days in (3000, 500, 300, 1):
            record(session, now - timedelta(days=days), "Ola", "campaign.approved", f"campaign {days}")
    assert forget_entries(db, now - timedelta(days=1825)) == 1
    # A setting that was mistyped, or a clock that runs ahead.
    assert forget_entries(db, now + timedelta(days=1)) == 1
    kept, _ = AuditLog(db).page(AuditFilter())
    assert [row.subject for row in kept] == ["campaign 1", "campaign 300"]


def test_an_entry_is_kept_if_and_only_if_the_transaction_is(db: Database) -> None:
    with pytest.raises(RuntimeError), db.transaction() as session:
        record(session, NOON, "Ola", "campaign.approved", "campaign 1")
        raise RuntimeError
    assert AuditLog(db).page(AuditFilter()) == ([], None)


def test_pages_hold_every_entry_once_newest_first(db: Database) -> None:
    log = filled(db)
    seen, before = [], None
    while True:
        rows, before = log.page(AuditFilter(), before, 7)
        seen += [row.detail["n"] for row in rows]
        if before is None:
            break
    assert seen == list(range(24, -1, -1))
    assert [row.detail["n"] for row in log.all(AuditFilter())] == seen


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AuditFilter(by="Tove"), [24, 21, 18, 15, 12, 9, 6, 3, 0]),
        (AuditFilter(action="campaign.edited", by="Tove"), [21, 15, 9, 3]),
        (AuditFilter(action="campaign", subject="campaign 4"), [24, 19, 14, 9, 4]),
        (AuditFilter(action="camp"), []),
        (AuditFilter(by="tove"), []),
        (AuditFilter(last_day=date(2026, 11, 21)), list(range(12, -1, -1))),
        (AuditFilter(first_day=date(2026, 11, 22)), list(range(24, 12, -1))),
        (AuditFilter(first_day=date(2026, 11, 23)), []),
    ],
)
def test_what_is_looked_for_is_found(db: Database, wanted: AuditFilter, numbers: list[int]) -> None:
    assert [row.detail["n"] for row in filled(db).all(wanted)] == numbers


def test_names_are_read_without_reading_all_entries(db: Database) -> None:
    log = filled(db)
    assert log.names() == (["Ola", "Tove"], ["campaign.approved", "campaign.edited"])
    assert AuditLog(db).names()[0] == ["Ola", "Tove"]


def test_a_campaign_s_steps_and_the_operator_s_deeds_are_recorded(shop: Runtime) -> None:
    said = [row.action for row in shop.audit_log.all(AuditFilter(by="cli"))]
    assert any("import" in action for action in said)
    shop.suppressing.add("somebody@people.example", by="Ola")
    shop.suppressing.add("@people.example", by="Ola")
    (domain, address), _ = shop.audit_log.page(AuditFilter(by="Ola"))
    assert (domain.action, domain.subject) == ("domain.suppressed", "domain people.example")
    assert address.action == "address.suppressed"
    assert "somebody" not in str(address), "whose address it is stays untold: the log outlives an erasure"


def test_the_command_line_reads_it(command: Command, db: Database) -> None:
    filled(db, 4)
    status, out, _ = command("audit", "--by", "Tove", "--since", "2026-11-01", "--json")
    assert status == 0
    assert '"by": "Tove"' in out and '"Ola"' not in out
    assert "campaign.edited" in command("audit", "-n", "2")[1]
    assert command("audit", "--since", "yesterday")[0] == 2

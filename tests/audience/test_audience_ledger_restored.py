"""A backup of the ledger, brought back into another database, is the same ledger."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from campaigns.audience.ledger import verify
from campaigns.core.db import Database, libpq_url, sqlalchemy_url
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.embedded_postgres import postgres_programs
from campaigns.models import schema

_CONSENTS = """
insert into customers (external_id) select 'C' || n from generate_series(1, 3) n;
insert into consent_entries (customer_id, purpose, action, wording, source, at, evidence)
  select id, 'marketing', 'granted', 'I agree, æøå', 'web', now() - n * interval '1 day', 'form ' || n
  from customers, generate_series(0, 4) n order by id;
insert into consent_states (customer_id, purpose, granted, entry_id, at)
  select distinct on (customer_id) customer_id, purpose, true, id, at from consent_entries
  order by customer_id, at desc, id desc;
"""


@pytest.fixture
def other(servers: EmbeddedUrls) -> Iterator[Database]:
    """An empty database beside the tests' own."""
    assert servers.database_url
    admin = create_engine(sqlalchemy_url(servers.database_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("create database restored_tests"))
    url = sqlalchemy_url(servers.database_url).set(database="restored_tests")
    database = Database(url.render_as_string(hide_password=False))
    yield database
    database.close()
    with admin.connect() as connection:
        connection.execute(text("drop database restored_tests with (force)"))
    admin.dispose()


def _program(name: str, *arguments: str) -> None:
    subprocess.run([postgres_programs() / name, *arguments], check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("how", ["everything", "data alone"])
def test_a_restored_ledger_has_the_fingerprint_of_its_original(
    db: Database, other: Database, tmp_path: Path, how: str
) -> None:
    with db.transaction() as session:
        session.execute(text(_CONSENTS))
        original = verify(session)
    assert original.whole and original.entries == 15
    dump, tables = str(tmp_path / "dump"), ("customers", "consent_entries", "consent_heads", "consent_states")
    if how == "everything":
        _program("pg_dump", "--format=custom", f"--file={dump}", libpq_url(db.url))
        _program("pg_restore", f"--dbname={libpq_url(other.url)}", "--exit-on-error", dump)
    else:
        schema.upgrade(other)
        only = [f"--table={table}" for table in tables]
        _program("pg_dump", "--format=custom", "--data-only", *only, f"--file={dump}", libpq_url(db.url))
        with pytest.raises(subprocess.CalledProcessError):
            _program(
                "pg_restore",
                f"--dbname={libpq_url(other.url)}",
                "--exit-on-error",
                "--single-transaction",
                dump,
            )
        _program(
            "pg_restore", f"--dbname={libpq_url(other.url)}", "--disable-triggers", "--exit-on-error", dump
        )
    with other.transaction() as session:
        assert verify(session) == original
        again = "insert into consent_entries (customer_id, purpose, action, at) values (1, 'profiling', 'granted', now())"
        session.execute(text(again))
        report = verify(session)
    assert report.entries == 16
    assert report.first is not None and "no state is kept" in report.first.what, (
        "chained on, and no state derived"
    )

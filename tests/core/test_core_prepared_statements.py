"""What PostgreSQL has planned for a connection stays planned, also when the connection lay idle for a while."""

from __future__ import annotations

import pytest

from campaigns.core import db as module
from campaigns.core.db import Database, rows

# psycopg has a statement prepared when it comes for the sixth time.
_TIMES = 7


def test_asking_an_idle_connection_keeps_its_prepared_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRUSTED_SECONDS", 0.0)
    own = Database(str(database.url.render_as_string(hide_password=False)), pool_size=1)
    try:
        for number in range(_TIMES):
            with own.transaction() as session:
                assert rows(session, "select %(n)s::int + 1", {"n": number}) == [(number + 1,)]
        with own.transaction() as session:
            kept = rows(session, "select count(*) from pg_prepared_statements where statement like %(s)s",
                        {"s": "select $1::int + 1%"})  # fmt: skip
    finally:
        own.close()
    assert kept == [(1,)]

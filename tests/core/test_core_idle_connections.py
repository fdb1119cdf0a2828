"""A connection that PostgreSQL closed meanwhile is replaced before anybody uses it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import ServiceUnavailable


def close_from_afar(servers: EmbeddedUrls, database: Database) -> None:
    """End the pool's one idle connection at the server's end, as a restart does."""
    with database.transaction() as session:
        pid = session.scalar(text("select pg_backend_pid()"))
    other = Database(servers.database_url or "")
    with other.transaction() as session:
        session.execute(text("select pg_terminate_backend(:pid, 2000)"), {"pid": pid})
    other.close()


def test_an_idle_connection_is_asked_first(servers: EmbeddedUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.core.db._TRUSTED_SECONDS", 0.0)
    database = Database(servers.database_url or "")
    close_from_afar(servers, database)
    assert database.ping()
    database.close()


def test_one_in_constant_use_is_not_and_its_loss_is_told_and_mended(servers: EmbeddedUrls) -> None:
    database = Database(servers.database_url or "")
    close_from_afar(servers, database)
    with pytest.raises(ServiceUnavailable):
        database.ping()
    assert database.ping()
    database.close()

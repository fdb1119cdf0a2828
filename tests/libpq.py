"""The test database as PostgreSQL's own programs and connections name it."""

from __future__ import annotations

from campaigns.core.db import Database


def libpq_url(database: Database) -> str:
    """Its URL, password included, without SQLAlchemy's driver."""
    return database.url.set(drivername="postgresql").render_as_string(hide_password=False)

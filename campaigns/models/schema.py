"""The schema's version: upgrade it, and refuse to work on another one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.errors import NotConfigured
from campaigns.core.locks import SCHEMA_LOCK
from campaigns.models.partitions import is_partition

UPGRADE_COMMAND = "tailormail upgrade"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def head() -> str:
    """The newest schema version that this code knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def not_a_partition(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """For Alembic's `include_object`: partitions are made by a trigger and are no tables of the models."""
    return kind != "table" or not is_partition(name or "")


def current(db: Database) -> str | None:
    """The schema version of the database, None when it is empty."""
    with db.transaction() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def upgrade(db: Database) -> tuple[str | None, str]:
    """Bring the schema to the newest version; returns the versions before and after."""
    before = current(db)
    if before == head():
        return before, before
    with db.transaction() as session:
        session.execute(text(f"select pg_advisory_xact_lock({SCHEMA_LOCK})"))
        config = _config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
    return before, head()


def require_current(db: Database) -> None:
    """Refuse a schema that is not the one of this code.

    Raises:
        NotConfigured: names both versions and the command that mends it.
    """
    there, wanted = current(db), head()
    if there != wanted:
        raise NotConfigured(
            f"the database's schema is {there or 'empty'}, this version of Tailormail needs {wanted}; "
            f"run: {UPGRADE_COMMAND}"
        )

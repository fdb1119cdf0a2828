"""The database: one engine, one unit of work; the only file that commits.

One request, one task or one command is one transaction. What must happen because of it (a job to
enqueue, a cache to drop) is registered with `after_commit` and runs only when the data is really there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import psycopg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger

log = get_logger(__name__)


class UnitOfWork(Session):
    """A session whose transaction ends with the `with` block of `Database.transaction`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self._callbacks: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run `callback` once the transaction is durable; a failing callback is logged, not raised."""
        self._callbacks.append(callback)

    def run_callbacks(self) -> None:
        """Called by `Database.transaction` after the commit."""
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                # Work is always found again from the database, so a lost hint delays and loses nothing.
                log.warning("after_commit_failed", exc_info=True)


class Database:
    """A PostgreSQL database.

    Args:
        url: `postgresql://...` in libpq or SQLAlchemy form.
        pool_size: connections kept open.
        statement_timeout_ms: ends a statement that runs longer; 0 means never.
    """

    def __init__(self, url: str, pool_size: int = 5, statement_timeout_ms: int = 0) -> None:
        self.url = sqlalchemy_url(url)
        self.engine = create_engine(self.url, pool_size=pool_size, max_overflow=10, pool_pre_ping=True)
        if statement_timeout_ms:
            _limit_statements(self.engine, statement_timeout_ms)

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """A unit of work: committed at the end of the block, rolled back when it raises.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be reached.
        """
        session = UnitOfWork(self.engine)
        try:
            yield session
            session.commit()
        except OperationalError as error:
            session.rollback()
            if error.connection_invalidated or "connect" in str(error.orig).lower():
                raise ServiceUnavailable("PostgreSQL", str(error.orig).strip().splitlines()[0]) from error
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
        session.run_callbacks()

    def ping(self) -> str:
        """The server's version.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be reached.
        """
        with self.transaction() as session:
            return str(session.execute(text("show server_version")).scalar_one())

    def close(self) -> None:
        """Close all pooled connections (also needed in a child process after a fork)."""
        self.engine.dispose()


def sqlalchemy_url(url: str) -> URL:
    """The URL with psycopg 3 as its driver."""
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def raw_cursor(session: Session) -> psycopg.Cursor[tuple[object, ...]]:
    """A psycopg cursor inside the session's transaction, for COPY. The caller closes it."""
    session.flush()
    connection = cast(
        "psycopg.Connection[tuple[object, ...]]", session.connection().connection.driver_connection
    )
    return connection.cursor()


def _limit_statements(engine: Engine, milliseconds: int) -> None:
    @event.listens_for(engine, "connect")
    def set_timeout(connection: psycopg.Connection, _: object) -> None:
        connection.execute(f"set statement_timeout = {int(milliseconds)}")
        connection.commit()

"""The database: one engine, one unit of work; the only file that commits.

One request, one task or one command is one transaction. What must happen because of it (a job to
enqueue, a cache to drop) is registered with `after_commit` and runs only when the data is really there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Engine, any_, bindparam, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger

log = get_logger(__name__)

# A peer that vanished without a word (power, cable, a firewall that forgot) is noticed within half a minute at
# both ends; the defaults are hours, in which a worker would stand still and its locks would be held. Ignored
# for Unix sockets.
_CLIENT = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_SERVER = (
    "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; "
    "set tcp_user_timeout = 20000"
)


_TRUSTED_SECONDS = 1.0


class UnitOfWork(Session):
    """A session whose transaction ends with the `with` block of `Database.transaction`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine, expire_on_commit=False)
        self.database = database
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
            except ServiceUnavailable as error:
                # Work is always found again from the database, so a lost hint delays and loses nothing.
                log.warning("hint_not_given", why=error.message)
            except Exception:
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
        self.statements = 0
        """Statements of this process so far."""
        told = {name: value for name, value in _CLIENT.items() if name not in self.url.query}
        self.engine = create_engine(
            # Parameters are addresses and names of people: they stay out of what a failing statement says.
            self.url,
            pool_size=pool_size,
            max_overflow=10,
            connect_args=told,
            hide_parameters=True,
        )
        _ask_idle_connections(self.engine)
        event.listen(self.engine, "connect", _notice_vanished_clients)
        event.listen(self.engine, "before_cursor_execute", self._count)
        if statement_timeout_ms:
            _limit_statements(self.engine, statement_timeout_ms)

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """A unit of work: committed at the end of the block, rolled back when it raises.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be reached.
        """
        session = UnitOfWork(self)
        try:
            yield session
            session.commit()
        except OperationalError as error:
            session.rollback()
            if error.connection_invalidated or "connect" in str(error.orig).lower():
                raise ServiceUnavailable("PostgreSQL", str(error.orig).strip().splitlines()[0]) from error
            raise
        except psycopg.OperationalError as error:
            # From `rows`, which asks the driver itself.
            session.rollback()
            if _is_away(error):
                raise ServiceUnavailable("PostgreSQL", str(error).strip().splitlines()[0]) from error
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
        session.run_callbacks()

    def _count(self, *_: object) -> None:
        self.statements += 1

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


def libpq_url(url: URL) -> str:
    """The URL, password included, as psycopg itself and PostgreSQL's own programs take it: without a driver."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def raw_cursor(session: Session) -> psycopg.Cursor[tuple[object, ...]]:
    """A psycopg cursor inside the session's transaction, for COPY. The caller closes it."""
    session.flush()
    connection = cast(
        "psycopg.Connection[tuple[object, ...]]", session.connection().connection.driver_connection
    )
    return connection.cursor()


def any_of(name: str) -> ColumnElement[Any]:
    """For `column == any_of("ids")`: one array of bigint in place of one parameter for each of its numbers.

    The statement is then the same for every batch, and PostgreSQL plans it once.
    """
    return any_(bindparam(name, type_=ARRAY(BigInteger)))


def rows(session: Session, sql: str, params: Mapping[str, Any]) -> list[Any]:
    """All rows of a statement in psycopg's form (`%(name)s`), in the session's transaction.

    For statements that workers repeat thousands of times: their text never changes, so PostgreSQL plans them
    once, and nothing stands between them and the driver. Tuples; none for a statement that returns nothing.
    """
    if isinstance(session, UnitOfWork):
        session.database.statements += 1
    with raw_cursor(session) as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def _notice_vanished_clients(connection: psycopg.Connection, _: object) -> None:
    # Not as an option of the connection: poolers refuse those that they do not know.
    connection.execute(_SERVER)
    connection.commit()


def _ask_idle_connections(engine: Engine) -> None:
    """Before a connection that lay idle is used, see whether PostgreSQL is still there at its other end.

    Like the pool's own `pre_ping`, except that a connection in constant use is not asked at every turn.
    """

    @event.listens_for(engine, "checkin")
    def note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: psycopg.Connection, record: ConnectionPoolEntry, _: object) -> None:
        if connection.closed:
            raise DisconnectionError("PostgreSQL closed it")
        if time.monotonic() - record.info.get("idle_since", math.inf) < _TRUSTED_SECONDS:
            return
        try:
            connection.execute("select 1")
            # Not a rollback: after one the driver forgets all statements that PostgreSQL has planned for it.
            connection.commit()
        except psycopg.Error as error:
            raise DisconnectionError(str(error)) from error


def _is_away(error: psycopg.OperationalError) -> bool:
    """Whether the connection is gone, and not only this statement refused (a deadlock, a lock not got)."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _limit_statements(engine: Engine, milliseconds: int) -> None:
    @event.listens_for(engine, "connect")
    def set_timeout(connection: psycopg.Connection, _: object) -> None:
        connection.execute(f"set statement_timeout = {int(milliseconds)}")
        connection.commit()

"""A lock that its holder cannot forget to give back: PostgreSQL frees it when the holder's connection ends."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.db import libpq_url, sqlalchemy_url
from campaigns.core.log import get_logger

log = get_logger(__name__)

# A peer that vanished without a word is noticed within some ten seconds at both ends; the defaults are hours.
_CLIENT = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
}
_SERVER = (
    "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=8000 -c statement_timeout=5000 -c idle_session_timeout=0"
)


class SessionLock:
    """An advisory lock of PostgreSQL, held for as long as a connection of its own lives.

    Not for a connection through a pooler in transaction mode: there the session belongs to somebody else
    after each statement.
    """

    def __init__(self, url: str, key: int) -> None:
        plain = libpq_url(sqlalchemy_url(url))
        self._url = make_conninfo(plain, application_name="tailormail-lock", options=_SERVER, **_CLIENT)
        self._key = key
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def held(self) -> bool:
        """Whether this process holds the lock now, after trying to get it; never raises.

        Asks PostgreSQL each time: a connection that broke has lost the lock, and somebody else may have it.
        """
        try:
            if self._connection is not None:
                self._connection.execute("select 1")
                return True
            connection = psycopg.connect(self._url, autocommit=True)
            found = connection.execute("select pg_try_advisory_lock(%s)", (self._key,)).fetchone()
            if found and found[0]:
                self._connection = connection
                return True
            connection.close()
        except psycopg.Error as error:
            self.release()
            why = str(error).strip().splitlines()
            log.warning("lock_not_available", why=why[0] if why else type(error).__name__)
        return False

    def release(self) -> None:
        """Give the lock back by ending the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def is_held(session: Session, key: int) -> bool:
    """Whether anybody holds this lock in this database."""
    held = session.scalar(
        text(
            "select exists (select 1 from pg_locks where locktype = 'advisory' and granted "
            "and classid = :high and objid = :low and objsubid = 1 "
            "and database = (select oid from pg_database where datname = current_database()))"
        ),
        {"high": key >> 32, "low": key & 0xFFFFFFFF},
    )
    return bool(held)

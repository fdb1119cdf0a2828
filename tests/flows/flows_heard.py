"""What is asked of the database while the real functions run, with its parameters as PostgreSQL sees them."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
from sqlalchemy import event

from campaigns.core.db import Database

Heard = dict[str, tuple[str, tuple[str, ...]]]
"""Statements with numbered parameters, and these as literals."""


class RecordingCursor(psycopg.Cursor[Any]):
    """Remembers each statement with its parameters as PostgreSQL sees it."""

    heard: Heard

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        self._hear(query, params)
        return super().execute(query, params, **more)

    def executemany(self, query: Any, params_seq: Any, **more: Any) -> None:
        batch = list(params_seq)
        if batch:
            self._hear(query, batch[0])
        super().executemany(query, batch, **more)

    def copy(self, statement: Any, params: Any = None, **more: Any) -> Any:
        inner = re.match(r"\s*copy\s*\((.*)\)\s*to\s", str(statement), re.IGNORECASE | re.DOTALL)
        if inner:
            self._hear(inner[1], params)
        return super().copy(statement, params, **more)

    def _hear(self, query: Any, params: Any) -> None:
        sql = query.decode() if isinstance(query, bytes) else str(query)
        if re.match(r"\s*(select|insert|update|delete|with)\b", sql, re.IGNORECASE):
            numbered, values = _numbered(sql, params)
            literals = tuple(psycopg.sql.Literal(value).as_string(self.connection) for value in values)
            self.heard.setdefault(numbered, (numbered, literals))


def _numbered(sql: str, params: Any) -> tuple[str, list[Any]]:
    """`%(name)s` or `%s` as $1, $2 ..., and the values in that order."""
    values: list[Any] = []
    seen: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            values.append(params[len(values)])
            return f"${len(values)}"
        if name not in seen:
            values.append(params[name])
            seen[name] = len(values)
        return f"${seen[name]}"

    return re.sub(r"%(?:\((\w+)\))?s", number, sql).replace("%%", "%"), values


def listen(database: Database) -> Heard:
    """From now on, what all connections of this database ask."""
    heard: Heard = {}

    class Listening(RecordingCursor):
        pass

    Listening.heard = heard

    @event.listens_for(database.engine, "connect")
    def listen_here(connection: psycopg.Connection[Any], _: object) -> None:
        connection.cursor_factory = Listening

    database.engine.dispose()
    return heard


def prepare(connection: psycopg.Connection[Any], sql: str, literals: tuple[str, ...]) -> str:
    """Prepare a statement under the name `asked`, as psycopg does with what repeats; returns what executes it."""
    connection.execute(f"prepare asked as {sql}".encode())
    return f"execute asked({', '.join(literals)})" if literals else "execute asked"


def plan_of(connection: psycopg.Connection[Any], call: str, *options: str) -> dict[str, Any]:
    """How PostgreSQL goes about it, as EXPLAIN tells with these options."""
    told = f"explain ({', '.join([*options, 'format json'])}) {call}"
    (found,) = connection.execute(told.encode()).fetchone() or ([],)
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan

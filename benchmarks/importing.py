"""Importing files, beside a bare COPY of the same bytes."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, measure
from campaigns.audience.import_columns import Kind
from campaigns.core.db import raw_cursor
from campaigns.flows.shop.importing import KINDS

# Emptied before each repetition; `cascade` takes along what refers to it.
_TABLES: dict[Kind, str] = {
    "customers": "customers, consent_heads",
    "products": "products",
    "orders": "order_lines",
    "consents": "consent_entries, consent_heads, consent_states",
}


def figures(bench: Bench) -> dict[str, Figure]:
    """Rows a second by kind; afterwards the shop is imported."""
    return {f"import_{kind}": _import(bench, kind) for kind in KINDS}


def _import(bench: Bench, kind: Kind) -> Figure:
    path: Path = getattr(bench.files, kind)

    def work() -> int:
        (result,) = bench.runtime.importing.run(kind, [path])
        if result.errors or result.inserted != result.rows_read:
            raise RuntimeError(f"importing {kind} went wrong: {result}")
        return result.rows_read

    def empty() -> None:
        with bench.runtime.db.transaction() as session:
            # The ledger's guard against TRUNCATE steps aside for this one statement.
            session.execute(text("set local session_replication_role = replica"))
            session.execute(text(f"truncate {_TABLES[kind]} restart identity cascade"))

    return measure(
        work,
        "rows/s",
        floor=lambda: _bare_copy(bench, path),
        floor_is="a bare COPY of the same file",
        prepare=empty,
        seconds=2.0,
    )


def _bare_copy(bench: Bench, path: Path) -> int:
    content = path.read_bytes()
    columns = content.partition(b"\n")[0].decode().split(",")
    with bench.runtime.db.transaction() as session, raw_cursor(session) as cursor:
        cursor.execute("drop table if exists bare")
        cursor.execute(f"create table bare ({', '.join(f'{name} text' for name in columns)})")
        with cursor.copy("copy bare from stdin (format csv, header)") as copy:
            copy.write(content)
        return cursor.rowcount

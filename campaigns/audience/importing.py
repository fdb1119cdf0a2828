"""Importing a shop's files: streamed into a staging table by COPY, then merged set by set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from psycopg import sql
from sqlalchemy.orm import Session

from campaigns.audience.import_columns import ColumnPlan, Field, Kind, plan_columns
from campaigns.audience.import_customers import merge_customers, seal_addresses, sealed_fields
from campaigns.audience.import_merge import Merged, Staged
from campaigns.audience.import_merge_rows import merge_consents, merge_orders, merge_products
from campaigns.audience.import_remarks import no_picture
from campaigns.audience.import_rows import KEPT_ERRORS, CsvFile, ErrorList, RowError, Upload, Watch, open_csv
from campaigns.audience.suppressed_domains import renew_domains
from campaigns.core.crypto import KeyRing
from campaigns.core.db import raw_cursor
from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger

log = get_logger(__name__)

_MERGES: dict[str, Callable[[Staged], Merged]] = {
    "customers": merge_customers,
    "products": merge_products,
    "orders": merge_orders,
    "consents": merge_consents,
}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What one file did: rows_read = inserted + updated + unchanged + skipped + superseded.

    `skipped` counts all bad rows, `errors` holds the first 1,000 of them by line. `superseded` are rows
    that a later row of the same file replaces (the last one of a customer or product counts). `suppressed` are
    customers of this file who are kept and never mailed, because their address or its domain is suppressed.
    `remarked` counts rows that land and lack something in mails; `remarks` are the first 1,000 of them.
    """

    kind: str
    rows_read: int
    inserted: int
    updated: int
    unchanged: int
    skipped: int
    errors: list[RowError]
    superseded: int = 0
    suppressed: int = 0
    remarked: int = 0
    remarks: list[RowError] = field(default_factory=list)


def import_file(
    session: Session,
    kind: Kind,
    path: Path | Upload,
    keyring: KeyRing,
    mapping: Mapping[str, str],
    defaults: Mapping[str, str],
    now: datetime,
    watch: Watch | None = None,
) -> ImportResult:
    """Import one CSV or CSV.gz file of `kind`; memory does not grow with the file.

    Args:
        mapping: field -> column, where they are not of the same name.
        defaults: field -> value for rows (or whole files) that leave it empty.
        now: the moment of the import, aware; becomes `created_at` and `updated_at`.
        watch: who looks on.

    A bad row is noted and skipped, the rest lands. A row that changes nothing touches nothing. Fields
    without a column keep what is stored; an empty cell empties the field. Lines of one order and product
    are told apart by their order within the file, so all lines of an order belong into one file.

    Raises:
        BadInput: the file as a whole cannot be read, or mapping and defaults do not fit it. Nothing of it
            has landed, and the session's transaction can go on.
    """
    if kind not in get_args(Kind):
        raise BadInput(f"cannot import {kind}; the kinds are {', '.join(get_args(Kind))}")
    if now.tzinfo is None:
        raise ValueError("import_file needs an aware datetime")
    errors = ErrorList()
    with open_csv(path, watch) as file, session.begin_nested():
        plan = plan_columns(kind, file.header, mapping, defaults, file.where)
        staged = _stage(session, kind, file, plan, keyring, errors, now)
        remarks = no_picture(staged)
        merged = _MERGES[kind](staged)
        staged.drop()
    session.expire_all()
    result = ImportResult(
        kind=kind,
        rows_read=file.rows_read,
        inserted=merged.inserted,
        updated=merged.updated,
        unchanged=merged.unchanged,
        skipped=errors.count + merged.rejected.count,
        errors=sorted([*errors.kept, *merged.rejected.kept])[:KEPT_ERRORS],
        superseded=merged.superseded,
        suppressed=merged.suppressed,
        remarked=remarks.count,
        remarks=sorted(remarks.kept),
    )
    log.info("file_imported", kind=kind, file=path.name, rows=result.rows_read, skipped=result.skipped)
    return result


def _stage(
    session: Session,
    kind: Kind,
    file: CsvFile,
    plan: ColumnPlan,
    keyring: KeyRing,
    errors: ErrorList,
    now: datetime,
) -> Staged:
    """COPY the good rows into a temporary table."""
    fields: Sequence[Field] = plan.fields
    rows: Iterator[list[Any]] = file.values(plan, errors)
    if kind == "customers":
        renew_domains(session, keyring)
        rows = seal_addresses(rows, fields, keyring)
        fields = sealed_fields(fields)
    staged = Staged(session, kind, tuple(field.name for field in plan.fields), now)
    staged.create(fields)
    columns = ["line", *(field.name for field in fields)]
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(staged.table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with raw_cursor(session) as cursor, cursor.copy(statement) as copy:
        write = copy.write_row
        for values in rows:
            write(values)
    staged.count_rows()
    return staged

"""Reading many rows of numbers from PostgreSQL straight into numpy, by binary COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from campaigns.core.db import raw_cursor

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": signature, flags, extension length.
_HEADER_BYTES = 19
_TRAILER_BYTES = 2
# So much of the answer is held beside what was made of it.
_AT_ONCE_BYTES = 1 << 22


def read_columns(
    session: Session, query: str, parameters: Mapping[str, object], columns: Mapping[str, str]
) -> NDArray[Any]:
    """The rows of `query` as one structured array.

    Rows of numbers all have one width in the binary format, so that the whole answer is an array
    already: no Python object is made per row (400,000 rows take a fraction of a second).

    Args:
        query: a SELECT whose columns are never null and have exactly the types told in `columns`.
        parameters: values for `%(name)s` in `query`.
        columns: numpy type by column name, in order: "i8" for bigint, "i4" for integer, "f8" for double.
    """
    layout: list[tuple[str, str]] = [("_fields", ">i2")]
    for name, kind in columns.items():
        layout += [(f"_{name}_bytes", ">i4"), (name, f">{kind}")]
    row = np.dtype(layout)
    told = np.dtype([(name, kind) for name, kind in columns.items()])
    with (
        raw_cursor(session) as cursor,
        cursor.copy(f"copy ({query}) to stdout (format binary)", parameters) as copy,
    ):
        parts = [_told(rows, told) for rows in _rows_of(copy, row)]
    return np.concatenate(parts)


def _rows_of(blocks: Iterable[bytes | bytearray | memoryview], row: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """The rows in these blocks, a few megabytes at a time; a row may begin in one block and end in another."""
    held, begun = bytearray(), False
    for block in blocks:
        held += block
        if not begun and len(held) >= _HEADER_BYTES:
            del held[:_HEADER_BYTES]
            begun = True
        if begun and len(held) >= _AT_ONCE_BYTES:
            whole = len(held) - len(held) % row.itemsize
            yield np.frombuffer(bytes(held[:whole]), row)
            del held[:whole]
    yield np.frombuffer(bytes(held[: max(0, len(held) - _TRAILER_BYTES)]), row)


def _told(rows: NDArray[Any], told: np.dtype[Any]) -> NDArray[Any]:
    """Only the columns, in this machine's byte order."""
    answer = np.empty(len(rows), told)
    for name in told.names or ():
        answer[name] = rows[name]
    return answer

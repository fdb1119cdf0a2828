"""Files that somebody sent by the console, from the upload to what became of their rows."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words


class FileImportState(StrEnum):
    """Where a file stands; `checking` and `importing` are for workers, the last three are ends."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"
    DISCARDED = "discarded"


_S = FileImportState
TRANSITIONS: dict[FileImportState, frozenset[FileImportState]] = {
    _S.UPLOADED: frozenset({_S.CHECKING, _S.DISCARDED, _S.FAILED}),
    _S.CHECKING: frozenset({_S.CHECKED, _S.UPLOADED, _S.DISCARDED, _S.FAILED}),
    _S.CHECKED: frozenset({_S.CHECKING, _S.UPLOADED, _S.IMPORTING, _S.DISCARDED, _S.FAILED}),
    _S.IMPORTING: frozenset({_S.DONE, _S.FAILED}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset(),
    _S.DISCARDED: frozenset(),
}


class FileImport(Base):
    """`stored` is the file's name in the uploads folder of `host` ("" once it is removed), `name` the person's own.

    `mapping` is {field: column}, `defaults` {field: value}. `checked` and `result` are what the importer told
    (ImportResult as JSON): of the dry run, and of the real one. `problem` says why a file could not be read at all.
    `rows_done` moves while a worker reads; who works on it holds an advisory lock. `attempts` counts workers that began.
    """

    __tablename__ = "file_imports"
    __table_args__ = (
        CheckConstraint(f"state in {tuple(s.value for s in FileImportState)}", name="state"),
        Index("ix_file_imports_waiting", "id", postgresql_where="state in ('checking', 'importing')"),
    )

    id: Mapped[BigId]
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    host: Mapped[Words]
    stored: Mapped[Words]
    size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text, server_default=FileImportState.UPLOADED.value)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    defaults: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    checked: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    problem: Mapped[Words]
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_by: Mapped[Words]
    created_at: Mapped[CreatedAt]
    changed_at: Mapped[CreatedAt]

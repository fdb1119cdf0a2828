"""Copies: the words of mails, written once and reused, in parts where they fit more than one mail."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words

_PLACE_OF_LINE = 4
_OF_FIRST = re.compile(r"\{(price|stock|link)_1\}")


class WrittenCopyRow(Base):
    """Words with placeholders unfilled; `verdicts` is what the guard said of refused drafts, `facts` what the
    writer was told (copywriting.request.CopyRequest.facts), `offline_fields` the fields that a model did not get right.

    `fields` is a values.Copy as JSON, or one without `product_lines` (a head, used above many lines), or one
    of nothing but a single line (of one product, used under many heads). A send's `copy_id` is its head or
    whole copy; each of its picks [product id, reason kind, because id, because title, line id] has its line.
    `rejected_at` is when a person rejected a sample with these words: no further mail gets them.
    """

    __tablename__ = "copies"
    __table_args__ = (
        Index("ix_copies_rejected", "content_hash", postgresql_where="rejected_at is not null"),
    )

    id: Mapped[BigId]
    content_hash: Mapped[str] = mapped_column(Text, unique=True)
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    writer: Mapped[str] = mapped_column(Text)
    model: Mapped[Words]
    prompt_version: Mapped[Words]
    verdicts: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cached_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost_micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    repairs: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    offline_fields: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    rejected_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]


def salt_of(campaign_id: int, customer_id: int) -> str:
    """What tells the copies of single customers apart in their keys, without being a number of the shop."""
    return hashlib.sha256(f"copy/{campaign_id}/{customer_id}".encode()).hexdigest()


def line_ids(picks: Sequence[Sequence[Any]] | None) -> tuple[int, ...]:
    """The rows of the lines of a send's picks; 0 for a line that its copy holds itself.

    Picks of before lines were kept apart have four entries, and lines in the copy.
    """
    return tuple(int(row[_PLACE_OF_LINE]) if len(row) > _PLACE_OF_LINE else 0 for row in picks or ())


def line_in_place(line: str, number: int) -> str:
    """A kept line as it reads for pick `number` (from 1): price, stock and link in it are that pick's."""
    return _OF_FIRST.sub(rf"{{\g<1>_{number}}}", line) if number > 1 and "{" in line else line


def assembled_fields(fields: dict[str, Any], lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fields of a whole copy, from those of a head and of its lines; of a whole copy, as it is."""
    if not lines:
        return fields
    placed = [line_in_place(line["product_lines"][0], number) for number, line in enumerate(lines, start=1)]
    return {**fields, "product_lines": placed}

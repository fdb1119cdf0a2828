"""Copies: the words of mails, written once per cell and reused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words


class WrittenCopyRow(Base):
    """`fields` is a values.Copy as JSON with placeholders unfilled; `verdicts` what the guard said."""

    __tablename__ = "copies"

    id: Mapped[BigId]
    content_hash: Mapped[str] = mapped_column(Text, unique=True)
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    writer: Mapped[str] = mapped_column(Text)
    model: Mapped[Words]
    prompt_version: Mapped[Words]
    verdicts: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[CreatedAt]

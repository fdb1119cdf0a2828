"""Briefs that campaigns use again: every change is a version of its own, and none is ever overwritten."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words


class BriefRow(Base):
    """One version (from 1) of a named brief; `body` is copywriting.brief.Brief as JSON, `digest` its SHA-256."""

    __tablename__ = "briefs"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(Text)
    created_by: Mapped[Words]
    created_at: Mapped[CreatedAt]

"""Segments that people keep under a name, and exact counts of rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, Integer, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Words


class KeptSegment(Base):
    """Rules under a name; `rules` is what `audience.segments.parse_segment` reads, with other segments put in.

    `revision` goes up with every change, so that of two people who edit at once the second is told.
    `archived_at`: it is offered for no new campaign.
    """

    __tablename__ = "segments"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    created_by: Mapped[Words]
    created_at: Mapped[CreatedAt]
    changed_by: Mapped[Words]
    changed_at: Mapped[CreatedAt]
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


# Two names that differ in case only would be one for whoever reads them.
Index("uq_segments_name", func.lower(KeptSegment.name), unique=True)


class SegmentCountRow(Base):
    """How many customers rules hold for, counted one by one; `digest` is of the rules and of what holds them back.

    Somebody waits where `asked_at` is later than `counted_at`; `failed` says why the last count was not made.
    `held_back` is {reason: number}, `samples` are a few [customer number, reason]. `lease_until` is PostgreSQL's clock.
    """

    __tablename__ = "segment_counts"
    __table_args__ = (
        Index(
            "ix_segment_counts_waiting",
            "asked_at",
            postgresql_where="counted_at is null or counted_at < asked_at",
        ),
    )

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    asked_at: Mapped[Moment]
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    counted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    planned: Mapped[int | None] = mapped_column(BigInteger)
    held_back: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    samples: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    failed: Mapped[Words]

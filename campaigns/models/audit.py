"""Who did what, when: a record that can only be added to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment, Words


class AuditEntry(Base):
    """`by` is a person's name, "api:<key>", "cli" or "scheduler"; `action` such as "campaign.approved".

    `subject` such as "campaign 12" may be empty. `detail` is small and never personal. Triggers (migration 0011)
    refuse UPDATE, DELETE and TRUNCATE, except that retention may remove what is older than it is kept.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "by", "id"),
        Index(None, "action", "id"),
        Index(None, "subject", "id"),
        Index(None, "at"),
    )

    id: Mapped[BigId]
    at: Mapped[Moment]
    by: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[Words]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

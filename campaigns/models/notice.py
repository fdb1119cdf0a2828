"""Notices: single mails about the customer's own business (confirm, download), no marketing and without trackers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Words


class Notice(Base):
    """A notice that is to be sent, or was; the address is forgotten as soon as it is out or given up.

    `values` fill the notice's blanks and hold nothing personal. `outcome` is "", sent, or why it was given up.
    """

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_waiting", "next_try_at", "id", postgresql_where="outcome = ''"),
        Index(None, "customer_id"),
        Index(None, "email_hmac"),
    )

    id: Mapped[BigId]
    kind: Mapped[str] = mapped_column(Text)
    email_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_hmac: Mapped[bytes | None] = mapped_column(LargeBinary)
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    language: Mapped[Words]
    sender: Mapped[str] = mapped_column(Text)
    values: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]
    not_after: Mapped[Moment]
    next_try_at: Mapped[Moment]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[Words]
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

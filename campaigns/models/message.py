"""Messages: single mails that a program of the shop asks for, such as an order confirmation; no marketing."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, Integer, LargeBinary, SmallInteger, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Words


class MessageStatus(StrEnum):
    """Where a message stands; the last four are ends, of which a late outcome may still mend `uncertain`."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    HELD_BACK = "held_back"
    UNCERTAIN = "uncertain"


class Message(Base):
    """One message to one address, unique by the API key's name (`holder`) and its `idempotency_key`.

    `content_cipher` is the rendered mail as JSON (subject, html, text), encrypted, like the address. `intent_at` is
    when it was about to be handed over; it is in the database before the first byte of it leaves. `claimed_until`
    is by PostgreSQL's clock. `reason` says why it failed, was held back or is uncertain.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("holder", "idempotency_key"),
        Index("ix_messages_waiting", "next_try_at", "id", postgresql_where="status = 'queued'"),
        Index("ix_messages_in_flight", "claimed_until", postgresql_where="status = 'sending'"),
        Index(None, "customer_id"),
        Index(None, "email_hmac"),
        Index(None, "created_at"),
    )

    id: Mapped[BigId]
    holder: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    template: Mapped[Words]
    template_version: Mapped[int | None] = mapped_column(Integer)
    category: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    email_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_hmac: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender: Mapped[str] = mapped_column(Text)
    reply_to: Mapped[Words]
    content_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(Text, server_default=MessageStatus.QUEUED.value)
    reason: Mapped[Words]
    reply: Mapped[Words]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_at: Mapped[CreatedAt]
    not_after: Mapped[Moment]
    next_try_at: Mapped[Moment]
    claimed_by: Mapped[Words]
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    intent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class MessageTemplate(Base):
    """A kept message: `body` has sender, category, subject, html or mjml, and text; a change is a new version."""

    __tablename__ = "message_templates"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
    created_by: Mapped[Words]
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

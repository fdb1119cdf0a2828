"""Test mails: a campaign's mail as some customer would get it, sent to people of the team."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words

TEST_ADDRESS_CONTEXT = "test_mails.email"


class TestMailState(StrEnum):
    """Where a test mail stands."""

    __test__ = False  # not a test, whatever pytest makes of its name

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class TestMail(Base):
    """One test mail to one address. It is no send: nothing counts it, and none of its links belongs to a customer.

    `customer_id` is whose mail it shows, and `scene` where, when and by what it is looked at (flows/test_mails.py).
    The address is kept for a month, so that the next one need not be typed, and is forgotten then. `code`, `answer`
    and `relay` are what the relay said last. `due_at` is when it is tried next, None once it has ended.
    """

    __test__ = False
    __tablename__ = "test_mails"
    __table_args__ = (
        Index("ix_test_mails_waiting", "due_at", "id", postgresql_where="state = 'queued'"),
        Index(None, "campaign_id", "id"),
        Index(None, "asked_at"),
        Index(None, "customer_id"),
        Index(None, "email_hmac"),
    )

    id: Mapped[BigId]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    customer_id: Mapped[int] = mapped_column(BigInteger)
    scene: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    email_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_hmac: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text, server_default=TestMailState.QUEUED.value)
    asked_by: Mapped[Words]
    asked_at: Mapped[CreatedAt]
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    code: Mapped[int | None] = mapped_column(SmallInteger)
    answer: Mapped[Words]
    relay: Mapped[Words]
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

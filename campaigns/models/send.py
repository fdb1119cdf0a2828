"""Sends: one campaign to one customer, unique, frozen when the campaign starts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words


class SendStatus(StrEnum):
    """Where a send stands; the last four are ends."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    PICKED = "picked"
    WRITTEN = "written"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    HELD_BACK = "held_back"
    UNCERTAIN = "uncertain"


FINAL = frozenset({SendStatus.SENT, SendStatus.FAILED, SendStatus.HELD_BACK, SendStatus.UNCERTAIN})
_S = SendStatus
# A late `sent` may resolve `uncertain`; nothing leaves `sent`. Work that was interrupted before SMTP
# goes back to `planned`; interrupted after its intent was recorded, it becomes `uncertain`.
TRANSITIONS: dict[SendStatus, frozenset[SendStatus]] = {
    _S.PLANNED: frozenset({_S.CLAIMED, _S.HELD_BACK}),
    _S.CLAIMED: frozenset({_S.PICKED, _S.PLANNED, _S.HELD_BACK, _S.FAILED}),
    _S.PICKED: frozenset({_S.WRITTEN, _S.PLANNED, _S.HELD_BACK, _S.FAILED}),
    _S.WRITTEN: frozenset({_S.SENDING, _S.PLANNED, _S.HELD_BACK, _S.FAILED}),
    _S.SENDING: frozenset({_S.SENT, _S.FAILED, _S.PLANNED, _S.UNCERTAIN, _S.HELD_BACK}),
    _S.SENT: frozenset(),
    _S.FAILED: frozenset({_S.PLANNED}),
    _S.HELD_BACK: frozenset(),
    _S.UNCERTAIN: frozenset({_S.SENT, _S.FAILED, _S.PLANNED}),
}


class Send(Base):
    """`personal` and `tracked` are the consents to profiling and open_tracking as they were at freezing.

    `picks` is a list of [product id, reason kind, because product id, because title].
    `reason` says why it is held back, failed or uncertain.
    """

    __tablename__ = "sends"
    __table_args__ = (
        UniqueConstraint("campaign_id", "customer_id"),
        Index("ix_sends_open", "campaign_id", "id", postgresql_where="status = 'planned'"),
        Index(
            "ix_sends_leased",
            "lease_until",
            postgresql_where="status in ('claimed','picked','written','sending')",
        ),
        Index(None, "customer_id"),
    )

    id: Mapped[BigId]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    status: Mapped[str] = mapped_column(Text, server_default=SendStatus.PLANNED.value)
    reason: Mapped[Words]
    consent_entry_id: Mapped[int | None] = mapped_column(BigInteger)
    personal: Mapped[bool] = mapped_column(Boolean, server_default="false")
    tracked: Mapped[bool] = mapped_column(Boolean, server_default="false")
    picks: Mapped[list[Any] | None] = mapped_column(JSONB)
    copy_id: Mapped[int | None] = mapped_column(ForeignKey("copies.id"))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    claimed_by: Mapped[Words]
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    smtp_reply: Mapped[Words]
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

"""What providers and other people's mail servers told us, as it came, until it is handled and some time after."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment, Words


class ProviderPayload(Base):
    """One message of a provider, encrypted: it repeats addresses and subjects.

    `provider` is ses, sendgrid, postmark, mailgun, or mail for what came as mail; `event_id` is what its sender
    numbers it by, or a hash of the payload. `problem` says why it could not be handled.
    """

    __tablename__ = "provider_payloads"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index("ix_provider_payloads_waiting", "received_at", postgresql_where="handled_at is null"),
        Index(None, "customer_id"),
        Index(None, "received_at"),
    )

    id: Mapped[BigId]
    provider: Mapped[str] = mapped_column(Text)
    event_id: Mapped[str] = mapped_column(Text)
    received_at: Mapped[Moment]
    payload_cipher: Mapped[bytes] = mapped_column(LargeBinary)
    campaign_id: Mapped[int | None] = mapped_column(BigInteger)
    send_id: Mapped[int | None] = mapped_column(BigInteger)
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    handled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    problem: Mapped[Words]

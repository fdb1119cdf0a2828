"""Events: what happened after a mail was sent; and which picture each slot showed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment, Words

EVENT_NAMES = (
    "delivered",
    "deferred",
    "bounced",
    "complained",
    "opened",
    "clicked",
    "unsubscribed",
    "converted",
)


class Event(Base):
    """`key` makes recording idempotent; `machine` labels opens and clicks that no person made."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "campaign_id", "name"), Index(None, "send_id"))

    id: Mapped[BigId]
    key: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    campaign_id: Mapped[int | None] = mapped_column(BigInteger)
    send_id: Mapped[int | None] = mapped_column(BigInteger)
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[Moment]
    machine: Mapped[bool] = mapped_column(Boolean, server_default="false")
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


class SlotServe(Base):
    """The picture last shown in a slot of a send; `signal` is what decided the place."""

    __tablename__ = "slot_serves"

    send_id: Mapped[int] = mapped_column(ForeignKey("sends.id"), primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    variant: Mapped[str] = mapped_column(Text)
    link: Mapped[Words]
    signal: Mapped[Words]
    weather: Mapped[Words]
    served_at: Mapped[Moment]
    count: Mapped[int] = mapped_column(Integer, server_default="1")

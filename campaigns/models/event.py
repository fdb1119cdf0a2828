"""Events: what happened after a mail was sent; and which picture each slot showed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, Integer, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Moment, Words

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

PIXEL_SLOT = 255
"""The number of the slot that stands for the pixel, which shows nothing."""


class Event(Base):
    """`key` makes recording idempotent; `machine` labels opens and clicks that no person made.

    Partitioned by campaign (partitions.py); campaign 0 stands for what belongs to no campaign.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("campaign_id", "key"),
        Index(None, "campaign_id", "name"),
        Index(None, "send_id"),
        Index(None, "customer_id"),
        Index(None, "id"),  # by it webhooks read on from where they were (flows/webhook_sources.py)
        {"postgresql_partition_by": "RANGE (campaign_id)"},
    )

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, server_default="0")
    id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, server_default=text("nextval('events_id_seq')")
    )
    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    send_id: Mapped[int | None] = mapped_column(BigInteger)
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[Moment]
    machine: Mapped[bool] = mapped_column(Boolean, server_default="false")
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


class SlotServe(Base):
    """The picture last shown in a slot of a send; `signal` is what decided the place.

    `detail` is what a drawn picture was drawn from (opentime/drawing/drawings.py), null for a stored one. The pixel
    is counted under PIXEL_SLOT. Partitioned by campaign (partitions.py).
    """

    __tablename__ = "slot_serves"
    __table_args__ = ({"postgresql_partition_by": "RANGE (campaign_id)"},)

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    send_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    variant: Mapped[str] = mapped_column(Text)
    link: Mapped[Words]
    signal: Mapped[Words]
    weather: Mapped[Words]
    served_at: Mapped[Moment]
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    count: Mapped[int] = mapped_column(Integer, server_default="1")

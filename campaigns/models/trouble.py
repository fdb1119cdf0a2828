"""What went wrong with a campaign, counted by cause; and orders to try failed mails again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment, Words


class CauseTally(Base):
    """How many sends of a campaign failed, are uncertain or were held back, by cause, as of `counted_at`.

    `tally` is a list of [status, reason, code, n], where reason and code are those of flows/troubles.py; `of` are
    the campaign's counters at that moment, by which a tally that is out of date is known. `asked_at`: somebody waits.
    """

    __tablename__ = "cause_tallies"
    __table_args__ = (Index("ix_cause_tallies_asked", "asked_at", postgresql_where="asked_at is not null"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    tally: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    of: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    counted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Retry(Base):
    """An order to try failed sends of some causes again; `after` is the last send that was looked at.

    Sends are looked at once each, in their order: what fails again meanwhile is not tried a second time.
    """

    __tablename__ = "retries"
    __table_args__ = (Index("ix_retries_open", "id", postgresql_where="finished_at is null"),)

    id: Mapped[BigId]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    causes: Mapped[list[Any]] = mapped_column(JSONB)
    by: Mapped[Words]
    asked_at: Mapped[Moment]
    after: Mapped[int] = mapped_column(BigInteger, server_default="0")
    planned: Mapped[int] = mapped_column(BigInteger, server_default="0")
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CalendarOutlook(Base):
    """What is foreseen of a campaign that is planned: from a sample of customers, made in the background.

    `outlook` is {audience, capped, overlaps: {campaign id: customers}, sample}.
    """

    __tablename__ = "calendar_outlooks"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    outlook: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_at: Mapped[Moment]

"""Series: campaigns that come again and again; and days on which nothing goes out."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Date, DateTime, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt, Moment, Words


class SeriesState(StrEnum):
    """Where a series stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Series(Base):
    """The life of a campaign that has a `recurrence`, from its approval on; the rule itself stands in the campaign.

    `next_at` is when the scheduler makes the next run, null where none is to come. `handled` counts the
    occurrences that came, whether a run was made of them or they were skipped.
    """

    __tablename__ = "series"
    __table_args__ = (Index("ix_series_due", "next_at", postgresql_where="state = 'active'"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    state: Mapped[str] = mapped_column(Text, server_default=SeriesState.ACTIVE.value)
    next_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    handled: Mapped[int] = mapped_column(Integer, server_default="0")
    approved_by: Mapped[Words]
    changed_by: Mapped[Words]
    changed_at: Mapped[CreatedAt]


class SeriesRun(Base):
    """One occurrence of a series that has come: the campaign that was made of it, or why it was skipped.

    The key is what keeps two schedulers from making one run twice.
    """

    __tablename__ = "series_runs"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.campaign_id"), primary_key=True)
    due_at: Mapped[Moment] = mapped_column(primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    skipped: Mapped[Words]
    at: Mapped[CreatedAt]


class QuietDay(Base):
    """A day on which nothing is begun: series skip it, and whoever plans something for it is told."""

    __tablename__ = "quiet_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    note: Mapped[Words]
    by: Mapped[Words]


class CalendarLink(Base):
    """A person's link to the calendar as a feed; another `nonce` makes older links useless."""

    __tablename__ = "calendar_links"

    user_id: Mapped[int] = mapped_column(ForeignKey("console_users.id", ondelete="CASCADE"), primary_key=True)
    nonce: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[CreatedAt]

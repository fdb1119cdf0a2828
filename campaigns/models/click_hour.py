"""At which hours people click: each customer's own counts, and those of all in a time zone."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Index, Integer, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt


class ClickHours(Base):
    """Of a customer who grants profiling: human clicks by hour (0 to 23, of their own clock), and the hours in the
    order in which they suit (flows/best_hour.py). Goes with the consent, and with the customer.
    """

    __tablename__ = "click_hours"
    # Those that have new clicks and are to be ranked anew.
    __table_args__ = (Index("ix_click_hours_unranked", "customer_id", postgresql_where="ranked = '{}'"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    clicks: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    ranked: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    counted_at: Mapped[CreatedAt]


class HourProfile(Base):
    """The same over all customers of a time zone; the zone "" stands for everybody."""

    __tablename__ = "hour_profiles"

    zone: Mapped[str] = mapped_column(Text, primary_key=True)
    clicks: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    ranked: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    counted_at: Mapped[CreatedAt]


class ClickHourMark(Base):
    """Up to which event the clicks of a campaign are counted."""

    __tablename__ = "click_hour_marks"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)

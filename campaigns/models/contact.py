"""How often, about what and until when a customer wants mail; and whether they still look at it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt, Moment, Tags

FREQUENCIES = ("all", "weekly", "monthly")
FAVOURITE_KINDS = ("category", "product")


class ContactPreference(Base):
    """What a customer chose on the preference page; no row means: everything, as it comes."""

    __tablename__ = "contact_preferences"
    __table_args__ = (CheckConstraint(f"frequency in {FREQUENCIES}", name="frequency"),)

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id"), primary_key=True, autoincrement=False
    )
    frequency: Mapped[str] = mapped_column(Text, server_default="all")
    paused_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    muted_topics: Mapped[Tags]
    updated_at: Mapped[CreatedAt]


class Favourite(Base):
    """What somebody said they like, before they bought anything; `value` is a category's name or a SKU."""

    __tablename__ = "favourites"
    __table_args__ = (CheckConstraint(f"kind in {FAVOURITE_KINDS}", name="kind"),)

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[Moment]


class EngagementState(Base):
    """How many mails in a row a customer was sent without any sign of a person.

    `state` is active, snoozed (no marketing but a question whether it is still wanted), asked (that question
    was sent), or sunset (no answer came).
    """

    __tablename__ = "engagement_states"
    __table_args__ = (
        CheckConstraint("state in ('active', 'snoozed', 'asked', 'sunset')", name="state"),
        Index("ix_engagement_states_quiet", "state", "state_at", postgresql_where="state <> 'active'"),
    )

    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    mails: Mapped[int] = mapped_column(Integer, server_default="0")
    last_human_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(Text, server_default="active")
    state_at: Mapped[CreatedAt]

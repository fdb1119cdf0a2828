"""Consent: an append-only ledger, and the state derived from it.

The database refuses UPDATE and DELETE on the ledger (a trigger, see the first migration).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Words

PURPOSES = ("marketing", "profiling", "open_tracking", "open_location")
ACTIONS = ("granted", "withdrawn")


class ConsentEntry(Base):
    """One statement of one customer about one purpose."""

    __tablename__ = "consent_entries"
    __table_args__ = (
        CheckConstraint(f"purpose in {PURPOSES}", name="purpose"),
        CheckConstraint(f"action in {ACTIONS}", name="action"),
        UniqueConstraint("customer_id", "purpose", "action", "source", "at"),
    )

    id: Mapped[BigId]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    purpose: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    wording: Mapped[Words]
    source: Mapped[Words]
    at: Mapped[Moment]
    evidence: Mapped[Words]
    recorded_at: Mapped[CreatedAt]


class ConsentState(Base):
    """What holds now for a customer and purpose: the newest entry of the ledger."""

    __tablename__ = "consent_states"
    __table_args__ = (Index(None, "purpose", "customer_id", postgresql_where="granted"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(Text, primary_key=True)
    granted: Mapped[bool] = mapped_column(Boolean)
    entry_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("consent_entries.id"))
    at: Mapped[Moment]

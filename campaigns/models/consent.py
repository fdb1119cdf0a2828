"""Consent: an append-only ledger, chained for each customer, and the state derived from it.

Triggers (migration 0007) chain what is inserted, by whatever way it comes, and refuse UPDATE, DELETE and
TRUNCATE, except that an erasure may take away evidence and its salt.
"""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    FetchedValue,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Words

PURPOSES = ("marketing", "profiling", "open_tracking", "open_location")
ACTIONS = ("granted", "withdrawn")

# Whatever is given for these, the trigger computes them.
_Linked = Annotated[bytes, mapped_column(LargeBinary, FetchedValue())]


class ConsentEntry(Base):
    """One statement of one customer about one purpose, in the order of `position` (1, 2, ... for each customer).

    `wording` is the full text that was agreed to; `wording_version` names it, by its SHA-256 where no name was
    given. `hash` covers `previous_hash` and all fields, of the evidence its salted `evidence_hash`: what exactly
    is told in audience/ledger.py. An entry that says the same again is not inserted, without an error.
    """

    __tablename__ = "consent_entries"
    __table_args__ = (
        CheckConstraint(f"purpose in {PURPOSES}", name="purpose"),
        CheckConstraint(f"action in {ACTIONS}", name="action"),
        UniqueConstraint("customer_id", "purpose", "action", "source", "at"),
        UniqueConstraint("customer_id", "position"),
    )

    id: Mapped[BigId]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    purpose: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    wording_version: Mapped[Words]
    wording: Mapped[Words]
    source: Mapped[Words]
    at: Mapped[Moment]
    evidence: Mapped[Words]
    recorded_at: Mapped[CreatedAt]
    position: Mapped[int] = mapped_column(BigInteger, FetchedValue())
    evidence_salt: Mapped[_Linked]
    evidence_hash: Mapped[_Linked]
    previous_hash: Mapped[_Linked]
    hash: Mapped[_Linked]


class ConsentHead(Base):
    """The last entry of a customer's chain: a tail that was cut off is missed, and writers queue on this row.

    Written by the ledger's trigger alone.
    """

    __tablename__ = "consent_heads"

    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class ConsentState(Base):
    """What holds now for a customer and purpose: the newest entry of the ledger."""

    __tablename__ = "consent_states"
    __table_args__ = (Index(None, "purpose", "customer_id", postgresql_where="granted"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(Text, primary_key=True)
    granted: Mapped[bool] = mapped_column(Boolean)
    entry_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("consent_entries.id"))
    at: Mapped[Moment]

"""Suppressed addresses and domains: never mailed, whatever an import says. Addresses are kept as keyed HMACs only."""

from __future__ import annotations

from sqlalchemy import LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment, Words


class Suppression(Base):
    """`reason` is one of unsubscribed, bounced, complained, erased, manual."""

    __tablename__ = "suppressions"

    id: Mapped[BigId]
    address_hmac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[Words]
    at: Mapped[Moment]


class SuppressedDomain(Base):
    """A domain whose addresses are never mailed; one row for each key of the ring, by which customers are found."""

    __tablename__ = "suppressed_domains"

    id: Mapped[BigId]
    domain: Mapped[str] = mapped_column(Text, index=True)
    domain_hmac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[Words]
    at: Mapped[Moment]

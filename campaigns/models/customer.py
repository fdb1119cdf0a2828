"""Customers: whom a shop may know. The address is encrypted and found by a keyed HMAC."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Float, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Tags, Words

ADDRESS_CONTEXT = "customers.email"


class Customer(Base):
    """One person in a shop's data; `latitude`/`longitude` are a home area in degrees, one decimal.

    `email_domain_hmac` is of the address's domain, in A-labels and lower case: whole domains can be suppressed. It is
    missing in rows older than schema 0008 until somebody suppresses a domain (audience/suppression.py).
    """

    __tablename__ = "customers"
    __table_args__ = (
        # In an order that has nothing to do with them: the first thousands are a fair sample (audience/counting.py).
        Index("ix_customers_sample", text("hashint8(id)"), postgresql_where="erased_at is null"),
        Index("ix_customers_city", text("lower(city)"), postgresql_where="latitude is not null"),
    )

    id: Mapped[BigId]
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    email_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_hmac: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    email_domain_hmac: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    first_name: Mapped[Words]
    last_name: Mapped[Words]
    locale: Mapped[Words]
    timezone: Mapped[Words]
    country: Mapped[Words]
    city: Mapped[Words]
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    tags: Mapped[Tags]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

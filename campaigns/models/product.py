"""Products: what a shop sells."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Integer, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Tags, Words


class Product(Base):
    """`price` in `currency` (ISO 4217), `stock` in pieces (unknown counts as plenty)."""

    __tablename__ = "products"

    id: Mapped[BigId]
    sku: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[Words]
    category: Mapped[Words]
    brand: Mapped[Words]
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    currency: Mapped[Words]
    url: Mapped[Words]
    image_url: Mapped[Words]
    stock: Mapped[int | None] = mapped_column(Integer)
    tags: Mapped[Tags]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

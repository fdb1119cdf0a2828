"""Order lines: what customers bought, and what they sent back."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ForeignKey, Index, Integer, Numeric, SmallInteger, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment


class OrderLine(Base):
    """One line of an order. `occurrence` counts lines of the same product within one order from 1.

    `returned` of its `quantity` pieces came back.
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        UniqueConstraint("order_id", "product_id", "occurrence"),
        Index(None, "customer_id", "ordered_at"),
        Index(None, "ordered_at"),
    )

    id: Mapped[BigId]
    order_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    occurrence: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    quantity: Mapped[int] = mapped_column(Integer, server_default="1")
    unit_price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    ordered_at: Mapped[Moment]
    returned: Mapped[int] = mapped_column(Integer, server_default="0")


class OrderReturn(Base):
    """Pieces of an order that came back; `key` is the shop's own number of the return, which makes it known again."""

    __tablename__ = "order_returns"
    __table_args__ = (
        UniqueConstraint("key", "product_id"),
        Index(None, "order_id", "product_id"),
        Index(None, "customer_id"),
    )

    id: Mapped[BigId]
    key: Mapped[str] = mapped_column(Text)
    order_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int] = mapped_column(Integer)
    returned_at: Mapped[Moment]

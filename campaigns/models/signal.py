"""What customers looked at and put into their cart, as the shop tells it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment

SIGNAL_KINDS = ("view", "cart", "uncart")


class Signal(Base):
    """One view of a product, or one change of a cart; `key` makes recording idempotent, by the shop's own number.

    Kept for some weeks only (flows/retention.py), and only of customers who consented to profiling.
    """

    __tablename__ = "signals"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint(f"kind in {SIGNAL_KINDS}", name="kind"),
        Index(None, "customer_id", "at"),
        Index(None, "at"),
    )

    id: Mapped[BigId]
    key: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    kind: Mapped[str] = mapped_column(Text)
    at: Mapped[Moment]

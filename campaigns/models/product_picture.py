"""Pictures of products that were fetched from the shop, so that cards can show them."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Moment, Words


class ProductPicture(Base):
    """What came of fetching `image_url` at `fetched_at`: a stored picture (`sha256`), or why it `failed`."""

    __tablename__ = "product_pictures"

    product_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    image_url: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(Text)
    failed: Mapped[Words]
    fetched_at: Mapped[Moment]

"""Pictures of slots, by content, so that every web machine can serve them."""

from __future__ import annotations

from sqlalchemy import Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt


class Picture(Base):
    """`sha256` in hexadecimal; width and height in pixels."""

    __tablename__ = "pictures"

    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    media_type: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]

"""Requests of the API that were made with an Idempotency-Key, and what was answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Moment, Words


class IdempotentRequest(Base):
    """One request of the API key `holder` under the key `key`, kept for a day.

    `digest` is the SHA-256 of method, way and body. `status` is null while it is being answered; `answer` is the
    body of the answer, encrypted, because it may name people.
    """

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index(None, "begun_at"),)

    holder: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    begun_at: Mapped[Moment]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    content_type: Mapped[Words]
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

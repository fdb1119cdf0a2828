"""Which changes of a customer's consents and home are on the shelf that image requests read (Redis).

Triggers (migration 0005) write `version`, in the transaction of whoever changes consent_states or customers:
the newest of a sequence, so that of two changes of a customer the one committed later has the higher number.
A customer without a row has version 0, and so has one whose consents are still the first ones.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base


class OpenStateRow(Base):
    """`written` is the version that is known to be on the shelf; below `version` it must be put there.

    `written_at`: when that was noted; a Redis that was marked as complete before then, and has been started again
    since, may not have it. `again_at`: when it is put there once more, because it may have been told to a Redis
    that was just being replaced by another.
    """

    __tablename__ = "open_states"
    __table_args__ = (
        Index("ix_open_states_pending", "customer_id", postgresql_where="version > written"),
        Index("ix_open_states_again", "again_at", postgresql_where="again_at is not null"),
        Index(None, "written_at"),
    )

    customer_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    written: Mapped[int] = mapped_column(BigInteger, server_default="0")
    written_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    again_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

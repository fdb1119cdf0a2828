"""Erasures that are not yet known to be complete: places outside the database may have been away."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Moment, Tags


class Erasure(Base):
    """One erased customer, kept for a while after the erasure (flows/erasures.py); nothing personal is in it.

    A place is `redis`, or the name of a data folder (Basis.host). `begun`: where it was cleaned once; `done`: where
    it was cleaned again when nothing could be on its way there any more.
    """

    __tablename__ = "erasures"

    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    erased_at: Mapped[Moment]
    begun: Mapped[Tags]
    done: Mapped[Tags]

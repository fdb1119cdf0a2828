"""Groups of serves that are in the database: what makes draining them a second time change nothing."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt


class DrainedGroup(Base):
    """One entry of the stream of serves (opentime/serving/serve_stream.py), by the number its writer gave it."""

    __tablename__ = "drained_groups"
    __table_args__ = (Index(None, "drained_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    drained_at: Mapped[CreatedAt]

"""Trained recommender models; they hold no customer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt


class RecommenderModelRow(Base):
    """`blob` is the model in its own versioned form; at most one row is active."""

    __tablename__ = "recommender_models"

    id: Mapped[BigId]
    created_at: Mapped[CreatedAt]
    active: Mapped[bool] = mapped_column(Boolean, server_default="false")
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

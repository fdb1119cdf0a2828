"""Experiments: the waves in which customers were told their arm, and what is known of the arms."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Double, ForeignKey, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Moment, Words


class ExperimentState(Base):
    """Where the experiment of a campaign stands; a row from when its audience was frozen.

    `cells` are the counts by wave and arm (insight/experiment_counts.py) as of `counted_at`. `judged` is what follows
    from them (insight/experiments.py). `looked_at` is when somebody last had it counted.
    """

    __tablename__ = "experiment_states"

    campaign_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    looked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cells: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    judged: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    decided_arm: Mapped[int | None] = mapped_column(SmallInteger)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[Words]
    decided_on: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class ExperimentWave(Base):
    """Some of the audience who were told their arm together, with the shares that held for them; never changed.

    `starts` and `ends` are places in the order of customers (audience/arms.py), as parts of 1. `basis` is what the
    shares were worked out from.
    """

    __tablename__ = "experiment_waves"

    campaign_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    starts: Mapped[float] = mapped_column(Double)
    ends: Mapped[float] = mapped_column(Double)
    shares: Mapped[list[float]] = mapped_column(JSONB)
    basis: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    opened_at: Mapped[Moment]
    opened_by: Mapped[Words]

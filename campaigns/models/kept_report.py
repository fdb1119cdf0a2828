"""What is kept for pages that must not count: reports of campaigns, and how well each model of the recommender does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Float, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Words


class KeptReport(Base):
    """A campaign's report as it was at `made_at`; before the first one `body` is null.

    `headline` is the few figures of it that lists of campaigns show, `weeks` its mails, unsubscribes and complaints by
    week. `due_at` is when it is made next, or again if nobody did until then; null: not by itself. `asked_at` is when
    a person asked for it, until it is made. `mark` is what the report was made from (flows/report_keeping.py), and
    `seconds` how long that took. Nobody is named in it, and no row in it tells of fewer than five customers.
    """

    __tablename__ = "kept_reports"
    __table_args__ = (Index("ix_kept_reports_due_at", "due_at", postgresql_where="due_at is not null"),)

    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id"), primary_key=True, autoincrement=False
    )
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    headline: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    weeks: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    made_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    mark: Mapped[Words]
    seconds: Mapped[float] = mapped_column(Float, server_default="0")


class RecommenderEvaluation(Base):
    """How well one trained model foretells purchases, kept when the model itself is not any more.

    `body` is recommend/evaluation.py's result, null where `fault` says why there is none; `changes` is what is
    other in its picks than in those of the model before (recommend/evaluation_changes.py).
    """

    __tablename__ = "recommender_evaluations"

    model_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    trained_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    made_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    fault: Mapped[str] = mapped_column(Text, server_default="")

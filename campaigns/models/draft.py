"""Campaigns that are still being written: what was typed, pictures uploaded for them, and what they would do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt, Moment, Words


class CampaignDraft(Base):
    """What was typed into one step of the editor, fit for the campaign or not.

    `value` is the form as it was typed, `problems` a list of {field, message}; none: it is in the campaign's row.
    `version` goes up by one with every save, so that two people do not overwrite one another. `applied` is the
    digest of what the step said of the campaign right after the save: another one now means that the campaign was
    changed elsewhere, and then the row is what counts.
    """

    __tablename__ = "campaign_drafts"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True)
    section: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
    problems: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default="[]")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    applied: Mapped[Words]
    changed_at: Mapped[Moment]
    changed_by: Mapped[Words]


class PictureUpload(Base):
    """A picture that was uploaded for a draft; `made`: nobody had kept this picture before."""

    __tablename__ = "picture_uploads"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[Words]
    made: Mapped[bool] = mapped_column(Boolean)
    uploaded_at: Mapped[CreatedAt]


class CampaignOutlook(Base):
    """Which state of a campaign its forecast of words was made for, and when it is to be made anew.

    `digest` is of everything that it depends on, when it was made last (`at`). `due_at` is when it is to be made, or
    made again if nobody did until then; None: nobody waits for it.
    """

    __tablename__ = "campaign_outlooks"

    campaign_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    digest: Mapped[Words]
    at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), index=True)

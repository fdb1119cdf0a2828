"""Resolutions: what was found out, or decided, about a send of which nobody knew whether it arrived."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, Moment, Words


class ResolvedBy(StrEnum):
    """Where the knowledge came from."""

    LOG = "log"
    EVENT = "event"
    PERSON = "person"


class ResolutionVerdict(StrEnum):
    """What it means for the send; the last two leave it uncertain."""

    SENT = "sent"
    FAILED = "failed"
    RESEND = "resend"
    LET_BE = "let_be"
    NOT_TAKEN = "not_taken"  # the relay's log covers the time and does not know the mail


class SendResolution(Base):
    """Appended, never changed: the newest one of a send tells where it stands.

    `evidence` is what the relay or the provider said, or why a person decided so; no address is in it.
    `by` is a person's name, or what read the evidence.
    """

    __tablename__ = "send_resolutions"
    __table_args__ = (Index(None, "campaign_id", "send_id"),)

    id: Mapped[BigId]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    send_id: Mapped[int] = mapped_column(BigInteger)
    how: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    evidence: Mapped[Words]
    by: Mapped[Words]
    at: Mapped[Moment]

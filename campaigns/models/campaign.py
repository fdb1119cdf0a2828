"""Campaigns: their description, their status and how it may change."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Date, DateTime, Double, ForeignKey, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.errors import Refused
from campaigns.models.base import Base, BigId, CreatedAt, Words


class CampaignStatus(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


_S = CampaignStatus
NOT_BEGUN = (_S.DRAFT.value, _S.APPROVED.value, _S.SCHEDULED.value)
"""The statuses of a campaign that may still become another one: nobody keeps in mind what it says."""
# From each status, where it may go. A repeat of the same status is always tolerated (see `move`).
TRANSITIONS: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    _S.DRAFT: frozenset({_S.APPROVED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.DRAFT, _S.SCHEDULED, _S.PLANNING, _S.CANCELLED}),
    _S.SCHEDULED: frozenset({_S.DRAFT, _S.APPROVED, _S.PLANNING, _S.CANCELLED}),
    _S.PLANNING: frozenset({_S.SENDING, _S.PAUSED, _S.CANCELLED}),
    _S.SENDING: frozenset({_S.SENT, _S.PAUSED, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.PLANNING, _S.SENDING, _S.CANCELLED}),
    _S.SENT: frozenset({_S.SENDING}),  # only to resend what is uncertain, when a person says so
    _S.CANCELLED: frozenset(),
}


class Campaign(Base):
    """A campaign as the marketer described it; `brief`, `segment`, `slots`, `delivery`, `picking`, `copy` are
    validated JSON; `brief_name` and `brief_version` say which kept brief it came from, if any.

    `topic` is what customers may mute on their page; `kind` is marketing, or repermission: asks those who never
    look whether they still want mail. `delivery` may have per_second, weight, urgent, local_time, quiet_hours. `summary` is the report as it
    was when the single sends were dropped (flows/retention.py), at `sends_dropped_at`.
    `samples_due_at` is when samples of its copy are to be written, or written again if nobody did until then;
    None: nobody waits for any. `forecast_due_at` is the same of a forecast (flows/copy_due.py), and
    `preflight_due_at` of a preflight; what the last one found is `preflight` (flows/preflight_keeping.py). `engagement_at` is the `finished_at` up to which its mails are counted in engagement_states.
    `recurrence` says when it comes again (flows/recurrence.py): it is then never sent itself, and each run is a
    campaign of its own with `series_id`, the number of the one that it was made from.
    `created_by` and `changed_by` are who made it and who changed what it says last, as in the audit log.
    """

    __tablename__ = "campaigns"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=CampaignStatus.DRAFT.value)
    template: Mapped[str] = mapped_column(Text)
    picks: Mapped[int] = mapped_column(Integer)
    sender: Mapped[str] = mapped_column(Text)
    reply_to: Mapped[Words]
    postal_address: Mapped[str] = mapped_column(Text)
    brief: Mapped[dict[str, Any]] = mapped_column(JSONB)
    segment: Mapped[dict[str, Any]] = mapped_column(JSONB)
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segments.id"), index=True)
    slots: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    delivery: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    picking: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    copy: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    experiment: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    recurrence: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    copy_forecast: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    brief_name: Mapped[Words]
    brief_version: Mapped[int | None] = mapped_column(Integer)
    samples_due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    forecast_due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    preflight: Mapped[dict[str, Any] | None] = mapped_column(JSONB, deferred=True)
    preflight_due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    topic: Mapped[Words]
    kind: Mapped[str] = mapped_column(Text, server_default="marketing")
    audience_size: Mapped[int | None] = mapped_column(Integer)
    scheduled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    sends_dropped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    engagement_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[Words]
    changed_by: Mapped[Words]

    def move(self, target: CampaignStatus, at: datetime, by: str, why: str = "") -> CampaignTransition | None:
        """Change the status by the table.

        Returns the transition to record, or None when the campaign is there already.

        Raises:
            Refused: the table does not allow it.
        """
        if self.status == target:
            return None
        allowed = TRANSITIONS[CampaignStatus(self.status)]
        if target not in allowed:
            ways = f"it can become {', '.join(sorted(allowed))}" if allowed else "it has ended"
            raise Refused(f"campaign {self.id} is {self.status} and cannot become {target}; {ways}")
        record = CampaignTransition(
            campaign_id=self.id, from_status=self.status, to_status=target.value, at=at, by=by, why=why
        )
        self.status = target.value
        return record


class CampaignTransition(Base):
    """One change of status: when, by whom, and why.

    `figures` are those at which a campaign paused itself (flows/self_pause.py): mails, bounced, complained, blocked.
    """

    __tablename__ = "campaign_transitions"

    id: Mapped[BigId]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    from_status: Mapped[str] = mapped_column(Text)
    to_status: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    by: Mapped[Words]
    why: Mapped[Words]
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class CampaignCount(Base):
    """How many sends of a campaign stand where; kept by batch, in the transaction that moves the sends.

    The number is the sum over the shards (at most 64): workers that count in different shards do not wait
    for one another. A single shard may be negative.
    """

    __tablename__ = "campaign_counts"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    status: Mapped[str] = mapped_column(Text, primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default="0")
    n: Mapped[int] = mapped_column(BigInteger, server_default="0")


class CampaignDay(Base):
    """How many mails of a campaign were begun on `day` (UTC), the last one on which any was in this shard.

    The number of a day is the sum over the shards of that day; shards are those of CampaignCount.
    """

    __tablename__ = "campaign_days"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default="0")
    day: Mapped[date] = mapped_column(Date)
    n: Mapped[int] = mapped_column(BigInteger, server_default="0")


class CampaignTurn(Base):
    """What a campaign was served so far, in mails divided by its weight: who has least is next."""

    __tablename__ = "campaign_turns"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    served: Mapped[float] = mapped_column(Double, server_default="0")

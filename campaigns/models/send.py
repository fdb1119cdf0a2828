"""Sends: one campaign to one customer, unique, frozen when the campaign starts; and who holds them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, CreatedAt, Moment, Words


class SendStatus(StrEnum):
    """Where a send stands; the last four are ends."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    PICKED = "picked"
    WRITTEN = "written"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    HELD_BACK = "held_back"
    UNCERTAIN = "uncertain"


FINAL = frozenset({SendStatus.SENT, SendStatus.FAILED, SendStatus.HELD_BACK, SendStatus.UNCERTAIN})
_S = SendStatus
# A late `sent` may resolve `uncertain`; nothing leaves `sent`. Work that was interrupted before SMTP
# goes back to `planned`; interrupted after its intent was recorded, it becomes `uncertain`.
TRANSITIONS: dict[SendStatus, frozenset[SendStatus]] = {
    _S.PLANNED: frozenset({_S.CLAIMED, _S.HELD_BACK}),
    _S.CLAIMED: frozenset({_S.PICKED, _S.PLANNED, _S.HELD_BACK, _S.FAILED}),
    _S.PICKED: frozenset({_S.WRITTEN, _S.PLANNED, _S.HELD_BACK, _S.FAILED}),
    _S.WRITTEN: frozenset({_S.SENDING, _S.PLANNED, _S.HELD_BACK, _S.FAILED}),
    _S.SENDING: frozenset({_S.SENT, _S.FAILED, _S.PLANNED, _S.UNCERTAIN, _S.HELD_BACK}),
    _S.SENT: frozenset(),
    _S.FAILED: frozenset({_S.PLANNED}),
    _S.HELD_BACK: frozenset(),
    _S.UNCERTAIN: frozenset({_S.SENT, _S.FAILED, _S.PLANNED}),
}


class Send(Base):
    """Partitioned by campaign (partitions.py): whoever looks for a send says its campaign too.

    `id` is unique over all campaigns. `personal` and `tracked` are the consents to profiling and open_tracking as they were at freezing.

    `picks` is a list of [product id, reason kind, because product id, because title].
    `arm` is the number of the experiment's arm, from 0; -1: of the holdout, which gets no mail; null: of none, or not told yet.
    `cell_number` is CopyCell.number where a model writes. `reason` says why it is held back, failed or uncertain. `intent_at` is when it last became `sending`.
    `attempts` are those that a relay answered; `unreached` those before which there was none.
    """

    __tablename__ = "sends"
    __table_args__ = (
        UniqueConstraint("customer_id", "campaign_id"),
        Index(
            "ix_sends_fresh",
            "campaign_id",
            "id",
            postgresql_where="status = 'planned' and not_before is null",
        ),
        Index(
            "ix_sends_due",
            "campaign_id",
            "not_before",
            "id",
            postgresql_where="status = 'planned' and not_before is not null",
        ),
        Index(
            "ix_sends_held",
            "claimed_by",
            postgresql_where="status in ('claimed','picked','written','sending','uncertain')",
        ),
        Index(
            "ix_sends_waiting",
            "campaign_id",
            "status",
            "id",
            postgresql_where="claimed_by = '' and status in ('picked','written')",
        ),
        Index(
            "ix_sends_of_cell",
            "campaign_id",
            "cell_number",
            "id",
            postgresql_where="cell_number is not null and claimed_by = '' and status in ('planned','picked')",
        ),
        # Those whose time has not come and whose cell nobody has looked for yet.
        Index(
            "ix_sends_unseen",
            "campaign_id",
            "id",
            postgresql_where="status = 'planned' and not_before is not null and cell_number is null",
        ),
        # What went wrong is few, and looked through when somebody asks why, or has it tried again.
        Index(
            "ix_sends_troubled",
            "campaign_id",
            "status",
            "id",
            postgresql_where="status in ('failed','uncertain')",
        ),
        {"postgresql_partition_by": "RANGE (campaign_id)"},
    )

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, server_default=text("nextval('sends_id_seq')")
    )
    customer_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text, server_default=SendStatus.PLANNED.value)
    reason: Mapped[Words]
    consent_entry_id: Mapped[int | None] = mapped_column(BigInteger)
    personal: Mapped[bool] = mapped_column(Boolean, server_default="false")
    tracked: Mapped[bool] = mapped_column(Boolean, server_default="false")
    picks: Mapped[list[Any] | None] = mapped_column(JSONB)
    copy_id: Mapped[int | None] = mapped_column(BigInteger)
    cell_number: Mapped[int | None] = mapped_column(BigInteger)
    arm: Mapped[int | None] = mapped_column(SmallInteger)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    unreached: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    claimed_by: Mapped[Words]
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    smtp_reply: Mapped[Words]
    created_at: Mapped[CreatedAt]
    intent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WorkerLease(Base):
    """Until when a worker may keep all that it holds, by PostgreSQL's own clock.

    One row a worker, so that keeping a batch costs one update and not one a send.
    """

    __tablename__ = "worker_leases"

    worker: Mapped[str] = mapped_column(Text, primary_key=True)
    lease_until: Mapped[Moment]
    started_at: Mapped[CreatedAt]

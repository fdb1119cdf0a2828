"""Webhooks: who is told what happens, how far the telling has come, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Tags, Words

WEBHOOK_EVENTS = (
    "mail.sent",
    "mail.failed",
    "mail.held_back",
    "mail.uncertain",
    "mail.delivered",
    "mail.deferred",
    "mail.bounced",
    "mail.complained",
    "mail.opened",
    "mail.clicked",
    "mail.unsubscribed",
    "mail.converted",
    "message.sent",
    "message.failed",
    "message.held_back",
    "message.uncertain",
    "campaign.changed",
    "import.done",
    "experiment.decided",
)
"""What an endpoint may ask to be told, as `type` says it."""


class WebhookEndpoint(Base):
    """An address that is told. `secret_cipher` signs, and so does `old_secret_cipher` until `old_secret_until`.

    `busy_until` (PostgreSQL's clock) keeps two workers from one endpoint; `rest_until` is how long it is left alone
    after `failures` in a row, the first of them at `failing_since`. `off_because` is empty while it is told.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[BigId]
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[Words]
    events: Mapped[Tags]
    secret_cipher: Mapped[bytes] = mapped_column(LargeBinary)
    old_secret_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]
    created_by: Mapped[Words]
    off_because: Mapped[Words]
    off_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    failing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    rest_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    busy_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WebhookDelivery(Base):
    """Some things that happened, told to one endpoint in one request, and told again until it answers 2xx.

    `told` is a list of what happened, by our own numbers: outside names are looked up when it is told. `status` is
    waiting, delivered or given_up; `answer` is the beginning of what was answered last.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(
            "ix_webhook_deliveries_due", "endpoint_id", "next_try_at", postgresql_where="status = 'waiting'"
        ),
        Index("ix_webhook_deliveries_of", "endpoint_id", "id"),
        Index(None, "created_at"),
    )

    id: Mapped[BigId]
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id"))
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    told: Mapped[list[Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
    status: Mapped[str] = mapped_column(Text, server_default="waiting")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_try_at: Mapped[Moment]
    last_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    milliseconds: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[Words]


class WebhookCursor(Base):
    """Up to which row (`position`) of the table `source` everything was told; `ahead` is the next goal.

    Numbers are given out before they are committed: `ahead` is a number that was the highest once, and may be read
    up to when all transactions of that moment (`writers`) have ended.
    """

    __tablename__ = "webhook_cursors"

    source: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    ahead: Mapped[int | None] = mapped_column(BigInteger)
    writers: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class WebhookWalk(Base):
    """Sends of a campaign, in the order of their numbers, that are told when they have come to an end.

    `open_ids` have not, up to `up_to`; `last` says that behind it there are no more. Looked at again at `look_at`.
    """

    __tablename__ = "webhook_walks"
    __table_args__ = (Index("ix_webhook_walks_look_at", "look_at"),)

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    open_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    up_to: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last: Mapped[bool] = mapped_column(Boolean, server_default="false")
    look_at: Mapped[Moment]
    seconds: Mapped[int] = mapped_column(Integer, server_default="2")


class WebhookFact(Base):
    """Something worth telling that no other table has a row of its own for; `about` are our own numbers.

    Written in the transaction in which it happened, told from here, and removed after some days.
    """

    __tablename__ = "webhook_facts"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text)
    at: Mapped[Moment]
    about: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

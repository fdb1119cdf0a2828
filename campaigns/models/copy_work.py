"""The work of having copy written by a model: cells, what was spent, answers paid for, batches, servers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Words

CELL_STATES = ("waiting", "written", "partly_offline", "offline")
SAMPLE_STATES = ("", "shown", "approved", "rejected")
ANSWER_FORMS = ("json_schema", "json_object", "text")

Count = Annotated[int, mapped_column(Integer, server_default="0")]
BigCount = Annotated[int, mapped_column(BigInteger, server_default="0")]
MaybeMoment = Annotated[datetime | None, mapped_column(DateTime(timezone=True))]


class CopyCell(Base):
    """A cell of a campaign: all sends that get the same words, as far as these are written together.

    `facts` is what the writer is told of it (CopyRequest.facts), `copy_id` and `line_ids` are the rows of `copies`
    it got; `sample` is what a person said of it, where it was laid before one, and `foreseen` for how many mails it
    seemed to be then. `number` is what sends name it by, `claimed_by` the worker that has it written, under that
    worker's lease. `salt` (models.copy.salt_of) is of the customer that a cell of one customer is for; `rests_on` what
    the words of a sample rest on, as far as it may change until the campaign begins (flows/copy_approval.py).
    """

    __tablename__ = "copy_cells"
    __table_args__ = (
        CheckConstraint(f"state in {CELL_STATES}", name="state"),
        CheckConstraint(f"sample in {SAMPLE_STATES}", name="sample"),
        Index("ix_copy_cells_samples", "campaign_id", postgresql_where="sample <> ''"),
        Index("ix_copy_cells_salt", "salt", postgresql_where="salt <> ''"),
        # In the order in which they are taken: with cells of one mail each, a campaign may have a million.
        Index(
            "ix_copy_cells_waiting",
            "campaign_id",
            text("sends desc"),
            "number",
            postgresql_where="state = 'waiting'",
        ),
        Index("ix_copy_cells_claimed", "claimed_by", postgresql_where="claimed_by <> ''"),
    )

    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=False), unique=True)
    claimed_by: Mapped[Words]
    sends: Mapped[Count]
    foreseen: Mapped[Count]
    state: Mapped[str] = mapped_column(Text, server_default="waiting")
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    copy_id: Mapped[int | None] = mapped_column(BigInteger)
    line_ids: Mapped[list[int]] = mapped_column(JSONB, server_default="[]")
    verdicts: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    sample: Mapped[Words]
    judged_by: Mapped[Words]
    judged_at: Mapped[MaybeMoment]
    salt: Mapped[Words]
    rests_on: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]
    written_at: Mapped[MaybeMoment]


class CopySpend(Base):
    """What a campaign's copy took until now; `cost_micros` in millionths of the currency of the model's prices.
    What a batch under way is expected to take is counted as if it were spent.

    The counts are of cells: passed at the first try, after repair, with offline words in some fields, refused as
    a whole, written offline because the model was away, or because the budget or the time was over. `line_orders`
    are requests for lines of further products under heads that were there, with those of them that were refused
    as a whole, or for which the model was away. `began_at` and `last_at` are of the first and the last call, moved
    on by the time for which the campaign was paused since: their clock stands still meanwhile.
    """

    __tablename__ = "copy_spend"

    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id"), primary_key=True, autoincrement=False
    )
    calls: Mapped[BigCount]
    input_tokens: Mapped[BigCount]
    cached_tokens: Mapped[BigCount]
    output_tokens: Mapped[BigCount]
    cost_micros: Mapped[BigCount]
    first_pass: Mapped[Count]
    repaired: Mapped[Count]
    partly_offline: Mapped[Count]
    refused: Mapped[Count]
    outages: Mapped[Count]
    over_budget: Mapped[Count]
    line_orders: Mapped[Count]
    line_orders_refused: Mapped[Count]
    line_orders_away: Mapped[Count]
    began_at: Mapped[MaybeMoment]
    last_at: Mapped[MaybeMoment]


class CopyAnswer(Base):
    """An answer of a model that was paid for, kept from the moment it arrived until its copy is old.

    `key` is the SHA-256 of server, model and everything that was asked, so the same question is not paid twice,
    whatever was killed in between. `failure` is [rule, message] where the model gave no text; `batch` tells that
    it came by a batch, at half price.
    """

    __tablename__ = "copy_answers"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(BigInteger)
    text: Mapped[Words]
    failure: Mapped[list[str] | None] = mapped_column(JSONB)
    input_tokens: Mapped[BigCount]
    cached_tokens: Mapped[BigCount]
    output_tokens: Mapped[BigCount]
    batch: Mapped[bool] = mapped_column(Boolean, server_default="false")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default="now()", index=True)


class CopyBatch(Base):
    """A batch handed to a model server (OpenAI's Batch API); `state` is the server's word for it, or ours before
    it has one: prepared, uploaded, lost, refused (this server has no batches), handed_over (no batch, but the note
    that all of a campaign's are made).

    `reserved_...` is what of its expected usage still counts in copy_spend, for answers that have not come yet;
    `collected` tells that all it brought is kept.
    """

    __tablename__ = "copy_batches"

    id: Mapped[BigId]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    server: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    provider_id: Mapped[Words]
    input_file: Mapped[Words]
    state: Mapped[str] = mapped_column(Text)
    requests: Mapped[int] = mapped_column(Integer)
    reserved_calls: Mapped[BigCount]
    reserved_input: Mapped[BigCount]
    reserved_output: Mapped[BigCount]
    reserved_micros: Mapped[BigCount]
    collected: Mapped[bool] = mapped_column(Boolean, server_default="false")
    answered: Mapped[Count]
    failed: Mapped[Count]
    fault: Mapped[Words]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[MaybeMoment]
    ended_at: Mapped[MaybeMoment]


class CopyBatchKey(Base):
    """An answer that a batch is to bring, by its key in copy_answers; gone when the batch is collected or lost."""

    __tablename__ = "copy_batch_keys"

    batch_id: Mapped[int] = mapped_column(
        ForeignKey("copy_batches.id"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(Text, primary_key=True, index=True)


class ModelServer(Base):
    """How a server answers for a model, found out once: `answers_as` is one of ANSWER_FORMS, `refuses` are
    parameters of a call that it takes for an error.
    """

    __tablename__ = "model_servers"
    __table_args__ = (CheckConstraint(f"answers_as in {ANSWER_FORMS}", name="answers_as"),)

    server: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    answers_as: Mapped[str] = mapped_column(Text)
    refuses: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    found_at: Mapped[CreatedAt]

"""briefs that are used again; what copy cost, from which facts it was written, and what is still to be written

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)
_BIG_COUNTS = ("input_tokens", "cached_tokens", "output_tokens", "cost_micros")


def upgrade() -> None:
    _briefs()
    _what_copies_cost()
    _cells()
    _calls()


def _briefs() -> None:
    op.create_table(
        "briefs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_briefs")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_briefs_name_version")),
    )
    op.add_column("campaigns", sa.Column("copy", JSON, server_default="{}", nullable=False))
    op.add_column("campaigns", sa.Column("copy_forecast", JSON, nullable=True))
    op.add_column("campaigns", sa.Column("brief_name", sa.Text(), server_default="", nullable=False))
    op.add_column("campaigns", sa.Column("brief_version", sa.Integer(), nullable=True))
    op.add_column("campaigns", sa.Column("samples_due_at", MOMENT, nullable=True))
    op.add_column("campaigns", sa.Column("forecast_due_at", MOMENT, nullable=True))


def _what_copies_cost() -> None:
    op.add_column("copies", sa.Column("facts", JSON, nullable=True))
    for name in _BIG_COUNTS:
        op.add_column("copies", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("copies", sa.Column("repairs", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("copies", sa.Column("offline_fields", JSON, server_default="[]", nullable=False))
    op.add_column("copies", sa.Column("rejected_at", MOMENT, nullable=True))
    op.create_index(
        "ix_copies_rejected",
        "copies",
        ["content_hash"],
        postgresql_where=sa.text("rejected_at is not null"),
    )
    op.create_table(
        "copy_spend",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("calls", *_BIG_COUNTS)
        ),
        *(
            sa.Column(name, sa.Integer(), server_default="0", nullable=False)
            for name in (
                *("first_pass", "repaired", "partly_offline", "refused", "outages", "over_budget"),
                *("line_orders", "line_orders_refused", "line_orders_away"),
            )
        ),
        sa.Column("began_at", MOMENT, nullable=True),
        sa.Column("last_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_copy_spend_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_copy_spend")),
    )


def _cells() -> None:
    op.create_table(
        "copy_cells",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claimed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("sends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("foreseen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("facts", JSON, server_default="{}", nullable=False),
        sa.Column("copy_id", sa.BigInteger(), nullable=True),
        sa.Column("line_ids", JSON, server_default="[]", nullable=False),
        sa.Column("verdicts", JSON, server_default="[]", nullable=False),
        sa.Column("sample", sa.Text(), server_default="", nullable=False),
        sa.Column("judged_by", sa.Text(), server_default="", nullable=False),
        sa.Column("judged_at", MOMENT, nullable=True),
        sa.Column("salt", sa.Text(), server_default="", nullable=False),
        sa.Column("rests_on", JSON, server_default="{}", nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("written_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state in ('waiting', 'written', 'partly_offline', 'offline')", name=op.f("ck_copy_cells_state")
        ),
        sa.CheckConstraint(
            "sample in ('', 'shown', 'approved', 'rejected')", name=op.f("ck_copy_cells_sample")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_copy_cells_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "key", name=op.f("pk_copy_cells")),
        sa.UniqueConstraint("number", name=op.f("uq_copy_cells_number")),
    )
    op.create_index(
        "ix_copy_cells_waiting",
        "copy_cells",
        ["campaign_id", sa.text("sends desc"), "number"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_copy_cells_claimed",
        "copy_cells",
        ["claimed_by"],
        postgresql_where=sa.text("claimed_by <> ''"),
    )
    op.create_index(
        "ix_copy_cells_samples", "copy_cells", ["campaign_id"], postgresql_where=sa.text("sample <> ''")
    )
    op.create_index("ix_copy_cells_salt", "copy_cells", ["salt"], postgresql_where=sa.text("salt <> ''"))
    op.add_column("sends", sa.Column("cell_number", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_sends_of_cell",
        "sends",
        ["campaign_id", "cell_number", "id"],
        postgresql_where=sa.text(
            "cell_number is not null and claimed_by = '' and status in ('planned','picked')"
        ),
    )
    op.create_index(
        "ix_sends_unseen",
        "sends",
        ["campaign_id", "id"],
        postgresql_where=sa.text("status = 'planned' and not_before is not null and cell_number is null"),
    )


def _calls() -> None:
    op.create_table(
        "copy_answers",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("failure", JSON, nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("input_tokens", "cached_tokens", "output_tokens")
        ),
        sa.Column("batch", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_copy_answers")),
    )
    op.create_index(op.f("ix_copy_answers_created_at"), "copy_answers", ["created_at"], unique=False)
    op.create_table(
        "copy_batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        sa.Column("input_file", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("reserved_calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_input", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_output", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("collected", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("answered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_copy_batches_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copy_batches")),
    )
    op.create_index(op.f("ix_copy_batches_campaign_id"), "copy_batches", ["campaign_id"], unique=False)
    op.create_table(
        "copy_batch_keys",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["copy_batches.id"], name=op.f("fk_copy_batch_keys_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "key", name=op.f("pk_copy_batch_keys")),
    )
    op.create_index(op.f("ix_copy_batch_keys_key"), "copy_batch_keys", ["key"], unique=False)
    op.create_table(
        "model_servers",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("answers_as", sa.Text(), nullable=False),
        sa.Column("refuses", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("found_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "answers_as in ('json_schema', 'json_object', 'text')", name=op.f("ck_model_servers_answers_as")
        ),
        sa.PrimaryKeyConstraint("server", "model", name=op.f("pk_model_servers")),
    )


def downgrade() -> None:
    op.drop_index("ix_sends_unseen", "sends")
    op.drop_index("ix_sends_of_cell", "sends")
    op.drop_column("sends", "cell_number")
    for table in (
        "model_servers",
        "copy_batch_keys",
        "copy_batches",
        "copy_answers",
        "copy_cells",
        "copy_spend",
        "briefs",
    ):
        op.drop_table(table)
    op.drop_index("ix_copies_rejected", "copies")
    for column in ("facts", *_BIG_COUNTS, "repairs", "offline_fields", "rejected_at"):
        op.drop_column("copies", column)
    for column in (
        "copy",
        "copy_forecast",
        "brief_name",
        "brief_version",
        "samples_due_at",
        "forecast_due_at",
    ):
        op.drop_column("campaigns", column)

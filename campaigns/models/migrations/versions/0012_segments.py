"""segments that are kept, counts of them, and files on their way in

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_STATES = "('uploaded', 'checking', 'checked', 'importing', 'done', 'failed', 'discarded')"


def upgrade() -> None:
    _make_segments()
    _make_segment_counts()
    _make_file_imports()
    op.add_column("campaigns", sa.Column("segment_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_campaigns_segment_id"), "campaigns", "segments", ["segment_id"], ["id"])
    op.create_index(op.f("ix_campaigns_segment_id"), "campaigns", ["segment_id"])
    # Customers in an order that has nothing to do with them: the first thousands of it are a fair sample.
    op.create_index(
        "ix_customers_sample",
        "customers",
        [sa.text("hashint8(id)")],
        postgresql_where=sa.text("erased_at is null"),
    )


def _make_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
    )
    op.create_index("uq_segments_name", "segments", [sa.text("lower(name)")], unique=True)


def _make_segment_counts() -> None:
    op.create_table(
        "segment_counts",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("terms", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned", sa.BigInteger(), nullable=True),
        sa.Column("held_back", postgresql.JSONB(), nullable=True),
        sa.Column("samples", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("failed", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_segment_counts")),
    )
    op.create_index(
        "ix_segment_counts_waiting",
        "segment_counts",
        ["asked_at"],
        postgresql_where=sa.text("counted_at is null or counted_at < asked_at"),
    )


def _make_file_imports() -> None:
    op.create_table(
        "file_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("stored", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="uploaded", nullable=False),
        sa.Column("mapping", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("defaults", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("checked", postgresql.JSONB(), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("rows_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(f"state in {_STATES}", name=op.f("ck_file_imports_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_imports")),
    )
    op.create_index(
        "ix_file_imports_waiting",
        "file_imports",
        ["id"],
        postgresql_where=sa.text("state in ('checking', 'importing')"),
    )


def downgrade() -> None:
    op.drop_index("ix_customers_sample", "customers")
    op.drop_column("campaigns", "segment_id")
    for table in ("file_imports", "segment_counts", "segments"):
        op.drop_table(table)

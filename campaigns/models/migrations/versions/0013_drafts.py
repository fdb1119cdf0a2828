"""campaigns that are still being written, and pictures uploaded for them

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "campaign_drafts",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("problems", JSON, server_default="[]", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("applied", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        _of_campaign("campaign_drafts"),
        sa.PrimaryKeyConstraint("campaign_id", "section", name=op.f("pk_campaign_drafts")),
    )
    op.create_table(
        "picture_uploads",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("uploaded_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        _of_campaign("picture_uploads"),
        sa.PrimaryKeyConstraint("campaign_id", "sha256", name=op.f("pk_picture_uploads")),
    )
    op.create_table(
        "campaign_outlooks",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        _of_campaign("campaign_outlooks"),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_outlooks")),
    )
    op.create_index(op.f("ix_campaign_outlooks_due_at"), "campaign_outlooks", ["due_at"], unique=False)


def _of_campaign(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_campaign_id")
    return sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    for table in ("campaign_outlooks", "picture_uploads", "campaign_drafts"):
        op.drop_table(table)

"""reports that are kept, and how each model did

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "kept_reports",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", JSON, nullable=True),
        sa.Column("headline", JSON, server_default="{}", nullable=False),
        sa.Column("weeks", JSON, server_default="[]", nullable=False),
        sa.Column("made_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("asked_at", MOMENT, nullable=True),
        sa.Column("mark", sa.Text(), server_default="", nullable=False),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_kept_reports_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_kept_reports")),
    )
    op.create_index(
        "ix_kept_reports_due_at",
        "kept_reports",
        ["due_at"],
        postgresql_where=sa.text("due_at is not null"),
    )
    op.create_table(
        "recommender_evaluations",
        sa.Column("model_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trained_at", MOMENT, nullable=False),
        sa.Column("made_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("body", JSON, nullable=True),
        sa.Column("changes", JSON, nullable=True),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_recommender_evaluations")),
    )


def downgrade() -> None:
    for table in ("recommender_evaluations", "kept_reports"):
        op.drop_table(table)

"""When a mail was about to be handed over; and how uncertain sends were resolved

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default, so that no partition is rewritten; null means: before this version, nobody knows.
    op.add_column("sends", sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sends", sa.Column("unreached", sa.SmallInteger(), server_default="0", nullable=False))
    op.create_index(
        "ix_sends_waiting",
        "sends",
        ["campaign_id", "status", "id"],
        postgresql_where="claimed_by = '' and status in ('picked','written')",
    )
    op.create_table(
        "send_resolutions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_send_resolutions_campaign_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_send_resolutions")),
    )
    op.create_index("ix_send_resolutions_campaign_id_send_id", "send_resolutions", ["campaign_id", "send_id"])


def downgrade() -> None:
    op.drop_table("send_resolutions")
    op.drop_index("ix_sends_waiting", "sends")
    op.drop_column("sends", "unreached")
    op.drop_column("sends", "intent_at")

"""How many mails of a campaign were begun today: what warm-up goes by when Redis lost its count

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign_days",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("shard", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("n", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_days_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "shard", name=op.f("pk_campaign_days")),
    )
    # What went out earlier on the day of the upgrade is part of that day too.
    op.execute(
        "insert into campaign_days (campaign_id, day, n) "
        "select campaign_id, (now() at time zone 'UTC')::date, count(*) from sends "
        "where intent_at >= date_trunc('day', now(), 'UTC') group by campaign_id"
    )


def downgrade() -> None:
    op.drop_table("campaign_days")

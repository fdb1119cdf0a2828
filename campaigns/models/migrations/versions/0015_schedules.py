"""series of campaigns, hours at which customers click, and retries

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    _series()
    _hours()
    _troubles()
    op.create_index(
        "ix_sends_troubled",
        "sends",
        ["campaign_id", "status", "id"],
        postgresql_where=sa.text("status in ('failed','uncertain')"),
    )


def _series() -> None:
    op.add_column("campaigns", sa.Column("recurrence", JSON, nullable=True))
    op.add_column("campaigns", sa.Column("series_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_campaigns_series_id"), "campaigns", "campaigns", ["series_id"], ["id"])
    op.create_index(op.f("ix_campaigns_series_id"), "campaigns", ["series_id"])
    op.create_table(
        "series",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("handled", sa.Integer(), server_default="0", nullable=False),
        sa.Column("approved_by", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_series_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_series")),
    )
    op.create_index("ix_series_due", "series", ["next_at"], postgresql_where=sa.text("state = 'active'"))
    op.create_table(
        "series_runs",
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("skipped", sa.Text(), server_default="", nullable=False),
        sa.Column("at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.campaign_id"], name=op.f("fk_series_runs_series_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_series_runs_campaign_id")),
        sa.PrimaryKeyConstraint("series_id", "due_at", name=op.f("pk_series_runs")),
    )
    op.create_table(
        "quiet_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_quiet_days")),
    )
    op.create_table(
        "calendar_links",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("made_at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_users.id"], name=op.f("fk_calendar_links_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_calendar_links")),
    )


def _hours() -> None:
    op.create_table(
        "click_hours",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("ranked", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("counted_at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_click_hours_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_click_hours")),
    )
    op.create_index(
        "ix_click_hours_unranked",
        "click_hours",
        ["customer_id"],
        postgresql_where=sa.text("ranked = '{}'"),
    )
    op.create_table(
        "hour_profiles",
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("clicks", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("ranked", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("counted_at", MOMENT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("zone", name=op.f("pk_hour_profiles")),
    )
    op.create_table(
        "click_hour_marks",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_click_hour_marks_campaign_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_click_hour_marks")),
    )


def _troubles() -> None:
    op.create_table(
        "cause_tallies",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("tally", JSON, server_default="[]", nullable=False),
        sa.Column("of", JSON, server_default="{}", nullable=False),
        sa.Column("counted_at", MOMENT, nullable=True),
        sa.Column("asked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_cause_tallies_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_cause_tallies")),
    )
    op.create_index(
        "ix_cause_tallies_asked",
        "cause_tallies",
        ["asked_at"],
        postgresql_where=sa.text("asked_at is not null"),
    )
    op.create_table(
        "retries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("causes", JSON, nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("after", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("planned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_retries_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retries")),
    )
    op.create_index(op.f("ix_retries_campaign_id"), "retries", ["campaign_id"])
    op.create_index("ix_retries_open", "retries", ["id"], postgresql_where=sa.text("finished_at is null"))
    op.create_table(
        "calendar_outlooks",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("outlook", JSON, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_calendar_outlooks_campaign_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_calendar_outlooks")),
    )


def downgrade() -> None:
    op.drop_index("ix_sends_troubled", "sends")
    for table in (
        "calendar_outlooks",
        "retries",
        "cause_tallies",
        "click_hour_marks",
        "hour_profiles",
        "click_hours",
        "calendar_links",
        "quiet_days",
        "series_runs",
        "series",
    ):
        op.drop_table(table)
    op.drop_column("campaigns", "series_id")
    op.drop_column("campaigns", "recurrence")

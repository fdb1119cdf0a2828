"""test mails asked for, preflights kept, and cities found by name

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "test_mails",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("scene", JSON, server_default="{}", nullable=False),
        sa.Column("email_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("email_hmac", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("asked_by", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("relay", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_test_mails_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_mails")),
    )
    waiting = sa.text("state = 'queued'")
    op.create_index("ix_test_mails_waiting", "test_mails", ["due_at", "id"], postgresql_where=waiting)
    for columns in (["campaign_id", "id"], ["asked_at"], ["customer_id"], ["email_hmac"]):
        op.create_index(op.f(f"ix_test_mails_{'_'.join(columns)}"), "test_mails", columns)
    op.add_column("campaigns", sa.Column("preflight", JSON, nullable=True))
    op.add_column("campaigns", sa.Column("preflight_due_at", MOMENT, nullable=True))
    # A preview's place is typed by name, and a shop may have a million customers.
    op.create_index(
        "ix_customers_city",
        "customers",
        [sa.literal_column("lower(city)")],
        postgresql_where=sa.text("latitude is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_customers_city", "customers")
    for column in ("preflight", "preflight_due_at"):
        op.drop_column("campaigns", column)
    op.drop_table("test_mails")

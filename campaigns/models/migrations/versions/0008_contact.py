"""contact, sign-ups, notices, provider payloads, API keys

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
    )
    op.create_table(
        "engagement_states",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mails", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_human_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state in ('active', 'snoozed', 'asked', 'sunset')", name=op.f("ck_engagement_states_state")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_engagement_states")),
    )
    op.create_index(
        "ix_engagement_states_quiet",
        "engagement_states",
        ["state", "state_at"],
        unique=False,
        postgresql_where="state <> 'active'",
    )
    op.create_table(
        "erasures",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("done", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("email_hmac", sa.LargeBinary(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_customer_id"), "notices", ["customer_id"], unique=False)
    op.create_index(op.f("ix_notices_email_hmac"), "notices", ["email_hmac"], unique=False)
    op.create_index(
        "ix_notices_waiting", "notices", ["next_try_at", "id"], unique=False, postgresql_where="outcome = ''"
    )
    op.create_table(
        "provider_payloads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload_cipher", sa.LargeBinary(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("send_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_payloads")),
        sa.UniqueConstraint("provider", "event_id", name=op.f("uq_provider_payloads_provider_event_id")),
    )
    op.create_index(
        op.f("ix_provider_payloads_customer_id"), "provider_payloads", ["customer_id"], unique=False
    )
    op.create_index(
        op.f("ix_provider_payloads_received_at"), "provider_payloads", ["received_at"], unique=False
    )
    op.create_index(
        "ix_provider_payloads_waiting",
        "provider_payloads",
        ["received_at"],
        unique=False,
        postgresql_where="handled_at is null",
    )
    op.create_table(
        "signup_forms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signup_forms")),
        sa.UniqueConstraint("name", name=op.f("uq_signup_forms_name")),
    )
    op.create_table(
        "suppressed_domains",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("domain_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressed_domains")),
        sa.UniqueConstraint("domain_hmac", name=op.f("uq_suppressed_domains_domain_hmac")),
    )
    op.create_index(op.f("ix_suppressed_domains_domain"), "suppressed_domains", ["domain"], unique=False)
    op.create_table(
        "contact_preferences",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("frequency", sa.Text(), server_default="all", nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("muted_topics", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "frequency in ('all', 'weekly', 'monthly')", name=op.f("ck_contact_preferences_frequency")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_contact_preferences_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_contact_preferences")),
    )
    op.create_table(
        "favourites",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('category', 'product')", name=op.f("ck_favourites_kind")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_favourites_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", "kind", "value", name=op.f("pk_favourites")),
    )
    op.create_table(
        "signups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=False),
        sa.Column("email_cipher", sa.LargeBinary(), nullable=False),
        sa.Column("email_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("first_name_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("purposes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("favourites", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("wording_version", sa.Text(), server_default="", nullable=False),
        sa.Column("wording", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["form_id"], ["signup_forms.id"], name=op.f("fk_signups_form_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signups")),
    )
    op.create_index(op.f("ix_signups_email_hmac"), "signups", ["email_hmac"], unique=False)
    op.create_index(op.f("ix_signups_expires_at"), "signups", ["expires_at"], unique=False)
    op.add_column(
        "campaign_transitions",
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    op.add_column("campaigns", sa.Column("topic", sa.Text(), server_default="", nullable=False))
    op.add_column("campaigns", sa.Column("kind", sa.Text(), server_default="marketing", nullable=False))
    op.add_column("campaigns", sa.Column("engagement_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("customers", sa.Column("email_domain_hmac", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_customers_email_domain_hmac"), "customers", ["email_domain_hmac"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_customers_email_domain_hmac"), table_name="customers")
    op.drop_column("customers", "email_domain_hmac")
    op.drop_column("campaigns", "engagement_at")
    op.drop_column("campaigns", "kind")
    op.drop_column("campaigns", "topic")
    op.drop_column("campaign_transitions", "figures")
    op.drop_index(op.f("ix_signups_expires_at"), table_name="signups")
    op.drop_index(op.f("ix_signups_email_hmac"), table_name="signups")
    op.drop_table("signups")
    op.drop_table("favourites")
    op.drop_table("contact_preferences")
    op.drop_index(op.f("ix_suppressed_domains_domain"), table_name="suppressed_domains")
    op.drop_table("suppressed_domains")
    op.drop_table("signup_forms")
    op.drop_index(
        "ix_provider_payloads_waiting", table_name="provider_payloads", postgresql_where="handled_at is null"
    )
    op.drop_index(op.f("ix_provider_payloads_received_at"), table_name="provider_payloads")
    op.drop_index(op.f("ix_provider_payloads_customer_id"), table_name="provider_payloads")
    op.drop_table("provider_payloads")
    op.drop_index("ix_notices_waiting", table_name="notices", postgresql_where="outcome = ''")
    op.drop_index(op.f("ix_notices_email_hmac"), table_name="notices")
    op.drop_index(op.f("ix_notices_customer_id"), table_name="notices")
    op.drop_table("notices")
    op.drop_table("erasures")
    op.drop_index(
        "ix_engagement_states_quiet", table_name="engagement_states", postgresql_where="state <> 'active'"
    )
    op.drop_table("engagement_states")
    op.drop_table("api_keys")

"""people of the console: roles, second factors, invitations, and who did what

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)
_APPEND_ONLY = """
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  -- Retention names the moment up to which it clears away; nothing younger than a year ever goes.
  if tg_op = 'DELETE' and old.at < least(
       coalesce(nullif(current_setting('tailormail.audit_kept_from', true), ''), '-infinity')::timestamptz,
       now() - interval '1 year') then
    return old;
  end if;
  raise exception 'audit_entries is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger audit_entries_append_only before update or delete on audit_entries
  for each row execute function refuse_audit_change();
create trigger audit_entries_no_truncate before truncate on audit_entries
  for each statement execute function refuse_audit_change();
"""


def upgrade() -> None:
    _people()
    _audit()
    for name in ("created_by", "changed_by"):
        op.add_column("campaigns", sa.Column(name, sa.Text(), server_default="", nullable=False))


def _people() -> None:
    for column in (
        sa.Column("session_key", sa.Text(), server_default="", nullable=False),
        sa.Column("link_nonce", sa.BigInteger(), nullable=True),
        sa.Column("link_until", MOMENT, nullable=True),
        sa.Column("off_since", MOMENT, nullable=True),
        sa.Column("signed_in_at", MOMENT, nullable=True),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_since", MOMENT, nullable=True),
        sa.Column("totp_counter", sa.BigInteger(), nullable=True),
        sa.Column("recovery_codes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    ):
        op.add_column("console_users", column)
    op.alter_column("console_users", "password_hash", server_default="")
    # Until now a link that was not used yet stood in place of the password.
    op.execute(
        "update console_users set link_nonce = substr(password_hash, 7)::bigint, password_hash = ''"
        " where password_hash ~ '^unset:[0-9]+$'"
    )
    op.create_check_constraint(
        op.f("ck_console_users_role"), "console_users", "role in ('viewer', 'author', 'approver', 'admin')"
    )


def _audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", JSON, server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_by_id"), "audit_entries", ["by", "id"])
    op.create_index(op.f("ix_audit_entries_action_id"), "audit_entries", ["action", "id"])
    op.create_index(op.f("ix_audit_entries_subject_id"), "audit_entries", ["subject", "id"])
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at"])
    op.execute(_APPEND_ONLY)


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.execute("drop function if exists refuse_audit_change()")
    op.drop_constraint(op.f("ck_console_users_role"), "console_users")
    op.execute(
        "update console_users set password_hash = 'unset:' || coalesce(link_nonce, 0) where password_hash = ''"
    )
    op.alter_column("console_users", "password_hash", server_default=None)
    for column in (
        "session_key",
        "link_nonce",
        "link_until",
        "off_since",
        "signed_in_at",
        "totp_secret",
        "totp_since",
        "totp_counter",
        "recovery_codes",
    ):
        op.drop_column("console_users", column)
    for column in ("created_by", "changed_by"):
        op.drop_column("campaigns", column)

"""What image requests know of a customer, and what they showed

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The number is drawn again where a row is there already, because only then its lock is held: of two
# transactions that change one customer the later one to commit has the higher number. The order of rows is
# the same for everybody, lest two of them wait for one another. A purpose that was never asked for and is
# now withdrawn, or granted again as it was, changes nothing. Nor does the first answer about `open_tracking`,
# which is most of a shop's first import: before it there is no mail whose opens ask for this customer.
AFTER_CONSENTS = """
create function note_changed_consents() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into open_states (customer_id, version)
    select customer_id, nextval('open_state_versions') from (
      select distinct n.customer_id from new_rows n
      join consent_states s on s.customer_id = n.customer_id and s.purpose = 'open_tracking'
      where n.granted and n.purpose = 'open_location' and not exists (
        select from new_rows t where t.customer_id = n.customer_id and t.purpose = 'open_tracking')
      order by n.customer_id) changed
    on conflict (customer_id) do update set version = nextval('open_state_versions');
  elsif tg_op = 'UPDATE' then
    insert into open_states (customer_id, version)
    select customer_id, nextval('open_state_versions') from (
      select distinct n.customer_id from new_rows n
      join old_rows o on o.customer_id = n.customer_id and o.purpose = n.purpose
      where o.granted <> n.granted and n.purpose in ('open_tracking', 'open_location')
      order by n.customer_id) changed
    on conflict (customer_id) do update set version = nextval('open_state_versions');
  else
    insert into open_states (customer_id, version)
    select customer_id, nextval('open_state_versions') from (
      select distinct customer_id from old_rows
      where granted and purpose in ('open_tracking', 'open_location') order by customer_id) changed
    on conflict (customer_id) do update set version = nextval('open_state_versions');
  end if;
  return null;
end $$;
create trigger consent_states_inserted after insert on consent_states
  referencing new table as new_rows for each statement execute function note_changed_consents();
create trigger consent_states_updated after update on consent_states
  referencing old table as old_rows new table as new_rows
  for each statement execute function note_changed_consents();
create trigger consent_states_deleted after delete on consent_states
  referencing old table as old_rows for each statement execute function note_changed_consents();
"""
AFTER_CUSTOMERS = """
create function note_changed_customers() returns trigger language plpgsql as $$
begin
  insert into open_states (customer_id, version)
  select id, nextval('open_state_versions') from (
    select n.id from new_rows n join old_rows o on o.id = n.id
    where row(n.latitude, n.longitude, n.country, n.timezone, n.locale, n.tags, n.erased_at)
      is distinct from row(o.latitude, o.longitude, o.country, o.timezone, o.locale, o.tags, o.erased_at)
    order by n.id) changed
  on conflict (customer_id) do update set version = nextval('open_state_versions');
  return null;
end $$;
create trigger customers_updated after update on customers
  referencing old table as old_rows new table as new_rows
  for each statement execute function note_changed_customers();
"""


def upgrade() -> None:
    op.execute("create sequence open_state_versions")
    op.create_table(
        "open_states",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("written", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("again_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_open_states_customer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_open_states")),
    )
    op.create_index(
        "ix_open_states_pending", "open_states", ["customer_id"], postgresql_where="version > written"
    )
    op.create_index(
        "ix_open_states_again", "open_states", ["again_at"], postgresql_where="again_at is not null"
    )
    op.create_index("ix_open_states_written_at", "open_states", ["written_at"])
    op.execute(AFTER_CONSENTS)
    op.execute(AFTER_CUSTOMERS)
    op.create_table(
        "drained_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("drained_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drained_groups")),
    )
    op.create_index("ix_drained_groups_drained_at", "drained_groups", ["drained_at"])
    op.add_column("slot_serves", sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("slot_serves", "detail")
    op.drop_table("drained_groups")
    op.execute("drop trigger customers_updated on customers")
    op.execute("drop function note_changed_customers()")
    for event in ("inserted", "updated", "deleted"):
        op.execute(f"drop trigger consent_states_{event} on consent_states")
    op.execute("drop function note_changed_consents()")
    op.drop_table("open_states")
    op.execute("drop sequence open_state_versions")

"""Sends, events and served slots in partitions that can be dropped; leases by worker; sharded counters

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A hundred campaigns a partition. `create table ... like` and then `attach` locks the parent so lightly
# (SHARE UPDATE EXCLUSIVE) that running queries go on; `create table ... partition of` would stop them.
# Two campaigns created at once: the second waits for the first's lock, and then finds the tables there.
# A foreign key from sends to campaigns would make `attach` lock campaigns, which both have inserted into:
# a deadlock. None is needed: campaigns are never deleted (campaign_transitions still refers to them).
PARTITIONS = """
create function make_campaign_partitions(campaign bigint) returns void language plpgsql as $$
declare
  hundred bigint := campaign / 100;
  suffix text := lpad(hundred::text, greatest(6, length(hundred::text)), '0');
  parent text;
  options text;
begin
  if to_regclass('slot_serves_p' || suffix) is not null and to_regclass('events_p' || suffix) is not null
     and to_regclass('sends_p' || suffix) is not null then
    return;
  end if;
  perform pg_advisory_xact_lock(7221409);
  foreach parent in array array['sends', 'events', 'slot_serves'] loop
    if to_regclass(parent || '_p' || suffix) is null then
      -- Rows of sends change their status several times: room for the next version on the same page, and
      -- dead versions collected long before the usual fifth of the table.
      options := case parent when 'sends' then
        'with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)'
        else '' end;
      execute format('create table %I (like %I including all) %s', parent || '_p' || suffix, parent, options);
      execute format('alter table %I attach partition %I for values from (%s) to (%s)',
                     parent, parent || '_p' || suffix, hundred * 100, hundred * 100 + 100);
    end if;
  end loop;
end $$;
"""
PARTITIONS_OF_NEW_CAMPAIGNS = """
create function make_partitions_of_new_campaign() returns trigger language plpgsql as $$
begin
  perform make_campaign_partitions(new.id);
  return null;
end $$;
create trigger campaigns_have_partitions after insert on campaigns
  for each row execute function make_partitions_of_new_campaign();
"""
HELD = "status in ('claimed','picked','written','sending','uncertain')"


def upgrade() -> None:
    op.execute(PARTITIONS)
    for table in ("sends", "events", "slot_serves"):
        op.rename_table(table, f"old_{table}")
    for sequence in ("sends_id_seq", "events_id_seq"):
        # The numbers go on where they were: links in mails already sent carry them.
        op.execute(f"alter sequence {sequence} rename to old_{sequence}")
        op.execute(f"create sequence {sequence}")
        op.execute(f"select setval('{sequence}', last_value, is_called) from old_{sequence}")
    _create_sends()
    _create_events()
    _create_slot_serves()
    _create_small_tables()
    op.execute(
        "select make_campaign_partitions(hundred * 100) from (select 0 as hundred union select id / 100 "
        "from campaigns union select campaign_id / 100 from old_sends union select campaign_id / 100 "
        "from old_events where campaign_id is not null) as used"
    )
    _copy_rows()
    for table in ("slot_serves", "sends", "events"):
        op.drop_table(f"old_{table}")
    # Only now: keys are built at once over all rows, and their names are free.
    _create_keys()
    op.execute(PARTITIONS_OF_NEW_CAMPAIGNS)


def _create_sends() -> None:
    op.create_table(
        "sends",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), server_default=sa.text("nextval('sends_id_seq')"), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="planned", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("consent_entry_id", sa.BigInteger(), nullable=True),
        sa.Column("personal", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("tracked", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("picks", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("copy_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("claimed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("smtp_reply", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        postgresql_partition_by="RANGE (campaign_id)",
    )
    op.execute("alter sequence sends_id_seq owned by sends.id")


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("campaign_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger(), server_default=sa.text("nextval('events_id_seq')"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("machine", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        postgresql_partition_by="RANGE (campaign_id)",
    )
    op.execute("alter sequence events_id_seq owned by events.id")


def _create_slot_serves() -> None:
    op.create_table(
        "slot_serves",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), server_default="", nullable=False),
        sa.Column("signal", sa.Text(), server_default="", nullable=False),
        sa.Column("weather", sa.Text(), server_default="", nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        postgresql_partition_by="RANGE (campaign_id)",
    )


def _create_small_tables() -> None:
    op.create_table(
        "worker_leases",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_worker_leases")),
    )
    op.create_table(
        "campaign_turns",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("served", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_turns_campaign_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_turns")),
    )
    op.add_column(
        "campaign_counts", sa.Column("shard", sa.SmallInteger(), server_default="0", nullable=False)
    )
    op.drop_constraint("pk_campaign_counts", "campaign_counts")
    op.create_primary_key("pk_campaign_counts", "campaign_counts", ["campaign_id", "status", "shard"])
    op.add_column(
        "campaigns",
        sa.Column("delivery", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column("campaigns", sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("campaigns", sa.Column("sends_dropped_at", sa.DateTime(timezone=True), nullable=True))


def _copy_rows() -> None:
    sends = (
        "id, campaign_id, customer_id, status, reason, consent_entry_id, personal, tracked, picks, copy_id, "
        "attempts, claimed_by, not_before, smtp_reply, created_at, sent_at"
    )
    op.execute(f"insert into sends ({sends}) select {sends} from old_sends order by campaign_id, id")
    # A lease covers all that a worker holds; the sweeper must still find what was held before.
    op.execute(
        "insert into worker_leases (worker, lease_until) "
        "select claimed_by, coalesce(max(lease_until), now()) from old_sends "
        "where status in ('claimed','picked','written','sending') group by claimed_by"
    )
    events = "id, key, name, send_id, customer_id, at, machine, detail"
    op.execute(
        f"insert into events (campaign_id, {events}) select coalesce(campaign_id, 0), {events} "
        "from old_events order by 1, id"
    )
    serves = "send_id, slot, variant, link, signal, weather, served_at, count"
    op.execute(
        f"insert into slot_serves (campaign_id, {serves}) select s.campaign_id, {serves} "
        "from old_slot_serves v join old_sends s on s.id = v.send_id order by 1, 2, 3"
    )


def _create_keys() -> None:
    op.create_primary_key("pk_sends", "sends", ["campaign_id", "id"])
    op.create_unique_constraint("uq_sends_customer_id_campaign_id", "sends", ["customer_id", "campaign_id"])
    op.create_index(
        "ix_sends_fresh",
        "sends",
        ["campaign_id", "id"],
        postgresql_where="status = 'planned' and not_before is null",
    )
    op.create_index(
        "ix_sends_due",
        "sends",
        ["campaign_id", "not_before", "id"],
        postgresql_where="status = 'planned' and not_before is not null",
    )
    op.create_index("ix_sends_held", "sends", ["claimed_by"], postgresql_where=HELD)
    op.create_primary_key("pk_events", "events", ["campaign_id", "id"])
    op.create_unique_constraint("uq_events_campaign_id_key", "events", ["campaign_id", "key"])
    op.create_index("ix_events_campaign_id_name", "events", ["campaign_id", "name"])
    op.create_index("ix_events_send_id", "events", ["send_id"])
    op.create_index("ix_events_customer_id", "events", ["customer_id"])
    op.create_primary_key("pk_slot_serves", "slot_serves", ["campaign_id", "send_id", "slot"])


def downgrade() -> None:
    raise NotImplementedError("0002 cannot be undone in place: restore the backup from before the upgrade")

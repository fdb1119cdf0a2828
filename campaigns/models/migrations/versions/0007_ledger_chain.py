"""The consent ledger becomes a chain: every entry's hash covers the one before it for that customer

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FREE_APPEND_ONLY = """
drop trigger consent_entries_append_only on consent_entries;
drop trigger consent_entries_no_truncate on consent_entries;
drop function refuse_ledger_change;
"""
# What is hashed is told in audience/ledger.py, which computes it a second time. Every field has its length in
# front, so that no two entries have the same bytes; without evidence itself, whose own salted hash stands for
# it, so that an erasure may take the evidence away and leave the chain whole.
_DIGEST = """
create function ledger_field(content bytea) returns bytea language sql immutable parallel safe as $$
  select int4send(octet_length(content)) || content
$$;
create function ledger_field(content text) returns bytea language sql stable parallel safe as $$
  select int4send(octet_length(convert_to(content, 'UTF8'))) || convert_to(content, 'UTF8')
$$;
create function ledger_field(moment timestamptz) returns bytea language sql stable parallel safe as $$
  select int4send(8) || int8send((extract(epoch from moment) * 1000000)::bigint)
$$;
create function ledger_field(number bigint) returns bytea language sql immutable parallel safe as $$
  select int4send(8) || int8send(number)
$$;
create function consent_entry_digest(e consent_entries) returns bytea language sql stable parallel safe as $$
  select sha256(
    ledger_field('tailormail consent entry 1'::text) || ledger_field(e.previous_hash)
    || ledger_field(e.customer_id) || ledger_field(e.position) || ledger_field(e.id)
    || ledger_field(e.purpose) || ledger_field(e.action)
    || ledger_field(e.wording_version) || ledger_field(e.wording) || ledger_field(e.source)
    || ledger_field(e.at) || ledger_field(e.recorded_at) || ledger_field(e.evidence_hash))
$$;
create function link_consent_entry(e consent_entries, before consent_heads) returns consent_entries
language plpgsql volatile as $$
begin
  e.position := before.position + 1;
  e.previous_hash := before.hash;
  if e.wording_version = '' and e.wording <> '' then
    e.wording_version := left(encode(sha256(convert_to(e.wording, 'UTF8')), 'hex'), 12);
  end if;
  e.evidence_salt := uuid_send(gen_random_uuid());
  e.evidence_hash := sha256(e.evidence_salt || convert_to(e.evidence, 'UTF8'));
  e.hash := consent_entry_digest(e);
  return e;
end $$;
"""
# The plans of a trigger are kept: made while the tables are small, they would read all of them for each row of a
# large import, so that 140,000 entries take minutes and more. Hence by index, always.
# Writers of one customer queue on that customer's head. What is looked for under its lock is seen by a
# statement of its own, hence with all that was committed before. An entry that is there already must not
# reach the head, so it ends here; to whoever inserts it that looks like ON CONFLICT DO NOTHING.
_APPEND = """
create function append_consent_entry() returns trigger language plpgsql set enable_seqscan = off as $$
declare
  head consent_heads;
begin
  loop
    select * into head from consent_heads where customer_id = new.customer_id for no key update;
    if found then
      if exists (
        select from consent_entries e where e.customer_id = new.customer_id and e.purpose = new.purpose
          and e.action = new.action and e.source = new.source and e.at = new.at
      ) then
        return null;
      end if;
      new := link_consent_entry(new, head);
      update consent_heads set position = new.position, hash = new.hash where customer_id = new.customer_id;
      return new;
    end if;
    new := link_consent_entry(new, row(new.customer_id, 0, '')::consent_heads);
    insert into consent_heads (customer_id, position, hash) values (new.customer_id, new.position, new.hash)
    on conflict (customer_id) do nothing;
    if found then
      return new;
    end if;
    -- Somebody else has begun this chain meanwhile.
  end loop;
end $$;
create trigger consent_entries_append before insert on consent_entries
  for each row execute function append_consent_entry();
"""
# The documented erasure (audience/privacy.py) may take away the evidence of one person, and says so first. Its
# salt goes with it: what is left of the evidence then is a hash that nobody can try guesses on.
_REFUSE = """
create function refuse_ledger_change() returns trigger language plpgsql as $$
declare
  allowed consent_entries := old;
begin
  if tg_op = 'UPDATE' and current_setting('tailormail.erasing', true) = 'on' then
    allowed.evidence := '';
    allowed.evidence_salt := '';
    new.evidence_salt := '';
    if new is not distinct from allowed then
      return new;
    end if;
  end if;
  raise exception 'consent_entries is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create function refuse_head_change() returns trigger language plpgsql as $$
begin
  raise exception 'consent_heads is kept by the ledger alone: % refused', tg_op
    using errcode = 'insufficient_privilege';
end $$;
create trigger consent_entries_append_only before update or delete on consent_entries
  for each row execute function refuse_ledger_change();
create trigger consent_entries_no_truncate before truncate on consent_entries
  for each statement execute function refuse_ledger_change();
create trigger consent_heads_kept before insert or update or delete on consent_heads
  for each row when (pg_trigger_depth() = 0) execute function refuse_head_change();
create trigger consent_heads_no_truncate before truncate on consent_heads
  for each statement execute function refuse_head_change();
"""
_CHAIN_WHAT_IS_THERE = """
do $$
declare
  e consent_entries;
  head consent_heads;
begin
  for e in select * from consent_entries order by customer_id, id loop
    if head.customer_id is distinct from e.customer_id then
      if head.customer_id is not null then
        insert into consent_heads values (head.*);
      end if;
      head := row(e.customer_id, 0, '')::consent_heads;
    end if;
    e := link_consent_entry(e, head);
    update consent_entries set position = e.position, wording_version = e.wording_version,
      evidence_salt = e.evidence_salt, evidence_hash = e.evidence_hash, previous_hash = e.previous_hash,
      hash = e.hash where id = e.id;
    head.position := e.position;
    head.hash := e.hash;
  end loop;
  if head.customer_id is not null then
    insert into consent_heads values (head.*);
  end if;
end $$;
"""
_UNCHAIN = """
drop trigger consent_entries_append on consent_entries;
drop function append_consent_entry;
drop function link_consent_entry;
drop function consent_entry_digest;
drop function ledger_field(bytea);
drop function ledger_field(text);
drop function ledger_field(timestamptz);
drop function ledger_field(bigint);
"""
# As version 0001 has it.
_APPEND_ONLY_BEFORE = """
create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and current_setting('tailormail.erasing', true) = 'on' then
    return new;
  end if;
  raise exception 'consent_entries is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger consent_entries_append_only before update or delete on consent_entries
  for each row execute function refuse_ledger_change();
create trigger consent_entries_no_truncate before truncate on consent_entries
  for each statement execute function refuse_ledger_change();
"""
_BYTES = ("evidence_salt", "evidence_hash", "previous_hash", "hash")


def upgrade() -> None:
    op.execute(_FREE_APPEND_ONLY)
    # No foreign key: consent_entries has it, and PostgreSQL would check this one anew at each of a new
    # customer's entries within one transaction, which was a sixth of an import.
    op.create_table(
        "consent_heads",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_consent_heads")),
    )
    op.add_column(
        "consent_entries", sa.Column("wording_version", sa.Text(), server_default="", nullable=False)
    )
    op.add_column("consent_entries", sa.Column("position", sa.BigInteger(), nullable=True))
    for name in _BYTES:
        op.add_column("consent_entries", sa.Column(name, sa.LargeBinary(), nullable=True))
    op.execute(_DIGEST)
    op.execute(_CHAIN_WHAT_IS_THERE)
    for name in ("position", *_BYTES):
        op.alter_column("consent_entries", name, nullable=False)
    op.create_unique_constraint(
        op.f("uq_consent_entries_customer_id_position"), "consent_entries", ["customer_id", "position"]
    )
    op.execute(_APPEND)
    op.execute(_REFUSE)


def downgrade() -> None:
    op.execute(_FREE_APPEND_ONLY)
    op.execute(_UNCHAIN)
    op.drop_constraint(op.f("uq_consent_entries_customer_id_position"), "consent_entries", type_="unique")
    for name in ("position", "wording_version", *_BYTES):
        op.drop_column("consent_entries", name)
    op.drop_table("consent_heads")
    op.execute("drop function refuse_head_change")
    op.execute(_APPEND_ONLY_BEFORE)

"""A database of the first version, with everything in it, becomes one of today without loss."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from campaigns.audience.ledger import verify
from campaigns.core.db import Database, sqlalchemy_url
from campaigns.core.embedded import EmbeddedUrls
from campaigns.models import schema

_OLD_ROWS = """
insert into campaigns (id, name, template, picks, sender, postal_address, brief, segment, slots)
  overriding system value
  select n, 'C' || n, 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', '[]' from unnest(array[1, 7, 250]) n;
select setval('campaigns_id_seq', 250);
insert into customers (external_id) select 'X' || n from generate_series(1, 30) n;
insert into copies (content_hash, fields, writer) values ('h', '{}', 'offline');
insert into sends (campaign_id, customer_id, status, reason, claimed_by, lease_until, not_before, copy_id, picks)
  select c.id, u.id,
    (array['planned','claimed','written','sending','sent','failed','held_back','uncertain'])[1 + u.id % 8],
    'r' || u.id, case when u.id % 8 between 1 and 3 then 'host:w' || u.id % 2 else '' end,
    case when u.id % 8 between 1 and 3 then timestamptz '2026-11-01 12:00Z' + u.id * interval '1 minute' end,
    case when u.id % 8 = 0 then timestamptz '2026-11-02 12:00Z' end, 1, '[[1, "best_seller", 0, ""]]'
  from campaigns c cross join customers u order by c.id, u.id;
insert into campaign_counts (campaign_id, status, n) select campaign_id, status, count(*) from sends group by 1, 2;
insert into events (key, name, campaign_id, send_id, customer_id, at, detail)
  select 'opened:' || id, 'opened', campaign_id, id, customer_id, now(), '{"requester": "unknown"}' from sends;
insert into events (key, name, customer_id, at) values ('unsubscribed:1:0', 'unsubscribed', 1, now());
insert into slot_serves (send_id, slot, variant, served_at, count)
  select id, 0, 'rain', now(), 3 from sends where status = 'sent';
"""
_CONSENTS = """
insert into customers (external_id, erased_at) select 'X' || n, case n when 3 then now() end from generate_series(1, 4) n;
insert into consent_entries (customer_id, purpose, action, wording, source, at, evidence)
  select c.id, (array['marketing', 'profiling'])[1 + n % 2], (array['granted', 'withdrawn'])[1 + n / 4], 'I agree, æøå',
    'web', timestamptz '2026-01-31 10:00:00.123456+02' - n * interval '1 day',
    case when c.erased_at is null then 'form ' || n else '' end
  from generate_series(0, 6) n cross join customers c where c.id < 4;
insert into consent_states (customer_id, purpose, granted, entry_id, at)
  select distinct on (customer_id, purpose) customer_id, purpose, action = 'granted', id, at
  from consent_entries order by customer_id, purpose, at desc, id desc;
"""
_LEDGER = (
    "select md5(string_agg(row(id, customer_id, purpose, action, wording, source, at, evidence, recorded_at)::text, "
    "'|' order by id)) from consent_entries"
)
_DIGESTS = {
    "sends": "select md5(string_agg(row(id, campaign_id, customer_id, status, reason, claimed_by, not_before, "
    "copy_id, picks, created_at)::text, '|' order by id)) from sends",
    "events": "select md5(string_agg(row(id, coalesce(campaign_id, 0), key, name, send_id, customer_id, at, "
    "detail)::text, '|' order by id)) from events",
    "slot_serves": "select md5(string_agg(row(send_id, slot, variant, served_at, count)::text, '|' "
    "order by send_id)) from slot_serves",
    "counts": "select md5(string_agg(row(campaign_id, status, n)::text, '|' order by campaign_id, status)) "
    "from campaign_counts",
}


@pytest.fixture
def first_version(servers: EmbeddedUrls) -> Iterator[Database]:
    """A database of its own, as version 0001 left it."""
    assert servers.database_url
    admin = create_engine(sqlalchemy_url(servers.database_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("create database upgrade_tests"))
    url = sqlalchemy_url(servers.database_url).set(database="upgrade_tests")
    database = Database(url.render_as_string(hide_password=False))
    with database.transaction() as session:
        config = schema._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0001")
    yield database
    database.close()
    with admin.connect() as connection:
        connection.execute(text("drop database upgrade_tests with (force)"))
    admin.dispose()


def _digests(database: Database) -> dict[str, str]:
    with database.transaction() as session:
        return {name: str(session.scalar(text(sql))) for name, sql in _DIGESTS.items()}


def test_nothing_is_lost_on_the_way_from_the_first_version(first_version: Database) -> None:
    with first_version.transaction() as session:
        session.execute(text(_OLD_ROWS))
    before = _digests(first_version)
    assert schema.upgrade(first_version) == ("0001", schema.head())
    assert _digests(first_version) == before
    with first_version.transaction() as session:
        partitions = session.execute(
            text("select tableoid::regclass::text, count(*) from sends group by 1 order by 1")
        ).all()
        assert [tuple(row) for row in partitions] == [("sends_p000000", 60), ("sends_p000002", 30)]
        leases = session.scalars(text("select worker from worker_leases")).all()
        assert set(leases) == {"host:w0", "host:w1"}, "what was held is still found when its lease runs out"
        last = session.scalar(text("select max(id) from sends"))
        fresh = "insert into sends (campaign_id, customer_id) values (7, 31) returning id"
        assert session.scalar(text(fresh)) > last, "numbers go on: links in old mails carry them"
        assert session.scalar(text("select count(*) from events where campaign_id = 0")) == 1


def test_an_empty_first_version_upgrades_as_well(first_version: Database) -> None:
    assert schema.upgrade(first_version) == ("0001", schema.head())
    with first_version.transaction() as session:
        found = session.scalars(text("select c.relname from pg_inherits join pg_class c on c.oid = inhrelid "
                                     "where c.relkind = 'r' order by 1"))  # fmt: skip
        assert found.all() == ["events_p000000", "sends_p000000", "slot_serves_p000000"]


def test_what_went_out_on_the_day_of_the_upgrade_counts_for_that_day(first_version: Database) -> None:
    with first_version.transaction() as session:
        config = schema._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0003")
        session.execute(text(
            "insert into campaigns (id, name, template, picks, sender, postal_address, brief, segment, slots) "
            "overriding system value "
            "select n, 'C', 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', '[]' from unnest(array[1, 7]) n"
        ))  # fmt: skip
        session.execute(text(
            "insert into sends (campaign_id, customer_id, intent_at) select c, u, case when u <= 3 then now() "
            "when u <= 5 then now() - interval '24 hours' end from unnest(array[1, 7]) c, generate_series(1, 9) u"
        ))  # fmt: skip
    assert schema.upgrade(first_version) == ("0003", schema.head())
    with first_version.transaction() as session:
        found = session.execute(text("select campaign_id, n from campaign_days order by 1")).all()
        assert [tuple(row) for row in found] == [(1, 3), (7, 3)]
        assert session.scalar(
            text("select bool_and(day = (now() at time zone 'UTC')::date) from campaign_days")
        )


def test_consents_of_the_first_version_are_chained_as_they_are_and_back(first_version: Database) -> None:
    with first_version.transaction() as session:
        session.execute(text(_CONSENTS))
        before = session.scalar(text(_LEDGER))
    assert schema.upgrade(first_version) == ("0001", schema.head())
    with first_version.transaction() as session:
        assert session.scalar(text(_LEDGER)) == before
        report = verify(session)
        assert report.whole, report.first
        assert (report.entries, report.customers) == (21, 3)
        in_order = text(
            "select bool_and(position = n) from (select position, "
            "row_number() over (partition by customer_id order by id) n from consent_entries) e"
        )
        assert session.scalar(in_order)
        session.execute(text("insert into consent_entries (customer_id, purpose, action, at) "
                             "select id, 'open_location', 'withdrawn', now() from customers where erased_at is null"))  # fmt: skip
        assert verify(session).entries == 24
        session.rollback()
    with first_version.transaction() as session:
        config = schema._config()
        config.attributes["connection"] = session.connection()
        command.downgrade(config, "0006")
        assert session.scalar(text(_LEDGER)) == before
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(text("delete from consent_entries"))
        session.execute(text("insert into consent_entries (customer_id, purpose, action, at) "
                             "values (4, 'marketing', 'granted', now())"))  # fmt: skip
        command.upgrade(config, "0007")
        assert session.scalar(text("select max(position) from consent_entries where customer_id = 4")) == 1

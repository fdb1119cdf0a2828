"""Makes a shop large in SQL: a million customers with consents and orders, and campaigns that all of them got.

A small sample shop comes first, through the real importer, and one campaign of it through the real engine. What is made
here repeats those rows, so that pages find mails, words, picks and pictures that are real.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.flows.sending.counters import recount

log = get_logger(__name__)

# Of which a new row repeats one, by turns.
_NUMBERED = """
create temporary table numbered_customers as
  select row_number() over (order by id) - 1 as turn, id from customers where email_cipher is not null;
create index on numbered_customers (turn);
create temporary table pattern as
  select row_number() over (order by s.id) - 1 as turn, s.id, s.status, s.reason, s.consent_entry_id, s.personal,
    s.tracked, s.picks, s.copy_id, s.sent_at from sends s where s.campaign_id = :sent;
create index on pattern (turn);
"""
_CUSTOMERS = """
insert into customers (external_id, email_cipher, email_hmac, first_name, last_name, locale, timezone, country, city,
    latitude, longitude, tags, created_at)
  select 'm' || n, c.email_cipher, decode(md5(n::text) || md5('x' || n), 'hex'), c.first_name, c.last_name, c.locale,
    c.timezone, c.country, c.city, c.latitude, c.longitude, c.tags, now() - n % 1000 * interval '1 day'
  from generate_series(1, :customers) n
  join numbered_customers t on t.turn = n % (select count(*) from numbered_customers)
  join customers c on c.id = t.id;
insert into consent_entries (customer_id, purpose, action, wording, source, at, position, evidence_salt, evidence_hash,
    previous_hash, hash)
  select id, purpose, 'granted', 'words-v1', 'checkout', now(), nth, '', '', '', '' from customers,
    unnest(array['marketing', 'profiling', 'open_tracking', 'open_location']) with ordinality p (purpose, nth)
  where external_id like 'm%' and (nth = 1 and id % 9 > 0 or nth > 1 and id % 5 > nth - 2);
insert into consent_states (customer_id, purpose, granted, entry_id, at)
  select e.customer_id, e.purpose, true, e.id, e.at from consent_entries e
  join customers c on c.id = e.customer_id and c.external_id like 'm%';
insert into order_lines (order_id, customer_id, product_id, unit_price, ordered_at)
  select 'm' || c.id || '-' || nth, c.id, p.id, p.price, now() - (c.id * 7 + nth * 131) % 700 * interval '1 day'
  from customers c cross join generate_series(1, 2) nth
  join (select row_number() over (order by id) - 1 as turn, id, price from products) p
    on p.turn = (c.id * 3 + nth * 11) % (select count(*) from products)
  where c.external_id like 'm%';
"""
_SENDS = """
insert into sends (campaign_id, customer_id, status, reason, consent_entry_id, personal, tracked, picks, copy_id, sent_at,
    intent_at, created_at)
  select :campaign, c.id, p.status, p.reason, p.consent_entry_id, p.personal, p.tracked, p.picks, p.copy_id,
    :at, case when p.sent_at is not null then cast(:at as timestamptz) end, :at
  from customers c join pattern p on p.turn = c.id % (select count(*) from pattern);
insert into events (campaign_id, key, name, send_id, customer_id, at, machine, detail)
  select :campaign, 'm-opened-' || id, 'opened', id, customer_id, sent_at + id % 90 * interval '20 minutes', id % 3 = 0,
    '{}' from sends where campaign_id = :campaign and status = 'sent' and tracked and id % 3 < 2;
insert into events (campaign_id, key, name, send_id, customer_id, at, machine, detail)
  select :campaign, 'm-clicked-' || id, 'clicked', id, customer_id, sent_at + id % 90 * interval '20 minutes', id % 5 = 0,
    jsonb_build_object('place', (array['call_to_action', 'pick', 'slot'])[1 + id % 3], 'number', 0)
  from sends where campaign_id = :campaign and status = 'sent' and tracked and id % 20 = 1;
insert into events (campaign_id, key, name, send_id, customer_id, at, detail)
  select :campaign, 'm-unsubscribed-' || id, 'unsubscribed', id, customer_id, sent_at + interval '1 hour', '{}'
  from sends where campaign_id = :campaign and status = 'sent' and id % 400 = 1;
insert into slot_serves (campaign_id, send_id, slot, variant, signal, weather, served_at)
  select :campaign, id, 0, (array['rain', 'snow', 'neutral'])[1 + id % 3], (array['home', 'ip', 'home'])[1 + id % 3],
    'rain', sent_at + interval '1 hour'
  from sends where campaign_id = :campaign and status = 'sent' and tracked and id % 3 < 2;
"""
# Where there are arms, customers are dealt to them by turns; every tenth is kept back.
_ARMS = """
update sends s set arm = case when s.id % 10 = 0 then -1 else s.id % 2 end,
  status = case when s.id % 10 = 0 then 'held_back' else s.status end,
  reason = case when s.id % 10 = 0 then 'holdout' else s.reason end
  from campaigns c where c.id = s.campaign_id and c.experiment is not null and s.campaign_id = :campaign;
"""
_FINISHED = """
update campaigns set status = 'sent', audience_size = (select count(*) from sends where campaign_id = :campaign),
  started_at = :at, finished_at = cast(:at as timestamptz) + interval '40 minutes' where id = :campaign
"""


def grow(db: Database, sent: int, large: list[int], customers: int) -> None:
    """Have `customers` more customers, who all got each of the campaigns `large` as some got campaign `sent`."""
    with db.transaction() as session:
        # Keys between rows made a line above need no checking, and nobody looks at the ledger's chain here.
        session.execute(text("set local session_replication_role = replica"))
        session.execute(text("select make_campaign_partitions(:last)"), {"last": max(large)})
        _run(session, _NUMBERED, sent=sent)
        _run(session, _CUSTOMERS, customers=customers)
        for weeks, campaign in enumerate(reversed(large), start=1):
            at = session.scalar(text("select now() - :weeks * interval '7 days'"), {"weeks": weeks})
            _run(session, _SENDS, campaign=campaign, at=at)
            _run(session, _ARMS, campaign=campaign)
            session.execute(text(_FINISHED), {"campaign": campaign, "at": at})
    for campaign in large:
        with db.transaction() as session:
            recount(session, campaign)
    with db.transaction() as session:
        session.execute(text("analyze"))


def _run(session: Session, statements: str, **values: object) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            given = {name: value for name, value in values.items() if f":{name}" in statement}
            session.execute(text(statement), given)

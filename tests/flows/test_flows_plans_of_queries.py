"""What workers and recipients ask of the database a million times finds its rows by index.

The statements are not copied here: they are heard while the real functions run, and PostgreSQL then says how
it would find the rows, first for these very values and then with the plan that it settles on after several
executions (psycopg prepares what repeats).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text

from campaigns.compose.links import CLICK_CALL_TO_ACTION, PIXEL_SLOT
from campaigns.core.clock import SystemClock
from campaigns.core.db import libpq_url
from campaigns.flows.copy.copy_cells import (
    Ended,
    claim_cells,
    end_cells,
    end_known,
    leave,
    let_go,
    offline_among,
    sends_waiting,
)
from campaigns.flows.opening.askers import Asker
from campaigns.flows.sending.sent_today import SentToday, domain_of
from campaigns.models import Campaign, Send, SendStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.flows.flows_heard import listen, plan_of, prepare
from tests.partitions import drop_extra_partitions
from tests.shop import approved, record_opens

pytestmark = pytest.mark.slow

READER = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")
BIG = (
    "sends",
    "events",
    "slot_serves",
    "customers",
    "consent_states",
    "consent_entries",
    "order_lines",
    "signals",
    "copy_cells",
)
OTHERS = (2, 150, 250)
# Two hundred thousand sends in three partitions, beside the real campaign's few.
_FILL = """
insert into customers (external_id) select 'bulk' || n from generate_series(1, 70000) n;
insert into consent_entries (customer_id, purpose, action, at)
  select id, purpose, 'granted', now() from customers, unnest(array['marketing', 'open_tracking']) purpose
  where external_id like 'bulk%';
insert into consent_states (customer_id, purpose, granted, entry_id, at)
  select customer_id, purpose, true, id, at from consent_entries where customer_id in
    (select id from customers where external_id like 'bulk%');
insert into order_lines (order_id, customer_id, product_id, ordered_at)
  select 'bulk' || c.id, c.id, (select min(id) from products), now() from customers c
  where external_id like 'bulk%';
insert into signals (key, customer_id, product_id, kind, at)
  select 'bulk' || c.id, c.id, (select min(id) from products), 'view', now() from customers c
  where external_id like 'bulk%';
insert into campaigns (id, name, template, picks, sender, postal_address, brief, segment, slots, status)
  select n, 'C' || n, template, picks, sender, postal_address, brief, segment, slots, 'paused'
  from campaigns, unnest(array[2, 150, 250]) n where campaigns.id = 1;
insert into sends (campaign_id, customer_id, status, tracked, sent_at, not_before, claimed_by)
  select n, c.id, (array['planned','planned','sent','claimed','held_back','sent','failed','uncertain'])[1 + c.id % 8],
    true, now(), case when c.id % 16 = 0 then now() end, case when c.id % 8 in (3, 7) then 'far:w' || c.id % 5
    else '' end
  from unnest(array[2, 150, 250]) n, customers c where external_id like 'bulk%' order by 1, 2;
insert into events (campaign_id, key, name, send_id, customer_id, at)
  select campaign_id, 'opened:' || id, 'opened', id, customer_id, now() from sends where status = 'sent';
insert into slot_serves (campaign_id, send_id, slot, variant, served_at)
  select campaign_id, id, 0, 'rain', now() from sends where status = 'sent';
insert into worker_leases (worker, lease_until) select 'far:w' || n, now() + interval '1 day'
  from generate_series(0, 4) n union all select 'far:dead', now() - interval '1 minute';
update sends set claimed_by = 'far:dead'
  where campaign_id = 150 and id = (select min(id) from sends where campaign_id = 150 and status = 'claimed');
insert into copy_cells (campaign_id, key, sends, state, claimed_by)
  select n, 'cell' || c, 1 + c % 3, (array['waiting','written','offline'])[1 + c % 3], case when c % 999 = 0
    then 'far:w1' else '' end
  from unnest(array[2, 150]) n, generate_series(1, 20000) c;
insert into campaign_counts (campaign_id, status, n) select campaign_id, status, count(*) from sends
  where campaign_id > 1 group by 1, 2;
"""


@pytest.fixture
def big(shop: Runtime, sample: SampleFiles) -> Iterator[Runtime]:
    """A real campaign about to be sent beside three big ones; afterwards only the first range is left."""
    # Earlier mails are looked for, and it is counted who looks at them.
    shop.settings.frequency_cap, shop.settings.snooze_after = "3/7d", 5
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        session.execute(text(_FILL))
        later = (
            "update sends set not_before = now() - interval '1 minute' where campaign_id = 1 and id % 5 = 0"
        )
        session.execute(text(later))
    with shop.db.transaction() as session:
        session.execute(text("analyze"))
    yield shop
    drop_extra_partitions(shop.db)


def live_through_everything(runtime: Runtime) -> None:
    """A campaign goes out and is read, clicked and unsubscribed from, in this process."""
    while runtime.sending.send_batch(1).claimed:
        pass
    with runtime.db.transaction() as session:
        domain = domain_of(session.get_one(Campaign, 1).sender)
    assert SentToday(runtime.db, SystemClock())(domain) > 0
    with runtime.db.transaction() as session:
        send = session.scalars(
            select(Send).where(Send.campaign_id == 1, Send.tracked, Send.status == "sent").limit(1)
        ).one()
    ask_for_words(runtime)
    sign = runtime.signer.sign
    for slot in (0, PIXEL_SLOT):
        runtime.opening.picture(sign("open", 1, send.id, slot), READER)
    runtime.feedback.click(sign("click", 1, send.id, CLICK_CALL_TO_ACTION, 0), READER)
    runtime.viewing.in_browser(sign("view", 1, send.id))
    runtime.unsubscribing.by_link(sign("unsubscribe", 1, send.customer_id, send.id))
    runtime.opening.picture(sign("open", send.id, 0), READER)  # A link of the first version.
    record_opens(runtime)
    runtime.open_states.catch_up()
    runtime.open_states.warm(1)
    runtime.engagement.run()
    assert runtime.recovery.sweep().sends == {"planned": 1}, "one worker of another machine had died"


def ask_for_words(runtime: Runtime) -> None:
    """What a worker asks who writes by a model, though nobody waits for words."""
    claims, now = runtime.claims, runtime.clock.now()
    with runtime.db.transaction() as session:
        assert not claims.take_of_cells(session, 1, [1, 2], 10, "here:test")
        assert not claims.take_put_off_of_cells(session, 1, [1, 2], 0, 10, "here:test", now)
        assert not claims.take_put_off_of_each(session, 1, [1, 2], "here:test", now)
        assert not claims.take_put_off(session, 1, 0, 10, "here:test", now)
        assert not claims.take_waiting(session, 1, SendStatus.PICKED, 10, "here:test")
        assert not claims.take_fresh(session, 1, 10, "here:test")
    with runtime.db.transaction() as session:
        assert not claim_cells(session, 1, "here:test", 10)
        assert not let_go(session, 1, "here:test", emptied=True)
        assert not offline_among(session, 1, ["a", "b"])
        assert not end_cells(
            session, 1, [Ended("a", "written", "first_pass", None, (), ())], as_samples=False
        )
        assert not sends_waiting(session, 1)
        end_known(session, 1, ["a", "b"])
        leave(session, 1, {1: 1}, {})


def plans(connection: psycopg.Connection[Any], sql: str, literals: tuple[str, ...]) -> Iterator[Any]:
    """PostgreSQL's plan for these values, and the one that it settles on."""
    call = prepare(connection, sql, literals)
    for turn in range(7):
        plan = plan_of(connection, call)
        if turn in (0, 6):
            yield plan
    connection.execute("deallocate asked")


def sequential(plan: dict[str, Any]) -> Iterator[str]:
    """The big tables that this plan reads from one end to the other."""
    table = str(plan.get("Relation Name", ""))
    # A plan with a sub-plan that is never started says so; what is started is to use an index.
    if plan["Node Type"] == "Seq Scan" and table.startswith(BIG):
        yield table
    for child in plan.get("Plans", []):
        yield from sequential(child)


def test_no_hot_query_reads_a_big_table_from_end_to_end(big: Runtime) -> None:
    heard = listen(big.db)
    live_through_everything(big)
    statements = list(heard.values())
    words = "\n".join(sql.lower() for sql, _ in statements)
    for wanted in (
        "skip locked", "update sends", "insert into events", "insert into slot_serves", "consent_states",
        "from customers", "order_lines", "drained_groups", "open_states", "insert into campaign_counts", "worker_leases", "from campaign_days",
        "sends as earlier", "from contact_preferences", "insert into engagement_states", "from signals", "jsonb_array_elements",
    ):  # fmt: skip
        assert wanted in words, f"nothing was heard of {wanted}: this test no longer sees the hot path"
    bad = []
    with psycopg.connect(libpq_url(big.db.url), autocommit=True) as connection:
        for sql, literals in statements:
            for which, plan in zip(("first", "settled"), plans(connection, sql, literals), strict=True):
                bad += [f"{which} plan reads all of {table}: {sql}" for table in sequential(plan)]
    assert not bad, "\n\n".join(bad)
    assert len(statements) > 15


def test_the_listener_would_notice_a_sequential_scan(big: Runtime) -> None:
    """The test of the test: a query that has to read everything is named."""
    heard = listen(big.db)
    with big.db.transaction() as session:
        session.execute(text("select count(*) from sends where smtp_reply = :words"), {"words": "it's 100%"})
    ((sql, literals),) = heard.values()
    with psycopg.connect(libpq_url(big.db.url), autocommit=True) as connection:
        found = {table for plan in plans(connection, sql, literals) for table in sequential(plan)}
    assert found == {"sends_p000000", "sends_p000001", "sends_p000002"}

"""What a batch costs before PostgreSQL has looked at a partition that was just filled.

Its planner knows nothing of the rows then, and autovacuum comes a minute later at best: by that time a worker has
sent a hundred thousand mails. Nor has anything been vacuumed, so that what a worker had held still stands in the
index by worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from campaigns.core.db import libpq_url
from campaigns.flows.scheduling import planning
from campaigns.flows.sending.claims import give_back
from campaigns.flows.sending.send_moves import Intent, Move, begin, move, undo
from campaigns.models import SendStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.flows.flows_heard import Heard, listen, plan_of, prepare
from tests.shop import approved

BULK = 20_000
# As if this worker had sent most of the campaign in the last minute.
_SENT_BEFORE = f"""
alter table sends_p000000 set (autovacuum_enabled = off);
insert into customers (external_id) select 'bulk' || n from generate_series(1, {BULK}) n;
insert into sends (campaign_id, customer_id, status, claimed_by)
  select 1, c.id, 'claimed', (select max(claimed_by) from sends) from customers c where external_id like 'bulk%';
update sends set status = 'sending' where status = 'claimed' and campaign_id = 1;
update sends set status = 'sent', sent_at = now() where status = 'sending' and campaign_id = 1;
delete from pg_statistic where starelid = 'sends_p000000'::regclass;
"""


@pytest.fixture
def unanalysed(shop: Runtime, sample: SampleFiles) -> Iterator[Runtime]:
    """The shop amid a big campaign of which nobody has counted anything."""
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    assert shop.sending.send_batch(campaign_id).claimed == 40
    with shop.db.transaction() as session:
        session.execute(text(_SENT_BEFORE))
    yield shop
    with shop.db.transaction() as session:
        session.execute(text("alter table sends_p000000 reset (autovacuum_enabled)"))


def looked_at(plan: dict[str, Any]) -> float:
    """How many rows of sends the busiest scan of this plan went through, dead ones of an index included."""
    own = 0.0
    if str(plan.get("Relation Name", "")).startswith("sends") or "sends" in str(plan.get("Index Name", "")):
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return max([own, *(looked_at(child) for child in plan.get("Plans", []))])


def busiest(connection: psycopg.Connection[Any], sql: str, literals: tuple[str, ...], mode: str) -> float:
    """How many rows of sends this statement looks at, planned so; what it changes is undone."""
    connection.execute(f"set local plan_cache_mode = {mode}".encode())
    plan = plan_of(connection, prepare(connection, sql, literals), "analyze")
    connection.rollback()
    connection.execute(b"deallocate asked")
    return looked_at(plan)


def far_looking(runtime: Runtime, heard: Heard) -> list[str]:
    """Those of these statements that look at a twentieth of the big campaign or more."""
    found = []
    with psycopg.connect(libpq_url(runtime.db.url)) as connection:
        for sql, literals in heard.values():
            for mode in ("force_custom_plan", "force_generic_plan") if "sends" in sql else ():
                seen = busiest(connection, sql, literals, mode)
                if seen >= BULK / 20:
                    found.append(f"{seen:.0f} rows, {mode}: {sql}")
    return found


def test_a_batch_looks_at_no_more_of_a_big_campaign_than_of_a_small_one(unanalysed: Runtime) -> None:
    heard = listen(unanalysed.db)
    assert unanalysed.sending.send_batch(1).claimed == 15
    assert sum("sends" in sql for sql, _ in heard.values()) > 4
    far = far_looking(unanalysed, heard)
    assert not far, "\n\n".join(far)


def test_nor_does_a_batch_of_sends_that_lie_far_apart_once_the_campaign_is_analysed(
    unanalysed: Runtime,
) -> None:
    """As those do that a relay put off."""
    with unanalysed.db.transaction() as session:
        worker, ids = session.execute(
            text("select max(claimed_by), array_agg(id order by id) filter (where id % 400 = 0) from sends")
        ).one()
        session.execute(text("analyze sends"))
    assert len(ids) > 40
    heard = listen(unanalysed.db)
    with unanalysed.db.transaction() as session:
        sent = [SendStatus.SENT]
        moved = move(session, 1, worker, sent, [Move(one, SendStatus.SENT, "again") for one in ids])
        assert moved == set(ids)
        assert begin(session, 1, worker, [Intent(one, [], 0) for one in ids]) == set()
        assert not give_back(session, 1, worker, ids) and not undo(session, 1, worker, ids)
    far = far_looking(unanalysed, heard)
    assert not far, "\n\n".join(far)


def test_the_planner_knows_of_a_big_audience_as_soon_as_it_is_frozen(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_MANY", 80)
    with shop.db.transaction() as session:
        session.execute(text("delete from pg_statistic where starelid = 'sends_p000000'::regclass"))
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        known = session.execute(
            text(
                "select reltuples, (select n_distinct from pg_stats where tablename = relname and attname = 'id') "
                "from pg_class where relname = 'sends_p000000'"
            )
        ).one()
    assert known == (80, -1)

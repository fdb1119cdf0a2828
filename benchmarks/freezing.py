"""Freezing a million sends, and claiming batches among five million rows: `python -m benchmarks.freezing`.

A batch has as many sends as `TAILORMAIL_BATCH_SIZE` says if nobody sets it; `--batch` tries another size.

Customers, consents and the rows of other campaigns are made in SQL and are not part of the timing. The
audience is frozen by the real `freeze_audience`, batches are claimed by the real `Claims`, each in a
transaction of its own with its commit. One JSON object is printed; the folder with the server is removed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, cast

from sqlalchemy import CursorResult, text

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import freeze_audience
from campaigns.audience.segments import parse_segment
from campaigns.core.db import Database
from campaigns.core.embedded import Embedded
from campaigns.core.settings import Settings
from campaigns.flows.sending.claims import Claims
from campaigns.flows.sending.counters import recount
from campaigns.models import schema

_BATCH: int = Settings.model_fields["batch_size"].default
_CLAIMS = 200
_LEASE = timedelta(minutes=2)
# Measured: a customer with consents takes some 900 bytes, a send some 400 with its keys; the log as much.
_BYTES_A_CUSTOMER, _BYTES_A_SEND = 2_000, 1_000

_CUSTOMERS = """
insert into customers (external_id, email_cipher, email_hmac, first_name, last_name, locale, timezone, country)
  select 'c' || n, decode(repeat('ab', 60), 'hex'), decode(md5(n::text) || md5('x' || n), 'hex'), 'First' || n % 997,
    'Last' || n % 1999, (array['en', 'de', 'fr', 'es'])[1 + n % 4],
    (array['Europe/Oslo', 'Europe/Berlin', 'America/New_York'])[1 + n % 3], 'Norway'
  from generate_series(1, :customers) n;
insert into consent_entries (customer_id, purpose, action, wording, source, at, position, evidence_salt, evidence_hash,
    previous_hash, hash)
  select id, purpose, 'granted', 'words-v1', 'checkout', now(), nth, '', '', '', '' from customers,
    unnest(array['marketing', 'profiling', 'open_tracking', 'open_location']) with ordinality p (purpose, nth)
  where nth = 1 or id % 5 > nth - 2;
insert into consent_states (customer_id, purpose, granted, entry_id, at)
  select customer_id, purpose, true, id, at from consent_entries;
insert into suppressions (address_hmac, reason, at)
  select email_hmac, 'unsubscribed', now() from customers where id % 200 = 0;
insert into campaigns (id, name, template, picks, sender, postal_address, brief, segment, slots)
  select n, 'C' || n, 'outdoor', 4, 'a@shop.example', 'Street 1', '{}', '{}', '[]' from generate_series(1, :campaigns) n;
"""
_OTHER_SENDS = """
insert into sends (campaign_id, customer_id, status, reason, consent_entry_id, personal, tracked, created_at)
  select :campaign, customer_id, status, reason, consent_entry_id, personal, tracked, created_at
  from sends where campaign_id = 1 order by id limit :rows
"""


@contextmanager
def empty_database() -> Iterator[Database]:
    """A database of its own, with all tables; the folder with its server is removed."""
    with tempfile.TemporaryDirectory(prefix="tm-freezing-", ignore_cleanup_errors=True) as folder:
        embedded = Embedded(Path(folder), redis=False)
        urls = embedded.acquire()
        assert urls.database_url is not None
        db = Database(urls.database_url)
        try:
            schema.upgrade(db)
            yield db
        finally:
            db.close()
            embedded.release()
            if embedded.postgres:
                embedded.postgres.stop()


def fill(db: Database, customers: int, campaigns: int) -> None:
    """Customers with consents, a few of them suppressed, and campaigns that nobody has sent."""
    with db.transaction() as session:
        # Keys between rows made a line above need no checking, and nobody looks at the ledger's chain here.
        session.execute(text("set local session_replication_role = replica"))
        session.execute(text("select make_campaign_partitions(:last)"), {"last": campaigns})
        for statement in _CUSTOMERS.split(";\n"):
            if statement.strip():
                session.execute(text(statement), {"customers": customers, "campaigns": campaigns})
    analyse(db)


def analyse(db: Database) -> None:
    """Gather statistics, as autovacuum would."""
    with db.transaction() as session:
        session.execute(text("analyze"))


def _freeze(db: Database) -> dict[str, object]:
    now = datetime.now(UTC)
    began = time.perf_counter()
    with db.transaction() as session:
        frozen = freeze_audience(session, ContactTerms(1), parse_segment({}), now)
    froze = time.perf_counter()
    with db.transaction() as session:
        recount(session, 1)
    counted = time.perf_counter()
    total = frozen.planned + sum(frozen.held_back.values())
    return {
        "sends": total,
        "planned": frozen.planned,
        "seconds": round(froze - began, 2),
        "sends_a_second": round(total / (froze - began)),
        "counting_seconds": round(counted - froze, 2),
    }


def _claims(db: Database, campaign: int, batch: int) -> dict[str, float | None]:
    """Milliseconds a claim, of the wall clock and of the processor of the server's process.

    The first claim of a worker is told apart: it does not know yet from where on there is something.
    """
    claims, took, cpu_before = Claims(_LEASE), [], None
    for _ in range(_CLAIMS):
        began = time.perf_counter()
        with db.transaction() as session:
            taken = claims.take(session, campaign, batch, "bench:1", datetime.now(UTC))
        took.append((time.perf_counter() - began) * 1000)
        if cpu_before is None:
            cpu_before = _server_cpu(db)
        if len(taken) < batch:
            raise RuntimeError(f"only {len(taken)} sends were left: give more customers")
    used = (_server_cpu(db) or 0.0) - (cpu_before or 0.0)
    return {
        "first_ms": round(took[0], 2),
        "median_ms": round(median(took[1:]), 2),
        "worst_ms": round(max(took[1:]), 2),
        "server_cpu_ms": round(used / (len(took) - 1), 2) if used else None,
        "claims": len(took),
    }


def _server_cpu(db: Database) -> float | None:
    """Milliseconds that the server's process of the (only) pooled connection worked; None without /proc."""
    with db.transaction() as session:
        process = Path(f"/proc/{session.scalar(text('select pg_backend_pid()'))}/stat")
    if not process.exists():
        return None
    # Behind the name in brackets: fields 14 and 15 of proc(5), in clock ticks.
    numbers = process.read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _claim_all_but_few(db: Database, campaign: int, batch: int) -> int:
    """As if nearly all of a campaign had been claimed and sent, and nothing been vacuumed since."""
    keep = batch * (_CLAIMS + 2)
    with db.transaction() as session:
        session.execute(text("alter table sends_p000000 set (autovacuum_enabled = false)"))
        last = session.scalar(
            text(
                "select id from sends where campaign_id = :campaign and status = 'planned' "
                "order by id desc offset :keep limit 1"
            ),
            {"campaign": campaign, "keep": keep},
        )
    step = text(
        "update sends set status = :after where campaign_id = :campaign and status = :before and id <= :last"
    )
    for before, after in (("planned", "claimed"), ("claimed", "sending"), ("sending", "sent")):
        with db.transaction() as session:
            values = {"before": before, "after": after, "campaign": campaign, "last": last}
            changed = cast("CursorResult[Any]", session.execute(step, values))
    return changed.rowcount


def measure(customers: int, rows: int, batch: int) -> dict[str, object]:
    """All figures; `rows` counts all sends when batches are claimed."""
    campaigns = max(2, -(-rows // customers))
    with empty_database() as db:
        fill(db, customers, campaigns)
        frozen = _freeze(db)
        for campaign in range(2, campaigns + 1):
            with db.transaction() as session:
                session.execute(text(_OTHER_SENDS), {"campaign": campaign, "rows": customers})
        analyse(db)
        with db.transaction() as session:
            there = session.scalar(text("select count(*) from sends"))
        fresh = _claims(db, campaigns, batch)
        dead = _claim_all_but_few(db, 2, batch)
        return {
            "frozen": frozen,
            "rows": there,
            "batch": batch,
            "claim": fresh,
            "rows_claimed_and_sent_before_unvacuumed": dead,
            "claim_behind_dead_rows": _claims(db, 2, batch),
        }


def main() -> int:
    """Parse, check the disk, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freezing", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=5_000_000, help="sends that are there when claiming")
    parser.add_argument("--batch", type=int, default=_BATCH, help="sends that one claim takes")
    asked = parser.parse_args()
    needed = asked.customers * _BYTES_A_CUSTOMER + max(asked.rows, asked.customers) * _BYTES_A_SEND
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        print(
            f"needs {needed / 1e9:.1f} GB in {tempfile.gettempdir()}, {free / 1e9:.1f} are free",
            file=sys.stderr,
        )
        return 1
    print(json.dumps(measure(asked.customers, asked.rows, asked.batch), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

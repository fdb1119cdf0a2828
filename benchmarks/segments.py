"""Counting segments among a million customers: `python -m benchmarks.segments`, or `make bench-segments`.

For each of some usual sets of rules: the estimate that a page waits for (with who is held back, why, and ten
samples), the exact count that a worker makes, and asking again for a count that is there. Customers, consents,
orders, mails and opens are made in SQL. One JSON object is printed, times in milliseconds of the wall clock; the
folder with the server is removed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles
from typing import Any

from sqlalchemy import text

from benchmarks.freezing import analyse, empty_database, fill
from campaigns.core.clock import SystemClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.frequency import FrequencyCap
from campaigns.core.jobs import NoJobs
from campaigns.flows.customers import segment_counts
from campaigns.flows.customers.segment_counts import SegmentCounts

# Measured: with three orders and three mails each.
_BYTES_A_CUSTOMER = 6_000
_CAMPAIGNS = 3

_SHOP = """
update customers set country = (array['Norway', 'Sweden', 'Germany', 'Spain'])[1 + abs(hashint8(id) %% 4)],
    city = (array['Oslo', 'Bergen', 'Lund'])[1 + abs(hashint8(id + 7) %% 3)],
    latitude = 55 + abs(hashint8(id + 1) %% 150) / 10.0, longitude = 5 + abs(hashint8(id + 2) %% 150) / 10.0,
    tags = case when id %% 50 = 0 then array['vip'] else '{}' end;
insert into products (sku, title, category, brand, price)
  select 's' || n, 'Product ' || n, (array['Boots', 'Hats', 'Jackets', 'Tents'])[1 + n %% 4], 'Brand ' || n %% 7, n
  from generate_series(1, 200) n;
insert into order_lines (order_id, customer_id, product_id, quantity, unit_price, ordered_at)
  select 'o' || c.id || '-' || n, c.id, 1 + abs(hashint8(c.id * 3 + n) %% 200), 1, abs(hashint8(c.id + n) %% 20000) / 100.0,
    now() - abs(hashint8(c.id * 5 + n) %% 900) * interval '1 day'
  from customers c, generate_series(1, 3) n where c.id %% 4 > 0;
update campaigns set status = 'sent', started_at = now() - id * interval '30 days', finished_at = now() - id * interval '29 days';
insert into sends (campaign_id, customer_id, status, tracked, sent_at)
  select n, c.id, 'sent', c.id %% 5 > 1, now() - n * interval '30 days' from customers c, generate_series(1, 3) n;
insert into events (campaign_id, key, name, send_id, customer_id, at, machine)
  select s.campaign_id, 'o' || s.id, 'opened', s.id, s.customer_id, s.sent_at + interval '1 hour', s.id %% 3 = 0
  from sends s where s.tracked and abs(hashint8(s.id) %% 5) < 2;
insert into engagement_states (customer_id, mails, state)
  select id, 3, (array['active', 'active', 'active', 'snoozed'])[1 + id %% 4] from customers
""".replace("%%", "%")

RULES: dict[str, Mapping[str, Any]] = {
    "everybody": {},
    "a country": {"country": "Norway"},
    "rare: vip near Oslo": {"all": [{"tag": "vip"}, {"near": {"latitude": 59.9, "longitude": 10.8, "km": 60}}]},
    "bought lately": {"bought": {"category": "Boots", "within_days": 90}},
    "lapsed buyers": {"last_order": {"more_than_days": 180}},
    "spent much": {"total_spent": {"at_least": 300}},
    "opened lately, no order since": {"all": [{"opened": {"within_days": 60}}, {"not_bought": {"within_days": 60}}]},
    "never opens": {"all": [{"not_opened": {}}, {"engagement": "snoozed"}, {"has_purpose": "profiling"}]},
}  # fmt: skip
"""Some usual questions."""


def measure(customers: int, repetitions: int) -> dict[str, object]:
    """All figures."""
    with empty_database() as db:
        fill(db, customers, _CAMPAIGNS)
        _sell_and_mail(db)
        counts = SegmentCounts(db, SystemClock(), KeyRing(["x" * 40]), NoJobs(), FrequencyCap.parse("3/7d"))
        found = {name: _one(counts, rules, repetitions) for name, rules in RULES.items()}
        estimates = [figures["estimate_ms"]["p95"] for figures in found.values()]
        return {"customers": customers, "worst_estimate_p95_ms": max(estimates), "rules": found}


def _one(counts: SegmentCounts, rules: Mapping[str, Any], repetitions: int) -> dict[str, Any]:
    estimate = counts.estimate(rules)
    figures = {"estimate_ms": _timed(lambda: counts.estimate(rules), repetitions)}
    figures["samples_ms"] = _timed(lambda: counts.samples(rules), repetitions)
    began = time.perf_counter()
    exact = counts.exact(rules)
    took = (time.perf_counter() - began) * 1000
    figures["counted_already_ms"] = _timed(lambda: counts.look(rules), repetitions)
    inside = estimate.low <= exact.n <= estimate.high
    told = {
        "estimate": estimate.n,
        "low": estimate.low,
        "high": estimate.high,
        "exact": exact.n,
        "inside": inside,
    }
    return {**told, "exact_ms": round(took), **figures}


def _timed(work: Callable[[], object], repetitions: int) -> dict[str, float]:
    took = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return {"p50": round(median(took), 1), "p95": round(quantiles(took, n=20)[-1], 1)}


def _sell_and_mail(db: Database) -> None:
    with db.transaction() as session:
        session.execute(text("set local session_replication_role = replica"))
        for statement in _SHOP.split(";\n"):
            session.execute(text(statement))
    with db.transaction() as session:
        session.execute(text("set local session_replication_role = replica"))
        session.execute(text("update customers set email_cipher = decode(repeat('ab', 60), 'hex')"))
    analyse(db)


def main() -> int:
    """Parse, check the disk, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segments", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=20)
    asked = parser.parse_args()
    needed, free = asked.customers * _BYTES_A_CUSTOMER, shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        print(
            f"needs {needed / 1e9:.1f} GB in {tempfile.gettempdir()}, {free / 1e9:.1f} are free",
            file=sys.stderr,
        )
        return 1
    print(
        json.dumps({"sample": segment_counts.SAMPLE, **measure(asked.customers, asked.repetitions)}, indent=2)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

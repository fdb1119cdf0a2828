"""The whole of a real retailer's data in one go (see the fixture `retail`)."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import estimate_audience
from campaigns.audience.import_columns import Kind
from campaigns.audience.importing import ImportResult, import_file
from campaigns.audience.segments import parse_segment
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.models import OrderLine
from tests.waiting import in_time

NOW = datetime(2012, 1, 1, tzinfo=UTC)
ROWS: dict[Kind, int] = {"customers": 4334, "products": 3659, "orders": 396_337, "consents": 13_237}


@pytest.mark.slow
def test_the_retail_data_lands_whole_and_fast_and_a_second_run_changes_nothing(
    db: Database, keyring: KeyRing, retail: Path
) -> None:
    def import_all() -> dict[Kind, ImportResult]:
        results = {}
        for kind in ROWS:
            with db.transaction() as session:
                results[kind] = import_file(session, kind, retail / f"{kind}.csv.gz", keyring, {}, {}, NOW)
        return results

    started = time.monotonic()
    first = import_all()
    in_a_while = in_time(started, 15)
    assert {kind: result.inserted for kind, result in first.items()} == ROWS
    assert [result.skipped for result in first.values()] == [0, 0, 0, 0]
    assert in_a_while, "some 12 s on two free cores"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    second = import_all()
    assert {kind: result.unchanged for kind, result in second.items()} == ROWS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000  # kilobytes; the unpacked orders alone are 20 MB
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(OrderLine)) == ROWS["orders"]
        audience = estimate_audience(session, ContactTerms(0), parse_segment({}), NOW)
        assert audience.planned + sum(audience.held_back.values()) == ROWS["customers"]
        assert audience.planned > 3000
        assert set(audience.held_back) == {"never_asked", "withdrawn"}
        loyal = parse_segment({"all": [{"total_spent": {"at_least": 1000}}, {"bought": {"within_days": 60}}]})
        started = time.monotonic()
        assert estimate_audience(session, ContactTerms(0), loyal, NOW).planned > 100
        assert in_time(started, 3)

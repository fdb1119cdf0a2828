"""The report says what decided the place, honestly: by slot, in shares, and without the pixel."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaigns.insight.report import campaign_report
from campaigns.models import PIXEL_SLOT
from campaigns.runtime import Runtime
from tests.opentime.opentime_serves import serve
from tests.shop import record_opens


@pytest.fixture
def opened(runtime: Runtime) -> Runtime:
    """Four mails whose pictures were placed by address, Apple's city, home and nothing; six pixels."""
    with runtime.db.transaction() as session:
        for statement in (
            "insert into campaigns (name, template, picks, sender, postal_address, brief, segment, slots) "
            "values ('C', 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', '[]')",
            "insert into customers (external_id) select n from generate_series(1, 6) n",
            "insert into sends (campaign_id, id, customer_id, status) select 1, n, n, 'sent' "
            "from generate_series(1, 6) n",
        ):
            session.execute(text(statement))
    for send, signal in enumerate(("address", "apple_city", "home", "home", "none"), 1):
        runtime.serve_log.add(serve(send, 0, signal=signal, n=50))
    runtime.serve_log.add(serve(1, 1, signal="home"))
    for send in range(1, 7):
        runtime.serve_log.add(serve(send, PIXEL_SLOT, variant="pixel", link="", signal="none"))
    record_opens(runtime)
    return runtime


def test_shares_of_what_decided_the_place(opened: Runtime) -> None:
    with opened.db.transaction() as session:
        report = campaign_report(session, 1, ["hero", "foot"], opened.clock.now())
    assert report.signals == {"home": 3, "address": 1, "apple_city": 1, "none": 1}
    assert report.signal_shares == {"home": 0.5, "address": 0.1667, "apple_city": 0.1667, "none": 0.1667}
    assert report.signals_by_slot["hero"] == {"home": 2, "address": 1, "apple_city": 1, "none": 1}
    assert report.signals_by_slot["foot"] == {"home": 1}
    assert report.pictures == {"hero": {"rain": 5}, "foot": {"rain": 1}}
    assert report.opens_human == 6


def test_nothing_opened_is_no_division_by_nothing(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        report = campaign_report(session, 1, [], runtime.clock.now())
    assert (report.signals, report.signal_shares, report.signals_by_slot) == ({}, {}, {})

"""Counts of rules: the sample at once, everybody by a worker, and the same verdict as freezing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import estimate_audience
from campaigns.audience.segments import parse_segment
from campaigns.core.errors import BadInput
from campaigns.flows.customers import segment_counts
from campaigns.models import Customer, SegmentCountRow
from campaigns.runtime import Runtime

NORWAY = {"country": "Norway"}


@pytest.fixture
def crowd(runtime: Runtime) -> Runtime:
    """4,000 customers, a quarter of them in Norway; two thirds agreed to marketing."""
    with runtime.db.transaction() as session:
        session.execute(
            text(
                "insert into customers (external_id, email_cipher, email_hmac, country, city, locale)"
                " select 'c' || n, null, decode(md5(n::text), 'hex'),"
                " case when n % 4 = 0 then 'Norway' else 'Sweden' end, 'Bergen', 'nb_NO'"
                " from generate_series(1, 4000) n"
            )
        )
        session.execute(
            text(
                "insert into consent_entries (customer_id, purpose, action, wording, source, at, position,"
                " evidence_salt, evidence_hash, previous_hash, hash)"
                " select id, 'marketing', 'granted', 'w', 's', now(), 1, '', '', '', '' from customers"
                " where id % 3 <> 0"
            )
        )
        session.execute(
            text(
                "insert into consent_states (customer_id, purpose, granted, entry_id, at)"
                " select customer_id, purpose, true, id, at from consent_entries"
            )
        )
        session.execute(text("update customers set email_cipher = email_hmac where id % 5 <> 0"))
        session.execute(text("analyze customers"))
    return runtime


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The larger sample is taken, however slow this machine is just now."""
    monkeypatch.setattr(segment_counts, "_PATIENCE_SECONDS", 60.0)


@pytest.fixture
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample smaller than the crowd."""
    monkeypatch.setattr(segment_counts, "FIRST_LOOK", 500)
    monkeypatch.setattr(segment_counts, "SAMPLE", 1500)


def test_where_everybody_is_in_the_sample_the_estimate_is_exact(crowd: Runtime) -> None:
    look = crowd.segment_counts.look(NORWAY)
    assert look.fits.exact and look.fits.n == look.fits.low == look.fits.high == 1000
    assert not look.waiting
    with crowd.db.transaction() as session:
        frozen = estimate_audience(session, ContactTerms(0), parse_segment(NORWAY), crowd.clock.now())
        assert session.scalar(select(SegmentCountRow)) is None
    assert look.planned.n == frozen.planned
    assert {why: count.n for why, count in look.held_back.items()} == frozen.held_back
    assert frozen.held_back.keys() == {"never_asked", "no_address"}


@pytest.mark.usefixtures("small_sample")
def test_the_estimate_is_between_its_bounds_and_a_worker_counts(crowd: Runtime) -> None:
    counts = crowd.segment_counts
    look = counts.look(NORWAY)
    assert not look.fits.exact and look.waiting
    assert look.fits.low <= 1000 <= look.fits.high
    assert look.fits.high - look.fits.low < 400
    assert len(look.samples) == 10
    assert ("count_segments", 0) in crowd.jobs.hints  # type: ignore[attr-defined]
    assert counts.kept(look.digest) is None
    assert counts.work() == 1
    assert counts.work() == 0
    exact = counts.look(NORWAY)
    assert exact.fits.exact and exact.fits.n == 1000 and not exact.waiting
    assert exact.planned.n + sum(c.n for c in exact.held_back.values()) == 1000
    assert counts.exact(NORWAY).n == 1000


@pytest.mark.usefixtures("small_sample")
def test_the_same_people_are_shown_and_by_the_same_order(crowd: Runtime) -> None:
    first = [person.external_id for person in crowd.segment_counts.samples(NORWAY)]
    assert first == [person.external_id for person in crowd.segment_counts.samples(NORWAY)]
    assert len(set(first)) == 10
    with crowd.db.transaction() as session:
        countries = session.scalars(select(Customer.country).where(Customer.external_id.in_(first)))
        assert set(countries) == {"Norway"}


@pytest.mark.usefixtures("small_sample")
def test_rare_customers_are_shown_once_everybody_was_counted(crowd: Runtime) -> None:
    with crowd.db.transaction() as session:
        session.execute(text("update customers set city = 'Vardo' where external_id in ('c7', 'c8', 'c9')"))
    rare = {"city": "vardo"}
    look = crowd.segment_counts.look(rare)
    assert look.fits.low <= 3 <= look.fits.high
    crowd.segment_counts.work()
    exact = crowd.segment_counts.look(rare)
    assert {person.external_id for person in exact.samples} == {"c7", "c8", "c9"}


@pytest.mark.usefixtures("small_sample")
def test_an_old_count_is_shown_with_its_time_while_it_is_made_anew(crowd: Runtime) -> None:
    counts = crowd.segment_counts
    digest = counts.look(NORWAY).digest
    counts.work()
    with crowd.db.transaction() as session:
        row = session.get_one(SegmentCountRow, digest)
        row.counted_at = old = crowd.clock.now() - timedelta(hours=1)
    look = counts.look(NORWAY)
    assert look.fits.exact and look.fits.at == old and look.waiting
    assert counts.work() == 1
    assert not counts.look(NORWAY).waiting
    with crowd.db.transaction() as session:
        session.get_one(SegmentCountRow, digest).counted_at = crowd.clock.now() - timedelta(days=2)
    assert not counts.look(NORWAY).fits.exact


@pytest.mark.usefixtures("small_sample")
def test_a_count_that_takes_too_long_is_said(crowd: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_counts, "_EXACT_SECONDS", 0.001)
    look = crowd.segment_counts.look(NORWAY)
    assert crowd.segment_counts.work() == 1
    kept = crowd.segment_counts.look(NORWAY)
    assert "too long" in kept.failed and not kept.waiting
    assert kept.fits.n == look.fits.n


@pytest.mark.usefixtures("small_sample")
def test_who_asked_long_ago_is_not_counted_for(crowd: Runtime) -> None:
    look = crowd.segment_counts.look(NORWAY)
    with crowd.db.transaction() as session:
        session.get_one(SegmentCountRow, look.digest).asked_at = crowd.clock.now() - timedelta(hours=1)
    assert crowd.segment_counts.work() == 0
    crowd.segment_counts.look(NORWAY)
    assert crowd.segment_counts.work() == 1


def test_wrong_rules_are_refused_with_their_path(runtime: Runtime) -> None:
    with pytest.raises(BadInput) as refusal:
        runtime.segment_counts.look({"all": [{"colour": "red"}]})
    assert refusal.value.where == "segment.all[0]"
    assert runtime.segment_counts.look({}).fits.n == 0

"""The ledger's chain: what is written to it, by whatever way and however many at once, is whole; and each way of
tampering with it, by somebody who may switch the triggers off, is found and named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.audience import consent
from campaigns.audience.importing import ImportResult
from campaigns.audience.ledger import Break, verify
from campaigns.audience.privacy import erase_customer
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.models import PURPOSES, ConsentEntry, ConsentHead
from campaigns.models.consent import ACTIONS

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
Ids = Callable[[], dict[str, int]]
Statement = tuple[int, str, str, int]


@pytest.fixture
def chained(shop: Callable[..., ImportResult], session: UnitOfWork, ids: Ids) -> dict[str, int]:
    """Two customers with five entries each; entries of both in turn, so that their ids alternate."""
    customers = ids()
    for n in range(5):
        for name in ("C1", "C2"):
            action = ACTIONS[n % 2]
            at = NOW + timedelta(days=n)
            purpose = PURPOSES[n // 4]
            consent.record(session, customers[name], purpose, action, "I agree", "web", at, f"form {n}")
    return customers


def test_a_chain_that_nobody_touched_is_whole(chained: dict[str, int], session: UnitOfWork) -> None:
    report = verify(session)
    assert (report.whole, report.broken, report.entries, report.customers) == (True, 0, 10, 2)
    entries = session.scalars(select(ConsentEntry).where(ConsentEntry.customer_id == chained["C1"])).all()
    assert sorted(entry.position for entry in entries) == [1, 2, 3, 4, 5]
    heads = {head.customer_id: (head.position, head.hash) for head in session.scalars(select(ConsentHead))}
    assert heads[chained["C1"]] == (5, max(entries, key=lambda entry: entry.position).hash)
    assert len({entry.evidence_salt for entry in entries}) == 5


def test_the_fingerprint_changes_with_every_entry_and_with_nothing_else(
    chained: dict[str, int], session: UnitOfWork
) -> None:
    before = verify(session).fingerprint
    assert verify(session).fingerprint == before
    again = consent.record(session, chained["C1"], "marketing", "granted", "I agree", "web", NOW)
    assert verify(session).fingerprint == before, "an entry that is there already is no entry"
    assert session.get_one(ConsentEntry, again).position == 1
    consent.record(session, chained["C1"], "marketing", "granted", "I agree", "shop", NOW)
    assert verify(session).fingerprint != before


def test_a_wording_is_versioned_by_its_text_unless_it_has_a_name(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Ids
) -> None:
    one = ids()["C1"]
    consent.record(session, one, "marketing", "granted", "Ja, gerne", "web", NOW)
    consent.record(session, one, "profiling", "granted", "Ja, gerne", "web", NOW, wording_version="2026-03")
    consent.record(session, one, "open_tracking", "withdrawn", "", "web", NOW)
    versions = [entry.wording_version for entry in consent.history(session, one)]
    assert versions == [hashlib.sha256(b"Ja, gerne").hexdigest()[:12], "2026-03", ""]


# Of the chain of C1 (positions 1 to 5): how it is tampered with, and where and what is found.
TAMPERING = {
    "a field": ("update consent_entries set wording = 'I do not' where {at3}", 3, "changed"),
    "a moment": ("update consent_entries set at = at - interval '1 microsecond' where {at3}", 3, "changed"),
    "when it was recorded": ("update consent_entries set recorded_at = '2020-01-01Z' where {at3}", 3, "changed"),
    "a moment out of this world": ("update consent_entries set at = 'infinity' where {at3}", 3, "changed"),
    "whose it is": ("update consent_entries set source = 'we' || 'b ' where {at3}", 3, "changed"),
    "where one field ends": (
        "update consent_entries set wording = wording || 'w', source = 'eb' where {at3}", 3, "changed",
    ),
    "evidence": ("update consent_entries set evidence = 'form 4' where {at3}", 3, "evidence is not the one"),
    "evidence without an erasure": (
        "update consent_entries set evidence = '', evidence_salt = '' where {at3}", 3, "evidence was taken away",
    ),
    "a field and its hash": (
        "update consent_entries e set source = 'x', hash = consent_entry_digest(row(e.id, e.customer_id, "
        "e.purpose, e.action, e.wording, 'x', e.at, e.evidence, e.recorded_at, e.wording_version, e.position, "
        "e.evidence_salt, e.evidence_hash, e.previous_hash, e.hash)::consent_entries) where {at3}",
        4, "out of order",
    ),
    "the middle deleted": ("delete from consent_entries where {at3}", 3, "missing"),
    "the first deleted": ("delete from consent_entries where {one} and position = 1", 1, "missing"),
    "the middle deleted, the rest moved up": (
        "delete from consent_entries where {at3}; "
        "update consent_entries set position = position - 1 where {one} and position > 3", 3, "changed",
    ),
    "the tail deleted": ("delete from consent_entries where {one} and position > 3", 4, "cut off"),
    "all deleted": ("delete from consent_entries where {one}", 1, "cut off"),
    "all deleted, and the head": (
        "delete from consent_entries where {one}; delete from consent_heads where {one}", 0, "state of marketing",
    ),
    "two swapped": (
        "update consent_entries set position = 99 where {at3}; "
        "update consent_entries set position = 3 where {one} and position = 4; "
        "update consent_entries set position = 4 where {one} and position = 99", 3, "changed",
    ),
    "one inserted": (
        "update consent_entries set position = position + 1 where {one} and position = 5; "
        "update consent_entries set position = position + 1 where {one} and position = 4; "
        "insert into consent_entries (customer_id, purpose, action, at, position, evidence_salt, evidence_hash, "
        "previous_hash, hash) select customer_id, 'profiling', 'granted', at, 4, evidence_salt, evidence_hash, hash, "
        "hash from consent_entries where {at3}", 4, "changed",
    ),
    "one added behind the head": (
        "insert into consent_entries (customer_id, purpose, action, at, position, evidence_salt, evidence_hash, "
        "previous_hash, hash) select customer_id, 'profiling', 'granted', at, 6, evidence_salt, evidence_hash, hash, "
        "hash from consent_entries where {one} and position = 5", 6, "changed",
    ),
    "the head gone": ("delete from consent_heads where {one}", 5, "lost its head"),
    "the head set back": ("update consent_heads set position = 4 where {one}", 5, "added past the ledger"),
    "the head replaced": ("update consent_heads set hash = '\\x00' where {one}", 5, "another entry"),
    "the state set by hand": (
        "update consent_states set granted = true where {one} and purpose = 'marketing'", 4, "state of marketing",
    ),
    "the state of an older entry": (
        "update consent_states set (entry_id, at, granted) = (select id, at, true from consent_entries where {at3}) "
        "where {one} and purpose = 'marketing'", 4, "state of marketing",
    ),
    "a state taken away": ("delete from consent_states where {one} and purpose = 'marketing'", 4, "no state is kept"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_found_and_named(chained: dict[str, int], session: UnitOfWork, how: str) -> None:
    tamper, position, what = TAMPERING[how]
    one = f"customer_id = {chained['C1']}"
    _tamper(session, tamper.format(one=one, at3=f"{one} and position = 3"))
    report = verify(session)
    assert report.broken == 1 and report.first is not None
    assert (report.first.customer_id, report.first.position) == (chained["C1"], position)
    assert what in report.first.what


def test_a_second_branch_of_a_chain_is_found(chained: dict[str, int], session: UnitOfWork) -> None:
    """An entry whose own hash is right, but that follows the one before the last; the rest is chained to it."""
    one = f"customer_id = {chained['C1']}"
    _tamper(
        session,
        f"""do $$ declare e consent_entries; before consent_entries; begin
        select * into before from consent_entries where {one} and position = 2;
        select * into e from consent_entries where {one} and position = 3;
        e.source := 'fork'; e.position := 4; e.id := 900; e.previous_hash := before.hash;
        e.hash := consent_entry_digest(e);
        delete from consent_entries where {one} and position > 3;
        insert into consent_entries overriding system value values (e.*);
        update consent_heads set position = 4, hash = e.hash where {one};
        update consent_states set entry_id = 900, at = e.at, granted = true where {one} and purpose = 'marketing';
        delete from consent_states where {one} and purpose <> 'marketing';
        end $$""",
    )
    report = verify(session)
    assert report.first == Break(chained["C1"], 4, 900, "forked: it follows the same entry as position 3")


def test_the_lowest_customer_is_named_and_all_are_counted(
    chained: dict[str, int], session: UnitOfWork
) -> None:
    _tamper(session, "update consent_entries set wording = 'forged' where position = 2")
    report = verify(session)
    assert (report.broken, report.entries, report.customers) == (2, 10, 2)
    assert report.first is not None and report.first.customer_id == min(chained["C1"], chained["C2"])
    named = session.get_one(ConsentEntry, report.first.entry_id)
    assert (named.customer_id, named.position) == (report.first.customer_id, 2)


def test_an_erasure_takes_the_evidence_and_leaves_the_chain_whole(
    chained: dict[str, int], session: UnitOfWork, keyring: KeyRing
) -> None:
    erase_customer(session, keyring, "ada@shop.example", NOW + timedelta(days=30))
    entries = consent.history(session, chained["C1"])
    assert len(entries) == 5 + 3 and {(entry.evidence, entry.evidence_salt) for entry in entries} == {
        ("", b"")
    }
    assert all(hashlib.sha256(f"form {n}".encode()).digest() != entries[n].evidence_hash for n in range(5))
    assert verify(session).whole
    consent.record(session, chained["C2"], "profiling", "granted", "I agree", "web", NOW)
    assert verify(session).whole


@pytest.mark.parametrize(
    "change",
    [
        "update consent_entries set evidence = ''",
        "delete from consent_entries",
        "truncate consent_entries cascade",
        "update consent_heads set position = 1",
        "delete from consent_heads",
        "insert into consent_heads values (-1, 0, '')",
        "truncate consent_heads",
        "set local tailormail.erasing = 'on'; delete from consent_entries",
        "set local tailormail.erasing = 'on'; update consent_entries set evidence = '', wording = ''",
        "set local tailormail.erasing = 'on'; update consent_entries set evidence = 'other'",
        "set local tailormail.erasing = 'on'; update consent_entries set evidence = '', hash = ''",
        "set local tailormail.erasing = 'on'; update consent_entries set evidence = '', id = id + 1000",
        "set local tailormail.erasing = 'on'; update consent_heads set position = 1",
    ],
)
def test_the_database_refuses_to_change_the_ledger(
    chained: dict[str, int], session: UnitOfWork, change: str
) -> None:
    with pytest.raises(DBAPIError, match="refused") as refused, session.begin_nested():
        session.connection().exec_driver_sql(change)
    assert refused.value.orig.sqlstate == "42501"  # type: ignore[union-attr]
    assert verify(session).whole


def test_what_a_writer_claims_of_the_chain_is_ignored(chained: dict[str, int], session: UnitOfWork) -> None:
    forged = {
        "position": 77,
        "hash": b"x",
        "previous_hash": b"y",
        "evidence_hash": b"z",
        "evidence_salt": b"",
    }
    entry = ConsentEntry(
        customer_id=chained["C1"], purpose="open_location", action="granted", at=NOW, **forged
    )
    session.add(entry)
    session.flush()
    consent.record(session, chained["C1"], "open_location", "withdrawn", "", "web", NOW + timedelta(days=1))
    session.refresh(entry)
    assert entry.position == 6 and verify(session).whole


def test_an_import_is_chained_and_repeating_it_changes_nothing(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Ids
) -> None:
    header = "customer_id,purpose,action,wording,source,at\n"
    rows = [
        f"C{1 + n % 3},{PURPOSES[n % 4]},{ACTIONS[n % 2]},words,checkout,2026-01-{1 + n % 20:02}T10:00:00Z\n"
        for n in range(120)
    ]
    first = shop("consents", header + "".join(rows))
    assert first.inserted == len(set(rows))
    report = verify(session)
    assert report.whole and report.entries == len(set(rows)) and report.customers == 3
    assert shop("consents", header + "".join(reversed(rows))).inserted == 0
    assert verify(session) == report
    assert (
        consent.history(session, ids()["C1"])[0].wording_version == hashlib.sha256(b"words").hexdigest()[:12]
    )


_STATEMENTS = st.tuples(
    st.integers(0, 2), st.sampled_from(PURPOSES), st.sampled_from(ACTIONS), st.integers(0, 5)
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writers=st.lists(st.lists(_STATEMENTS, min_size=1, max_size=8), min_size=2, max_size=5))
def test_any_writers_at_once_make_whole_chains(db: Database, writers: list[list[Statement]]) -> None:
    new = (
        "insert into customers (external_id) select gen_random_uuid() from generate_series(0, 2) returning id"
    )
    with db.transaction() as session:
        before = verify(session).entries
        customers = list(session.scalars(text(new)))
    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(lambda statements: _write_all(db, customers, statements), writers))
    said = {statement for statements in writers for statement in statements}
    with db.transaction() as session:
        report = verify(session)
        assert report.whole, report.first
        assert report.entries == before + len(said)
        granted = consent.states(session, customers)
        for customer_id in customers:
            assert granted[customer_id] == _granted(session, customer_id)


def test_two_imports_and_a_person_at_once(db: Database) -> None:
    """In whatever order their customers come, they wait for one another and not in a circle."""
    with db.transaction() as session:
        session.execute(
            text("insert into customers (external_id) select 'C' || n from generate_series(1, 300) n")
        )
        customers = list(session.scalars(text("select id from customers order by id")))

    def load(source: str) -> None:
        with db.transaction() as session:
            session.execute(
                text(
                    "insert into consent_entries (customer_id, purpose, action, source, at) "
                    "select id, 'marketing', 'granted', :source, now() from customers order by id "
                    "on conflict (customer_id, purpose, action, source, at) do nothing"
                ),
                {"source": source},
            )

    def withdraw(customer_id: int) -> None:
        with db.transaction() as session:
            consent.withdraw_all(session, customer_id, "unsubscribe", NOW)

    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, source) for source in ("shop", "till")]
        people = [pool.submit(withdraw, customer_id) for customer_id in reversed(customers[::10])]
        for done in (*loads, *people):
            done.result(timeout=60)
    with db.transaction() as session:
        _derive_all(session)
        report = verify(session)
    assert report.whole, report.first
    assert report.entries == 2 * 300 + 4 * 30


def _write_all(db: Database, customers: Sequence[int], statements: Sequence[Statement]) -> None:
    """Half of them in one transaction, in the order of customers as such a writer must; the rest one by one."""
    half = len(statements) // 2
    batches = [sorted(statements[:half]), *([one] for one in statements[half:])]
    for batch in batches:
        with db.transaction() as session:
            for number, purpose, action, day in batch:
                at = NOW + timedelta(days=day)
                consent.record(session, customers[number], purpose, action, "I agree", "web", at)


def _granted(session: Session, customer_id: int) -> set[str]:
    """By the ledger alone: the newest entry of each purpose."""
    newest = {entry.purpose: entry.action for entry in consent.history(session, customer_id)}
    return {purpose for purpose, action in newest.items() if action == "granted"}


def _derive_all(session: Session) -> None:
    session.execute(
        text(
            "insert into consent_states as s (customer_id, purpose, granted, entry_id, at) "
            "select distinct on (customer_id, purpose) customer_id, purpose, action = 'granted', id, at "
            "from consent_entries order by customer_id, purpose, at desc, id desc "
            "on conflict (customer_id, purpose) do update set granted = excluded.granted, "
            "entry_id = excluded.entry_id, at = excluded.at"
        )
    )


def _tamper(session: Session, statements: str) -> None:
    """As somebody can who owns the server."""
    connection = session.connection()
    connection.exec_driver_sql("set local session_replication_role = replica")
    connection.exec_driver_sql(statements)
    connection.exec_driver_sql("set local session_replication_role = origin")

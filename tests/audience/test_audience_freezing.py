"""Freezing an audience: who is planned, who is held back and why, and nobody twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from campaigns.audience.checking import still_allowed
from campaigns.audience.consent import record, withdraw_all
from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import FrozenAudience, estimate_audience, freeze_audience
from campaigns.audience.importing import ImportResult
from campaigns.audience.privacy import erase_customer
from campaigns.audience.segments import parse_segment
from campaigns.audience.suppression import suppress
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.models import PURPOSES, ConsentEntry, ConsentState, Customer, Send

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
EVERYBODY = parse_segment({})
DRAFT = ContactTerms(0)


@pytest.fixture
def mixed(
    shop: Callable[..., ImportResult],
    session: UnitOfWork,
    grant: Callable[..., None],
    keyring: KeyRing,
    ids: Callable[[], dict[str, int]],
) -> dict[str, int]:
    """C1 may be mailed, C2 withdrew, C3 is suppressed, C4 was never asked, C5 has no address, C6 is erased."""
    shop("customers", "external_id,email\nC5,ed@shop.example\nC6,fi@shop.example\n")
    for customer in ("C1", "C2", "C3", "C5", "C6"):
        grant(customer, "marketing")
    grant("C1", "profiling", "open_tracking")
    grant("C2", "marketing", action="withdrawn", at="2026-02-01T00:00:00Z")
    grant("C4", "profiling")
    suppress(session, keyring, "cy@shop.example", "bounced", "test", NOW)
    session.execute(
        update(Customer).where(Customer.external_id == "C5").values(email_cipher=None, email_hmac=None)
    )
    erase_customer(session, keyring, "fi@shop.example", NOW)
    return ids()


EXPECTED = FrozenAudience(
    planned=1, held_back={"never_asked": 1, "no_address": 1, "suppressed": 1, "withdrawn": 1}
)


def test_each_customer_is_planned_or_held_back_with_the_reason(
    session: UnitOfWork, mixed: dict[str, int], campaign_id: int
) -> None:
    assert estimate_audience(session, DRAFT, EVERYBODY, NOW) == EXPECTED
    assert session.scalar(select(func.count()).select_from(Send)) == 0
    assert freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW) == EXPECTED
    sends = {send.customer_id: send for send in session.scalars(select(Send))}
    assert len(sends) == 5
    planned = sends[mixed["C1"]]
    assert (planned.status, planned.reason, planned.personal, planned.tracked) == ("planned", "", True, True)
    entry = session.get_one(ConsentEntry, planned.consent_entry_id)
    assert (entry.customer_id, entry.purpose, entry.action) == (mixed["C1"], "marketing", "granted")
    assert planned.attempts == 0 and planned.created_at == NOW
    reasons = {name: sends[mixed[name]].reason for name in ("C2", "C3", "C4", "C5")}
    assert reasons == {"C2": "withdrawn", "C3": "suppressed", "C4": "never_asked", "C5": "no_address"}
    assert {sends[mixed[name]].status for name in reasons} == {"held_back"}
    assert (sends[mixed["C3"]].personal, sends[mixed["C4"]].personal) == (False, True)


def test_freezing_again_writes_nothing(
    session: UnitOfWork, mixed: dict[str, int], campaign_id: int, keyring: KeyRing, grant: Callable[..., None]
) -> None:
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW)
    before = session.execute(select(Send.id, Send.status, Send.reason).order_by(Send.id)).all()
    grant("C4", "marketing")
    assert freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW) == FrozenAudience(0, {})
    assert session.execute(select(Send.id, Send.status, Send.reason).order_by(Send.id)).all() == before


def test_only_the_segment_is_frozen(session: UnitOfWork, mixed: dict[str, int], campaign_id: int) -> None:
    norway = parse_segment({"country": "Norway"})
    expected = FrozenAudience(1, {"withdrawn": 1})
    assert estimate_audience(session, DRAFT, norway, NOW) == expected
    assert freeze_audience(session, ContactTerms(campaign_id), norway, NOW) == expected
    assert estimate_audience(session, DRAFT, parse_segment({"tag": "nobody"}), NOW) == FrozenAudience(0, {})


def test_what_changed_since_freezing_is_found_before_the_mail_leaves(
    session: UnitOfWork, mixed: dict[str, int], grant: Callable[..., None], keyring: KeyRing
) -> None:
    for customer in ("C2", "C4"):
        grant(customer, "marketing", at="2026-03-01T00:00:00Z")
    pairs = [(number, mixed[name]) for number, name in enumerate(("C1", "C2", "C4"), start=100)]
    assert still_allowed(session, DRAFT, pairs, NOW) == {}
    withdraw_all(session, mixed["C1"], "preferences", NOW)
    suppress(session, keyring, "BO@shop.example", "complained", "test", NOW)
    assert still_allowed(session, DRAFT, pairs, NOW) == {100: "withdrawn", 101: "suppressed"}
    erase_customer(session, keyring, "di@shop.example", NOW)
    assert still_allowed(session, DRAFT, [*pairs, (7, 10**9)], NOW)[102] == "erased"
    assert still_allowed(session, DRAFT, [(7, 10**9)], NOW) == {7: "erased"}
    assert still_allowed(session, DRAFT, [], NOW) == {}


STATEMENTS = st.lists(
    st.tuples(
        st.sampled_from(["C1", "C2", "C3", "C4"]),
        st.sampled_from(PURPOSES),
        st.sampled_from(["granted", "withdrawn"]),
        st.integers(0, 50),
    ),
    max_size=25,
)


def test_nobody_without_consent_and_nobody_suppressed_is_ever_planned(
    shop: Callable[..., ImportResult],
    session: UnitOfWork,
    keyring: KeyRing,
    ids: Callable[[], dict[str, int]],
    campaign_id: int,
) -> None:
    addresses = {"C1": "ada", "C2": "bo", "C3": "cy", "C4": "di"}

    @settings(max_examples=40, deadline=None)
    @given(STATEMENTS, st.sets(st.sampled_from(sorted(addresses))))
    def check(statements: list[tuple[str, str, str, int]], suppressed: set[str]) -> None:
        with session.begin_nested() as savepoint:
            newest: dict[tuple[str, str], tuple[int, int, str]] = {}
            for customer, purpose, action, day in statements:
                at = NOW - timedelta(days=60 - day)
                entry = record(session, ids()[customer], purpose, action, "v1", "test", at)
                newest[customer, purpose] = max(
                    newest.get((customer, purpose), (-1, 0, "")), (day, entry, action)
                )
            for customer in suppressed:
                suppress(session, keyring, f"{addresses[customer]}@shop.example", "manual", "test", NOW)
            frozen = freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW)
            sends = {s.customer_id: s for s in session.scalars(select(Send))}
            session.expunge_all()
            allowed = {
                c
                for c in addresses
                if newest.get((c, "marketing"), (0, 0, ""))[2] == "granted" and c not in suppressed
            }
            assert {c for c in addresses if sends[ids()[c]].status == "planned"} == allowed
            assert frozen.planned == len(allowed)
            assert frozen.planned + sum(frozen.held_back.values()) == 4
            pairs = [(send.id, send.customer_id) for send in sends.values()]
            assert len(still_allowed(session, DRAFT, pairs, NOW)) == 4 - len(allowed)
            savepoint.rollback()

    check()


def test_states_agree_with_the_ledger_when_two_write_at_once(db: Database) -> None:
    """The older statement commits last and must not win."""
    with db.transaction() as session:
        customer = Customer(external_id="C1")
        session.add(customer)

    def late_grant() -> None:
        with db.transaction() as other:
            record(other, customer.id, "marketing", "granted", "v1", "slow", NOW - timedelta(days=1))

    with db.transaction() as session:
        record(session, customer.id, "marketing", "withdrawn", "", "web", NOW)
        thread = Thread(target=late_grant)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()  # it waits for the row that this transaction holds
    thread.join()
    with db.transaction() as session:
        assert session.scalars(select(ConsentState)).one().granted is False

"""The consent ledger and the list of suppressed addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from campaigns.audience import consent
from campaigns.audience.importing import ImportResult
from campaigns.audience.suppression import is_suppressed, suppress, suppressed_among
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput, NotFound
from campaigns.models import PURPOSES, ConsentEntry, ConsentState, Suppression

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


def test_the_newest_entry_decides(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    one, two = ids()["C1"], ids()["C2"]
    consent.record(session, one, "marketing", "granted", "v1", "web", NOW - timedelta(days=9))
    assert consent.states(session, [one, two]) == {one: frozenset({"marketing"}), two: frozenset()}
    consent.record(session, one, "marketing", "withdrawn", "", "mail", NOW)
    consent.record(session, one, "marketing", "granted", "v1", "letter", NOW - timedelta(days=5))
    assert consent.states(session, [one])[one] == frozenset()
    assert [entry.source for entry in consent.history(session, one)] == ["web", "letter", "mail"]


def test_recording_twice_is_recording_once(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    facts = (session, ids()["C1"], "profiling", "granted", "v1", "web", NOW)
    assert consent.record(*facts) == consent.record(*facts, evidence="again")
    assert session.scalar(select(func.count()).select_from(ConsentEntry)) == 1


def test_the_state_points_to_the_entry_that_decided(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    entry = consent.record(session, ids()["C1"], "marketing", "granted", "v1", "web", NOW)
    state = session.scalars(select(ConsentState)).one()
    assert (state.entry_id, state.at, state.granted) == (entry, NOW, True)


@pytest.mark.parametrize(
    "wrong",
    [("spam", "granted", NOW), ("marketing", "perhaps", NOW), ("marketing", "granted", datetime(2026, 1, 1))],
)
def test_what_is_no_statement_is_refused(
    shop: Callable[..., ImportResult],
    session: UnitOfWork,
    ids: Callable[[], dict[str, int]],
    wrong: tuple[str, str, datetime],
) -> None:
    purpose, action, at = wrong
    with pytest.raises(BadInput):
        consent.record(session, ids()["C1"], purpose, action, "v1", "web", at)
    with pytest.raises(NotFound):
        consent.record(session, 10**9, "marketing", "granted", "v1", "web", NOW)


def test_withdrawing_everything_covers_what_was_never_asked_and_clocks_that_run_ahead(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    one = ids()["C1"]
    ahead = NOW + timedelta(minutes=4)
    consent.record(session, one, "profiling", "granted", "v1", "shop", ahead)
    consent.record(session, one, "open_tracking", "withdrawn", "", "web", NOW - timedelta(days=1))
    assert consent.withdraw_all(session, one, "unsubscribe", NOW) == (
        "marketing",
        "profiling",
        "open_location",
    )
    assert consent.states(session, [one])[one] == frozenset()
    assert consent.withdraw_all(session, one, "unsubscribe", NOW + timedelta(days=1)) == ()
    # An old grant that arrives afterwards changes nothing; a new one does.
    consent.record(session, one, "marketing", "granted", "v1", "import", NOW - timedelta(days=30))
    assert consent.states(session, [one])[one] == frozenset()
    consent.record(session, one, "marketing", "granted", "v2", "web", NOW + timedelta(days=2))
    assert consent.states(session, [one])[one] == frozenset({"marketing"})
    assert set(session.scalars(select(ConsentState.purpose))) == set(PURPOSES)


@pytest.mark.parametrize("change", [update(ConsentEntry).values(wording="forged"), delete(ConsentEntry)])
def test_the_ledger_cannot_be_rewritten(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]], change: Any
) -> None:
    consent.record(session, ids()["C1"], "marketing", "granted", "v1", "web", NOW)
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(change)


def test_suppression_knows_the_address_however_it_is_written(
    shop: Callable[..., ImportResult],
    session: UnitOfWork,
    keyring: KeyRing,
    ids: Callable[[], dict[str, int]],
) -> None:
    suppress(session, keyring, " ADA@Shop.example", "bounced", "hook", NOW)
    suppress(session, keyring, "ada@shop.example", "complained", "hook", NOW)
    assert is_suppressed(session, keyring, "ada@shop.example")
    assert not is_suppressed(session, keyring, "bo@shop.example")
    assert suppressed_among(session, ids().values()) == {ids()["C1"]}
    [row] = session.scalars(select(Suppression)).all()
    assert row.reason == "bounced"
    assert b"ada" not in row.address_hmac
    suppress(session, keyring, "ada@shop.example", "erased", "person", NOW)
    session.expire_all()
    assert session.scalars(select(Suppression)).one().reason == "erased"
    with pytest.raises(BadInput):
        suppress(session, keyring, "ada@shop.example", "because", "x", NOW)


def test_a_suppression_under_new_keys_meets_an_address_stored_under_old_ones(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    rotated = KeyRing(
        ["a-newer-secret-for-tests-0123456789abcdef", "a-secret-for-tests-only-0123456789abcdef"]
    )
    suppress(session, rotated, "ada@shop.example", "manual", "test", NOW)
    assert suppressed_among(session, ids().values()) == {ids()["C1"]}


def test_a_withdrawal_also_ends_a_grant_that_came_at_the_very_moment_of_an_earlier_one(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    one = ids()["C1"]
    for at in (NOW, NOW + timedelta(minutes=4)):
        consent.record(session, one, "marketing", "withdrawn", "", "web", at)
        consent.record(session, one, "marketing", "granted", "v1", "import", at)
        assert consent.states(session, [one])[one] == frozenset({"marketing"})
        assert consent.withdraw(session, one, "marketing", "web", NOW, NOW)
        assert consent.states(session, [one])[one] == frozenset()
    assert not consent.withdraw(session, one, "marketing", "web", NOW, NOW)


def test_a_grant_between_the_withdrawal_and_now_stays(
    shop: Callable[..., ImportResult], session: UnitOfWork, ids: Callable[[], dict[str, int]]
) -> None:
    one = ids()["C1"]
    consent.record(session, one, "profiling", "granted", "v1", "web", NOW - timedelta(minutes=1))
    earlier = NOW - timedelta(minutes=2)
    assert consent.withdraw_all(session, one, "unsubscribe", earlier, NOW) == PURPOSES
    assert consent.states(session, [one])[one] == frozenset({"profiling"})
    assert {entry.at for entry in consent.history(session, one) if entry.action == "withdrawn"} == {earlier}

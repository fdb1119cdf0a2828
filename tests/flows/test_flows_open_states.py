"""Consents and homes reach the shelf that image requests read, whatever is down and in whatever order."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
import redis
from sqlalchemy import text

from campaigns.audience.consent import record
from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.flows.opening.open_states import OpenStates
from campaigns.flows.sending.addressees import load_addressees
from campaigns.models import Customer
from campaigns.opentime.serving.open_state import WITHDRAWN
from campaigns.opentime.serving.state_shelf import StateShelf
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
AWAY = redis.Redis(host="127.0.0.1", port=1)


def consent(db: Database, customer_id: int, purpose: str, action: str, minute: int = 0) -> None:
    with db.transaction() as session:
        record(session, customer_id, purpose, action, "words", "test", NOW.replace(minute=minute))


@pytest.fixture
def anna(db: Database) -> int:
    """Lives in Oslo and allows everything about opens."""
    with db.transaction() as session:
        customer = Customer(
            external_id="1", latitude=59.91, longitude=10.75, country="NO", locale="nb-NO", tags=["vip"]
        )
        session.add(customer)
        session.flush()
        number = customer.id
    for purpose in ("open_tracking", "open_location"):
        consent(db, number, purpose, "granted")
    return number


@pytest.fixture
def shelf(redis_client: redis.Redis) -> StateShelf:
    return StateShelf(redis_client)


@pytest.fixture
def states(db: Database, shelf: StateShelf) -> OpenStates:
    return OpenStates(db, shelf)


def pending(db: Database) -> list[int]:
    with db.transaction() as session:
        return list(session.scalars(text("select customer_id from open_states where version > written")))


def test_a_state_is_what_the_customer_allows_and_where_they_live(states: OpenStates, anna: int) -> None:
    state = states.of([anna])[anna]
    assert (state.tracking, state.location, state.version > 0) == (True, True, True)
    assert (state.latitude, state.longitude, state.country) == (59.9, 10.8, "NO")
    assert (state.language, state.tags) == ("no", frozenset({"vip"}))


def test_nothing_is_known_of_who_allows_nothing(db: Database, states: OpenStates, anna: int) -> None:
    consent(db, anna, "open_tracking", "withdrawn", 1)
    state = states.of([anna])[anna]
    assert (state.tracking, state.location, state.latitude, state.tags) == (False, False, None, frozenset())
    assert states.of([999_999]) == {999_999: WITHDRAWN}


@pytest.mark.parametrize(
    "change",
    [
        "update customers set latitude = 60.4",
        "update customers set longitude = null",
        "update customers set country = 'SE'",
        "update customers set timezone = 'Europe/Oslo'",
        "update customers set locale = 'de'",
        "update customers set tags = '{}'",
        "update customers set erased_at = now()",
        "update consent_states set granted = false where purpose = 'open_location'",
        "delete from consent_states where purpose = 'open_tracking'",
    ],
)
def test_every_change_makes_a_newer_version(db: Database, states: OpenStates, anna: int, change: str) -> None:
    states.catch_up()
    before = states.of([anna])[anna]
    with db.transaction() as session:
        session.execute(text(change))
    after = states.of([anna])[anna]
    assert after.version > before.version and after != before
    assert pending(db) == [anna]


@pytest.mark.parametrize(
    "change",
    [
        "update customers set first_name = 'A', updated_at = now()",
        "update customers set latitude = latitude",
        "update consent_states set at = now()",
        "update consent_states set granted = not granted where purpose = 'marketing'",
    ],
)
def test_what_opens_do_not_depend_on_changes_no_version(
    db: Database, states: OpenStates, anna: int, change: str
) -> None:
    consent(db, anna, "marketing", "granted")
    states.catch_up()
    with db.transaction() as session:
        session.execute(text(change))
    assert pending(db) == []


def test_a_refusal_of_what_was_never_allowed_changes_no_version(db: Database, states: OpenStates) -> None:
    with db.transaction() as session:
        session.add(Customer(external_id="2"))
    consent(db, 1, "open_tracking", "withdrawn")
    assert pending(db) == [] and states.of([1])[1] == WITHDRAWN


def test_the_first_answer_of_all_changes_no_version(db: Database, states: OpenStates) -> None:
    """Nobody can have asked before: a shop's first import has nothing to be told."""
    with db.transaction() as session:
        session.add(Customer(external_id="2"))
    consent(db, 1, "open_tracking", "granted")
    assert pending(db) == [] and states.of([1])[1].tracking
    consent(db, 1, "open_location", "granted")
    assert pending(db) == [1] and states.of([1])[1].location
    states.catch_up()
    consent(db, 1, "open_tracking", "withdrawn", 1)
    consent(db, 1, "open_tracking", "granted", 2)
    assert pending(db) == [1]


def test_catching_up_brings_what_is_behind(
    db: Database, states: OpenStates, shelf: StateShelf, anna: int
) -> None:
    assert states.catch_up() == 0
    assert shelf.read([anna]) == states.of([anna])
    assert pending(db) == []


def test_a_withdrawal_while_redis_was_away_is_caught_up_over_the_old_value(
    db: Database, states: OpenStates, shelf: StateShelf, anna: int
) -> None:
    states.catch_up()
    consent(db, anna, "open_tracking", "withdrawn", 1)
    away = OpenStates(db, StateShelf(AWAY))
    away.write_through([anna])
    assert away.catch_up() == 1
    assert shelf.read([anna])[anna].tracking, "Redis is back with what it knew"
    assert states.catch_up() == 0
    assert not shelf.read([anna])[anna].tracking


def test_who_read_before_the_withdrawal_and_fills_after_it_does_not_win(
    db: Database, states: OpenStates, shelf: StateShelf, anna: int
) -> None:
    read_before = states.of([anna])
    consent(db, anna, "open_tracking", "withdrawn", 1)
    states.write_through([anna])
    shelf.put(read_before)
    assert not shelf.read([anna])[anna].tracking


def test_of_two_changes_the_later_commit_has_the_higher_version(
    db: Database, states: OpenStates, anna: int
) -> None:
    """The first to begin is the last to commit: it waits for the other, and draws its number after that."""
    begun, go_on = threading.Event(), threading.Event()

    def slow_grant() -> None:
        with db.transaction() as session:
            session.execute(text("update customers set city = 'x' where false"))
            begun.set()
            go_on.wait(5)
            record(session, anna, "open_location", "withdrawn", "", "test", NOW.replace(minute=3))

    thread = threading.Thread(target=slow_grant)
    with db.transaction() as session:
        record(session, anna, "open_tracking", "withdrawn", "", "test", NOW.replace(minute=2))
        thread.start()
        assert begun.wait(5)
        go_on.set()
        thread.join(0.3)
        assert thread.is_alive(), "it waits for the one that was faster"
    thread.join(5)
    first = states.of([anna])[anna]
    assert not first.tracking and not first.location
    consent(db, anna, "open_tracking", "granted", 4)
    assert states.of([anna])[anna].version > first.version


def test_writers_in_every_order_end_with_the_truth(
    db: Database, states: OpenStates, shelf: StateShelf, anna: int
) -> None:
    actions = ["withdrawn", "granted"] * 6
    lock = threading.Lock()

    def change(number: int) -> None:
        with lock:
            consent(db, anna, "open_tracking", actions[number], number + 1)
        states.write_through([anna])

    threads = [threading.Thread(target=change, args=[number]) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shelf.read([anna]) == states.of([anna])


def test_what_was_written_is_written_once_more(
    db: Database, states: OpenStates, shelf: StateShelf, redis_client: redis.Redis, anna: int
) -> None:
    """A Redis that died came back without its last second, in which somebody withdrew."""
    states.catch_up()
    old = redis_client.get(f"tailormail:open:state:{anna}")
    consent(db, anna, "open_tracking", "withdrawn", 1)
    states.write_through([anna])
    assert old is not None
    redis_client.set(f"tailormail:open:state:{anna}", old)
    states.catch_up()
    assert shelf.read([anna])[anna].tracking, "not yet"
    with db.transaction() as session:
        session.execute(text("update open_states set again_at = again_at - interval '61 seconds'"))
    states.catch_up()
    assert not shelf.read([anna])[anna].tracking
    with db.transaction() as session:
        assert session.scalar(text("select count(*) from open_states where again_at is not null")) == 0


def test_more_than_a_batch(db: Database, states: OpenStates, shelf: StateShelf) -> None:
    with db.transaction() as session:
        session.execute(
            text("insert into customers (external_id) select 'n' || n from generate_series(1, 2500) n")
        )
        session.execute(text("insert into consent_entries (customer_id, purpose, action, at) "
                             "select id, 'open_tracking', 'granted', now() from customers"))  # fmt: skip
        session.execute(text("insert into consent_states (customer_id, purpose, granted, entry_id, at) "
                             "select customer_id, purpose, true, id, at from consent_entries"))  # fmt: skip
        assert pending(db) == []
        session.execute(text("update customers set country = 'NO'"))
    assert states.catch_up(seconds=20) == 0
    assert len(shelf.read(range(1, 2501))) == 2500


def test_where_the_database_is_away_it_is_said(shelf: StateShelf) -> None:
    nowhere = OpenStates(Database("postgresql://127.0.0.1:1/none"), shelf)
    with pytest.raises(ServiceUnavailable):
        nowhere.of([1])
    nowhere.write_through([1])


def test_the_preference_page_and_an_erasure_are_told_at_once(shop: Runtime, sample: SampleFiles) -> None:
    with shop.db.transaction() as session:
        customer_id = session.scalars(
            text(
                "select c.id from customers c join consent_states s on s.customer_id = c.id "
                "where s.purpose = 'open_tracking' and s.granted order by 1 limit 1"
            )
        ).one()
    token = shop.signer.sign("preferences", 0, customer_id, 0)
    granted = shop.preferences.of(token).granted
    shop.state_shelf.put(shop.open_states.of([customer_id]))
    assert shop.state_shelf.read([customer_id])[customer_id].tracking
    shop.preferences.set_preferences(token, granted - {"open_tracking"}, "words")
    assert not shop.state_shelf.read([customer_id])[customer_id].tracking
    shop.preferences.set_preferences(token, granted, "words")
    assert shop.state_shelf.read([customer_id])[customer_id].tracking
    with shop.db.transaction() as session:
        email = load_addressees(session, shop.keyring, [customer_id])[customer_id].email
    shop.rights.erase(email)
    assert (
        shop.state_shelf.read([customer_id])[customer_id] == shop.open_states.of([customer_id])[customer_id]
    )
    assert not shop.state_shelf.read([customer_id])[customer_id].tracking
    assert pending(shop.db) == []


def test_the_audience_of_a_campaign_is_known_before_it_opens(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        tracked = list(session.scalars(
            text("select customer_id from sends where tracked and status <> 'held_back'")
        ))  # fmt: skip
    assert tracked and shop.state_shelf.read(tracked) == {}
    assert shop.open_states.warm(campaign_id) == len(tracked)
    found = shop.state_shelf.read(tracked)
    assert found == shop.open_states.of(tracked) and all(state.tracking for state in found.values())

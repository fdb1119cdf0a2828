"""Unsubscribes are kept where PostgreSQL is away, count from when they were said, and are never lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.audience.consent import record, states
from campaigns.core.clock import FixedClock
from campaigns.core.errors import BadToken, ServiceUnavailable
from campaigns.core.spool import Spool
from campaigns.flows.customers import unsubscribing
from campaigns.flows.customers.unsubscribing import BY_MAIL, Unsubscribing, Wish
from campaigns.models import ConsentEntry, ConsentState, Customer, Event
from campaigns.runtime import Runtime
from tests.shop import SECRET, make_runtime
from tests.tables import without
from tests.torture.disks import SmallDisk
from tests.waiting import until

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsubscribing, "_TRY_AGAIN_SECONDS", (0.05,))


@pytest.fixture
def customer(runtime: Runtime) -> int:
    """Somebody who agreed to marketing long ago."""
    with runtime.db.transaction() as session:
        person = Customer(external_id="one")
        session.add(person)
        session.flush()
        record(session, person.id, "marketing", "granted", "Yes", "shop", NOON - timedelta(days=300))
        return person.id


@pytest.fixture
def flow(runtime: Runtime, tmp_path: Path) -> Iterator[Unsubscribing]:
    flow = Unsubscribing(
        runtime.db, FixedClock(NOON), runtime.signer, runtime.meters, tmp_path / "unsubscribes"
    )
    yield flow
    flow.close()


def said(runtime: Runtime, customer: int) -> list[tuple[str, str, datetime]]:
    """The ledger's words about marketing, oldest first."""
    with runtime.db.transaction() as session:
        found = (
            select(ConsentEntry.action, ConsentEntry.source, ConsentEntry.at)
            .where(ConsentEntry.customer_id == customer)
            .order_by(ConsentEntry.at, ConsentEntry.id)
        )
        return [(row.action, row.source, row.at) for row in session.execute(found)]


def granted(runtime: Runtime, customer: int) -> bool:
    with runtime.db.transaction() as session:
        return session.get_one(ConsentState, (customer, "marketing")).granted


def grant(runtime: Runtime, customer: int, at: datetime) -> None:
    with runtime.db.transaction() as session:
        record(session, customer, "marketing", "granted", "Yes again", "shop", at)


def link(runtime: Runtime, customer: int) -> str:
    return runtime.signer.sign("unsubscribe", 1, customer, 7)


def test_without_postgres_it_is_put_by_and_applied_later_as_of_then(
    runtime: Runtime, flow: Unsubscribing, customer: int, tmp_path: Path
) -> None:
    with without(runtime.db):
        flow.by_link(link(runtime, customer))
        assert flow.waiting
        assert len(list((tmp_path / "unsubscribes").glob("*.spool"))) == 1
    until(lambda: not flow.waiting, 10)
    assert said(runtime, customer)[1:] == [("withdrawn", "one-click unsubscribe", NOON)]
    assert not granted(runtime, customer)
    assert list((tmp_path / "unsubscribes").iterdir()) == []
    with runtime.db.transaction() as session:
        (event,) = session.scalars(select(Event)).all()
    assert (event.name, event.customer_id, event.at) == ("unsubscribed", customer, NOON)


def test_only_numbers_are_put_by(
    runtime: Runtime, flow: Unsubscribing, customer: int, tmp_path: Path
) -> None:
    with without(runtime.db):
        flow.by_link(link(runtime, customer))
        (file,) = (tmp_path / "unsubscribes").glob("*.spool")
        assert file.read_bytes()[9:] == (
            b'[1, %d, 7, "2026-11-01T12:00:00+00:00", "one-click unsubscribe"]\n' % customer
        )
        assert file.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_process_put_by_is_applied_by_another(
    runtime: Runtime, flow: Unsubscribing, customer: int, tmp_path: Path
) -> None:
    wish = Wish(1, customer, 7, NOON, BY_MAIL)
    killed = (
        "import os, sys\nfrom pathlib import Path\nfrom campaigns.core.spool import Spool\n"
        "Spool(Path(sys.argv[1])).append(sys.argv[2].encode())\nos.kill(os.getpid(), 9)"
    )
    folder = tmp_path / "unsubscribes"
    done = subprocess.run([sys.executable, "-c", killed, folder, wish.line().decode()], cwd=ROOT, check=False)
    assert done.returncode == -9
    with without(runtime.db):
        assert flow.catch_up() == 0
        assert len(list(folder.iterdir())) == 1, "and it stays where it is"
    assert (flow.catch_up(), flow.catch_up()) == (1, 0)
    assert said(runtime, customer)[1:] == [("withdrawn", BY_MAIL, NOON)]
    assert list(folder.iterdir()) == []


def test_a_spool_whose_writer_lives_is_left_alone(
    runtime: Runtime, flow: Unsubscribing, customer: int, tmp_path: Path
) -> None:
    alive = Spool(tmp_path / "unsubscribes")
    alive.append(Wish(1, customer, 7, NOON, BY_MAIL).line())
    assert flow.catch_up() == 0
    alive.close()
    assert flow.catch_up() == 1


def test_what_cannot_be_read_keeps_nobody_elses_from_being_applied(
    runtime: Runtime, flow: Unsubscribing, customer: int, tmp_path: Path
) -> None:
    gone = Spool(tmp_path / "unsubscribes")
    gone.append(b"[1, 2]")
    gone.append(Wish(1, customer, 7, NOON, BY_MAIL).line())
    gone.close()
    assert flow.catch_up() == 1
    assert not granted(runtime, customer)
    assert len(list((tmp_path / "unsubscribes").iterdir())) == 1, "what nobody understands is not thrown away"


def test_with_the_disk_full_as_well_whoever_asks_is_told_to_ask_again(
    runtime: Runtime, customer: int, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    disk = SmallDisk.mounted(folder)
    if disk is None:
        pytest.skip("needs the right to mount a small file system")
    flow = Unsubscribing(runtime.db, FixedClock(NOON), runtime.signer, runtime.meters, folder)
    try:
        with (folder / "filler").open("ab", buffering=0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(b"x" * 4096)
        with without(runtime.db), pytest.raises(ServiceUnavailable):
            flow.by_link(link(runtime, customer))
        (folder / "filler").unlink()
        with without(runtime.db):
            flow.by_link(link(runtime, customer))
        until(lambda: not flow.waiting, 10)
        assert not granted(runtime, customer)
    finally:
        flow.close()
        disk.close()


def test_who_agrees_again_after_the_wish_is_not_unsubscribed_by_it(
    runtime: Runtime, flow: Unsubscribing, customer: int
) -> None:
    grant(runtime, customer, NOON - timedelta(minutes=1))
    flow.take(Wish(1, customer, 7, NOON - timedelta(minutes=2), BY_MAIL))
    assert granted(runtime, customer)
    assert ("withdrawn", BY_MAIL, NOON - timedelta(minutes=2)) in said(runtime, customer), (
        "and it is on record"
    )


def test_a_grant_dated_ahead_does_not_outlive_it(
    runtime: Runtime, flow: Unsubscribing, customer: int
) -> None:
    grant(runtime, customer, NOON + timedelta(minutes=4))
    flow.by_link(link(runtime, customer))
    assert not granted(runtime, customer)


def test_an_old_grant_that_is_imported_later_changes_nothing(runtime: Runtime, flow: Unsubscribing) -> None:
    with runtime.db.transaction() as session:
        person = Customer(external_id="never asked")
        session.add(person)
        session.flush()
        customer = person.id
    flow.by_link(link(runtime, customer))
    grant(runtime, customer, NOON - timedelta(days=1))
    assert not granted(runtime, customer)


def test_again_and_again_is_once(runtime: Runtime, flow: Unsubscribing, customer: int) -> None:
    for _ in range(3):
        flow.by_link(link(runtime, customer))
        flow.by_mail(1, customer, 7)
    assert [action for action, *_ in said(runtime, customer)] == ["granted", "withdrawn"]


def test_a_lock_that_somebody_holds_does_not_hold_the_person(
    runtime: Runtime, flow: Unsubscribing, customer: int
) -> None:
    with runtime.db.transaction() as session:
        session.execute(text("select 1 from customers where id = :id for update"), {"id": customer})
        flow.by_link(link(runtime, customer))  # it is answered, although nothing can be written now
        assert flow.waiting
    until(lambda: not flow.waiting, 10)
    assert not granted(runtime, customer)


def test_months_later_with_another_key_and_the_campaign_gone(
    runtime: Runtime, customer: int, servers: object, tmp_path: Path
) -> None:
    token = link(runtime, customer)
    rotated = make_runtime(servers, tmp_path / "later", secret_key=f"{'n' * 32},{SECRET}").start()  # type: ignore[arg-type]
    try:
        later = Unsubscribing(
            rotated.db, FixedClock(NOON + timedelta(days=60)), rotated.signer, rotated.meters, tmp_path / "u"
        )
        assert later.check(token) == "en"
        later.by_link(token)
    finally:
        rotated.close()
    assert not granted(runtime, customer)


def test_a_key_that_was_retired_proves_nothing(
    runtime: Runtime, customer: int, servers: object, tmp_path: Path
) -> None:
    other = make_runtime(servers, tmp_path / "other", secret_key="n" * 32)  # type: ignore[arg-type]
    try:
        with pytest.raises(BadToken):
            other.unsubscribing.by_link(link(runtime, customer))
    finally:
        other.close()
    assert granted(runtime, customer)


def test_somebody_erased_is_answered_and_nothing_is_written(
    runtime: Runtime, flow: Unsubscribing, customer: int
) -> None:
    with runtime.db.transaction() as session:
        session.get_one(Customer, customer).erased_at = NOON
    flow.by_link(link(runtime, customer))
    assert len(said(runtime, customer)) == 1


def test_from_everything_as_of_then(runtime: Runtime, flow: Unsubscribing, customer: int) -> None:
    with runtime.db.transaction() as session:
        record(session, customer, "profiling", "granted", "Yes", "shop", NOON - timedelta(days=1))
        record(session, customer, "open_tracking", "granted", "Yes", "shop", NOON + timedelta(minutes=2))
        record(session, customer, "open_location", "granted", "Yes", "shop", NOON - timedelta(days=1))
    with without(runtime.db):
        flow.from_everything(runtime.signer.sign("preferences", 1, customer, 7), "preference page")
    until(lambda: not flow.waiting, 10)
    with runtime.db.transaction() as session:
        assert states(session, [customer]) == {customer: frozenset()}

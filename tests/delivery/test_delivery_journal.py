"""The journal: torn, damaged, rotated, claimed by others; full disks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from delivery_servers import a_mail
from hypothesis import given, settings
from hypothesis import strategies as st
from test_delivery_capture import files_no_longer_than

from campaigns.core.clock import FixedClock
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import configure_logging
from campaigns.delivery.fake import FakeTransport
from campaigns.delivery.journal import Journal, replay, segments_of
from campaigns.delivery.journal_claim import claimable, claimed, revoke
from campaigns.delivery.journaled import JournaledTransport
from campaigns.delivery.transport import Fault, Kind, Outcome, OutgoingMail

SENT = Outcome(1, Kind.SENT, 250, "2.0.0", "250 2.0.0 queued as 1")
NOBODY = Outcome(2, Kind.REJECTED, 550, "5.1.1", 'no\nsuch "user" 李', Fault.RECIPIENT)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    journal = Journal(tmp_path, clock=FixedClock(moment))
    for send_id in (1, 2, 3):
        journal.intent(send_id)
    journal.outcome(SENT)
    journal.outcome(NOBODY)
    found = replay(tmp_path)
    assert (found[1].outcome, found[2].outcome, found[3].outcome) == (SENT, NOBODY, None)
    assert found[3].in_flight
    assert found[1].at == moment
    assert (found.torn, found.corrupted, found.complete) == (0, 0, True)


def test_a_second_attempt_is_in_flight_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.intent(1)
    journal.outcome(Outcome(1, Kind.DEFERRED, 450, "4.7.1", "greylisted"))
    journal.intent(1)
    assert replay(tmp_path)[1].in_flight


def test_of_several_writers_sent_wins_then_in_flight(tmp_path: Path) -> None:
    first, second = Journal(tmp_path), Journal(tmp_path)
    for journal in (first, second):
        journal.intent(1)
        journal.intent(2)
    first.outcome(SENT)
    second.outcome(Outcome(1, Kind.DEFERRED, 450))
    second.outcome(Outcome(2, Kind.DEFERRED, 450))
    found = replay(tmp_path)
    assert found[1].outcome == SENT
    assert found[2].in_flight


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 10_000))
def test_a_torn_end_costs_the_last_record_only(cut: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder)
        for send_id in range(1, 21):
            journal.intent(send_id)
            journal.outcome(Outcome(send_id, Kind.SENT, 250, "2.0.0", "queued"))
        (segment,) = segments_of(folder, journal.writer)
        content = segment.read_bytes()
        kept = content[: cut % (len(content) + 1)]
        segment.write_bytes(kept)
        whole = kept.count(b"\n")
        found = replay(folder)
        assert len(found) == (whole + 1) // 2
        assert sum(not state.in_flight for state in found.values()) == whole // 2
        assert found.corrupted == 0
        assert found.torn == (1 if kept and not kept.endswith(b"\n") else 0)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_byte_is_noticed_and_stops_nothing(place: int, value: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder)
        for send_id in range(1, 21):
            journal.intent(send_id)
        (segment,) = segments_of(folder, journal.writer)
        content = bytearray(segment.read_bytes())
        place %= len(content) - 1
        damaged = content[place] != value
        content[place] = value
        segment.write_bytes(content)
        found = replay(folder)
        # A newline written or lost in the middle breaks up to two lines; nothing false ever comes out.
        assert set(found) <= set(range(1, 21))
        assert len(found) >= 18 if damaged else len(found) == 20
        assert found.complete is not damaged


def test_segments_rotate_and_are_dropped_once_settled(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=500)
    for send_id in range(100):
        journal.intent(send_id)
    assert len(segments_of(tmp_path, journal.writer)) > 5
    assert len(replay(tmp_path)) == 100
    journal.settled()
    assert replay(tmp_path) == {}
    journal.intent(500)
    assert list(replay(tmp_path)) == [500]


def test_files_are_private(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.intent(1)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "journal").iterdir()} == {"0o600"}
    assert oct((tmp_path / "journal").stat().st_mode & 0o777) == "0o700"


def test_a_living_journal_is_nobody_elses_and_a_closed_one_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.intent(1)
    assert list(claimable(tmp_path)) == []
    with claimed(tmp_path, journal.writer) as none:
        assert none is None
    journal.close()
    with claimed(tmp_path, journal.writer) as dead:
        assert dead is not None
        assert list(dead.replay()) == [1]
        with claimed(tmp_path, journal.writer) as second:
            assert second is None, "two claimers at once"
    assert [dead.writer for dead in claimable(tmp_path)] == [journal.writer], "not removed: it stays"
    for dead in claimable(tmp_path):
        dead.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_settled_journal_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.intent(1)
    journal.settled()
    journal.close()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_after_a_restart_of_the_machine_silence_is_no_proof(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.intent(1)
    (tmp_path / f"{journal.writer}.lock").write_text("another boot")
    assert not replay(tmp_path).complete


def test_a_forked_child_cannot_write_into_its_parents_journal(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from campaigns.delivery.journal import Journal
journal = Journal(Path(sys.argv[1]))
if os.fork() == 0:
    try:
        journal.intent(1)
    except RuntimeError:
        os._exit(7)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert (
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=child_environment()).returncode == 7
    )


def test_without_room_for_the_intent_a_mail_does_not_go_out(tmp_path: Path) -> None:
    fake = FakeTransport()
    journal = Journal(tmp_path)
    transport = JournaledTransport(fake, journal)
    given_out: list[int] = []

    def mails() -> Iterator[OutgoingMail]:
        for number in range(1, 8):
            given_out.append(number)
            yield a_mail(number)

    outcomes = transport.send_group(mails())
    assert next(outcomes).kind is Kind.SENT
    (segment,) = segments_of(tmp_path, journal.writer)
    with files_no_longer_than(segment.stat().st_size + 15):  # room for half a record
        rest = [next(outcomes) for _ in range(5)]
    assert [o.send_id for o in rest] == given_out[1:] == [2, 3, 4, 5, 6], "in order, none taken ahead"
    assert {o.kind for o in rest} == {Kind.UNREACHED}
    assert "journal" in rest[0].reply
    assert [o.kind for o in outcomes] == [Kind.SENT]
    assert [mail.send_id for mail in fake.accepted] == [1, 7]
    found = replay(tmp_path)
    assert {send_id: state.in_flight for send_id, state in found.items()} == {1: False, 7: False}
    assert (found.torn, found.corrupted, found.complete) == (0, 0, True), "nothing is unknown of the others"


def test_an_outcome_without_room_is_true_all_the_same_and_a_kill_leaves_it_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("WARNING")  # whatever another test made of it, and onto the stderr of this one
    fake = FakeTransport()
    journal = Journal(tmp_path)
    outcomes = JournaledTransport(fake, journal).send_group(a_mail(number) for number in range(1, 4))
    assert next(outcomes).kind is Kind.SENT
    (segment,) = segments_of(tmp_path, journal.writer)
    intent, _ = segment.read_bytes().splitlines(keepends=True)
    with files_no_longer_than(segment.stat().st_size + len(intent) + 5):
        assert next(outcomes).kind is Kind.SENT, "the relay took it, and the worker tells so while it lives"
    assert [outcome.kind for outcome in outcomes] == [Kind.SENT]
    assert [mail.send_id for mail in fake.accepted] == [1, 2, 3]
    assert "journal_not_written" in "".join(capsys.readouterr())
    found = replay(tmp_path)
    assert {send_id: state.in_flight for send_id, state in found.items()} == {1: False, 2: True, 3: False}
    assert (found.torn, found.corrupted, found.complete) == (0, 0, True)


@pytest.mark.parametrize("room", range(1, 40, 3))
def test_a_full_disk_leaves_no_half_record_however_little_fits(tmp_path: Path, room: int) -> None:
    journal = Journal(tmp_path)
    journal.intent(1)
    (segment,) = segments_of(tmp_path, journal.writer)
    before = segment.read_bytes()
    with files_no_longer_than(len(before) + min(room, len(before) - 1)):
        for send_id in (2, 3):
            with pytest.raises(ServiceUnavailable, match="journal"):
                journal.intent(send_id)
        assert segment.read_bytes() == before
    journal.intent(4)
    found = replay(tmp_path)
    assert (set(found), found.torn, found.corrupted, found.complete) == ({1, 4}, 0, 0, True)


def test_half_a_record_that_cannot_be_taken_back_costs_the_proof_and_no_other_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(file: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal = Journal(tmp_path)
    journal.intent(1)
    (segment,) = segments_of(tmp_path, journal.writer)
    with monkeypatch.context() as patch, files_no_longer_than(segment.stat().st_size + 15):
        patch.setattr("campaigns.delivery.journal.os.ftruncate", refuses)  # as a copy-on-write disk may
        with pytest.raises(ServiceUnavailable, match="journal"):
            journal.intent(2)
    journal.intent(3)
    journal.intent(4)
    found = replay(tmp_path)
    assert (set(found), found.corrupted, found.complete) == ({1, 3, 4}, 1, False)


def test_a_revoked_journal_takes_outcomes_and_no_intents(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.intent(1)
    assert not journal.revoked
    said = revoke(tmp_path, journal.writer)
    assert said is not None
    assert said[1].in_flight
    assert revoke(tmp_path, journal.writer) == said, "a second sweep reads the same"
    with pytest.raises(ServiceUnavailable, match="silent for too long"):
        journal.intent(2)
    journal.outcome(SENT)
    journal.close()
    (dead,) = claimable(tmp_path)
    assert dead.replay()[1].outcome == SENT
    dead.remove()
    assert list(tmp_path.iterdir()) == []
    assert revoke(tmp_path, journal.writer) is None, "there is no such writer"


def test_a_journal_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServiceUnavailable):
        Journal(tmp_path / "file" / "journal")


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}

"""The crew and its pace: many at once, fewer when pushed back, nobody left behind."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from copywriting_samples import a_pick, a_request

from campaigns.copywriting.crew import Crew
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.fake_kinds import Gate
from campaigns.copywriting.fake_server import Reply, ScriptedModelServer, says, too_many_requests
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.pace import Pace
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.usage import OpenPurse
from campaigns.copywriting.written import SERVICE, Stopped
from campaigns.core.errors import ServiceUnavailable
from tests.waiting import in_time

FAR = float("inf")


def cells(number: int) -> dict[int, CopyRequest]:
    return {n: a_request(picks=(a_pick(n),)) for n in range(1, number + 1)}


def crew_at(server: ScriptedModelServer, most: int, **options: Any) -> tuple[Crew, ModelWriter]:
    writer = ModelWriter(server.base_url, "k", "m", timeout=10, most=most)
    return Crew(CopyDesk(writer, OfflineWriter()), most, **options), writer


def copy_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("copy")]


class TestCrew:
    """Cells at once, each handed on when it is done."""

    def test_so_many_calls_are_made_at_once_and_no_more(self) -> None:
        gate = Gate(says())
        with ScriptedModelServer(gate) as server:
            crew, writer = crew_at(server, 6)
            threading.Thread(target=gate.open_at, args=(6,)).start()
            done = dict(crew.copies_for(cells(12)))
        assert done.keys() == cells(12).keys()
        assert all(written.writer == "model" for written in done.values())
        assert gate.most_inside == 6 and writer.pace.in_flight == 0
        assert copy_threads() == []

    def test_each_is_handed_on_while_others_are_under_way(self) -> None:
        slow = Gate(says())

        def reply(body: dict[str, Any]) -> Reply:
            late = "Rolltop 22" in body["messages"][-1]["content"]
            return slow(body) if late else says()(body)

        with ScriptedModelServer(reply) as server:
            crew, _ = crew_at(server, 2)
            copies = crew.copies_for(cells(4))
            first = [next(copies)[0] for _ in range(3)]
            assert sorted(first) == [1, 3, 4], "a slow cell holds up nobody"
            slow.open()
            assert [key for key, _ in copies] == [2]

    def test_an_iterator_that_is_closed_leaves_nothing_behind(self) -> None:
        with ScriptedModelServer() as server:
            crew, _ = crew_at(server, 3)
            copies = crew.copies_for(cells(30))
            next(copies)
            copies.close()  # type: ignore[attr-defined]
            assert copy_threads() == [] and len(server.requests) < 30

    def test_told_to_stop_it_begins_nothing_more_and_keeps_what_is_paid_for(self) -> None:
        gate, told = Gate(says()), threading.Event()
        with ScriptedModelServer(gate) as server:
            crew, writer = crew_at(server, 2, stopping=told.is_set)

            threading.Thread(target=gate.open_at, args=(2, told.set)).start()
            done = dict(crew.copies_for(cells(20)))
            asked = len(server.requests)
            assert len(done) == asked == 2
            again, _ = Crew(CopyDesk(writer, OfflineWriter()), 2), None
            assert len(dict(again.copies_for(cells(4)))) == 4
            assert len(server.requests) == 4, "two of them had been paid for"
        assert copy_threads() == []

    def test_told_to_stop_it_does_not_wait_for_a_server_that_asks_to_wait(self) -> None:
        told = threading.Event()

        def reply(body: dict[str, Any]) -> Reply:
            told.set()
            return too_many_requests("30")(body)

        with ScriptedModelServer(reply) as server:
            crew, _ = crew_at(server, 2, stopping=told.is_set)
            began = time.monotonic()
            assert list(crew.copies_for(cells(5))) == []
        assert in_time(began, 3)

    def test_an_error_of_ours_comes_out_and_ends_it(self) -> None:
        class Broken(CopyDesk):
            def copy_for(self, *_: Any, **__: Any) -> Any:
                raise ServiceUnavailable("PostgreSQL", "away")

        with pytest.raises(ServiceUnavailable, match="PostgreSQL"):
            list(Crew(Broken(None, OfflineWriter()), 3).copies_for(cells(5)))
        assert copy_threads() == []

    def test_cells_that_wait_for_a_slow_model_are_no_outage(self) -> None:
        """One call at once, and each cell may take no longer than a fraction of what all take together."""

        def reply(body: dict[str, Any]) -> Reply:
            time.sleep(0.05)
            return says()(body)

        with ScriptedModelServer(reply) as server:
            writer = ModelWriter(server.base_url, "k", "m", timeout=5, most=1, cell_seconds=0.1)
            done = dict(Crew(CopyDesk(writer, OfflineWriter()), 8).copies_for(cells(8)))
        assert [written.writer for written in done.values()] == ["model"] * 8

    def test_a_server_that_asks_to_wait_is_waited_for_as_long_as_the_purse_has_time(self) -> None:
        """Longer than a cell may take, and more often than one call is tried."""

        class Patient(OpenPurse):
            def patience(self) -> float:
                return 30.0

        pushes = [too_many_requests("0.12")] * 7
        with ScriptedModelServer([*pushes, "good"]) as server:
            writer = ModelWriter(server.base_url, "k", "m", timeout=5, cell_seconds=0.1)
            desk = CopyDesk(writer, OfflineWriter())
            done = dict(Crew(desk, 1).copies_for(cells(2), Patient()))
            assert len(server.requests) == 9
        assert [written.writer for written in done.values()] == ["model"] * 2

    def test_the_caller_hears_that_it_is_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("campaigns.copywriting.crew._BEAT_SECONDS", 0.0)
        monkeypatch.setattr("campaigns.copywriting.crew._LOOK_SECONDS", 0.01)
        gate, beats = Gate(says()), []

        def beat() -> None:
            beats.append(threading.current_thread())
            if len(beats) == 3:
                gate.open()

        with ScriptedModelServer(gate) as server:
            crew, _ = crew_at(server, 2)
            assert len(dict(crew.copies_for(cells(2), beat=beat))) == 2, "it beats while nothing is done"
        assert set(beats) == {threading.current_thread()}

    def test_nothing_to_write_is_done_at_once(self) -> None:
        assert list(Crew(CopyDesk(None, OfflineWriter())).copies_for({})) == []

    def test_one_429_slows_everybody_and_it_recovers(self) -> None:
        """Four at once; one is told to wait for a while: for so long nobody calls."""
        moments: list[tuple[str, float]] = []
        lock = threading.Lock()

        def reply(body: dict[str, Any]) -> Reply:
            with lock:
                pushed = len(moments) == 4
                moments.append(("429" if pushed else "200", time.monotonic()))
            return (too_many_requests("0.3") if pushed else says())(body)

        limits: list[int] = []
        with ScriptedModelServer(reply) as server:
            crew, writer = crew_at(server, 4)
            for _, written in crew.copies_for(cells(24)):
                assert written.writer == "model"
                limits.append(writer.pace.limit)
        assert len(moments) == 25 and [word for word, _ in moments].count("429") == 1
        # Calls that were under way already still arrive; then there is silence, and then the rest.
        later = [moment for _, moment in moments[4:]]
        gaps = [after - before for before, after in itertools.pairwise(later)]
        silence = gaps.index(max(gaps))
        assert silence < 12 and later[silence + 1] - later[0] >= 0.29 > later[silence] - later[0]
        assert min(limits) == 2 and limits[-1] > 2


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Its moment."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestPace:
    """Additive increase, multiplicative decrease."""

    def test_it_is_halved_once_for_calls_of_the_same_moment(self, clock: Clock) -> None:
        pace = Pace(16, clock)
        for _ in range(8):
            pace.pushed_back(99.0)
        assert pace.limit == 8
        clock.now = 101.0
        pace.pushed_back(100.5)
        assert pace.limit == 4
        for _ in range(10):
            clock.now += 1
            pace.pushed_back(clock.now - 0.5)
        assert pace.limit == 1, "one is always tried"

    def test_one_more_after_as_many_as_are_allowed(self, clock: Clock) -> None:
        pace = Pace(16, clock)
        pace.pushed_back(99.0)
        for _ in range(9):
            pace.went_well()
        assert pace.limit == 9
        for _ in range(1000):
            pace.went_well()
        assert pace.limit == 16

    def test_nobody_calls_before_the_server_wants_to_be_asked(self, clock: Clock) -> None:
        pace = Pace(4, clock)
        pace.pushed_back(99.0, retry_after=7)
        with pytest.raises(ServiceUnavailable) as caught, pace.turn(patience=5.0):
            pass
        assert caught.value.retry_after == 7 and caught.value.service == SERVICE
        clock.now = 107.1
        with pace.turn(patience=0.0) as began:
            assert began == 107.1 and pace.in_flight == 1
        assert pace.in_flight == 0

    @pytest.mark.parametrize("wait", [lambda p, s: p.turn(FAR, s).__enter__(), lambda p, s: p.pause(60, s)])
    def test_who_waits_hears_the_word_to_stop(
        self, wait: Callable[[Pace, Callable[[], bool]], object]
    ) -> None:
        pace = Pace(1)
        asked: list[bool] = []

        def stopping() -> bool:
            asked.append(True)
            return len(asked) > 1

        with pace.turn(FAR), pytest.raises(Stopped):
            wait(pace, stopping)
        assert pace.in_flight == 0

    def test_a_turn_that_fails_is_given_back(self) -> None:
        pace = Pace(1)
        with pytest.raises(KeyError), pace.turn(FAR):
            raise KeyError
        with pace.turn(0.0):
            pass

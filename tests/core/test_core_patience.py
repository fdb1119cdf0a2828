"""Whatever hangs, whoever asks goes on in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from campaigns.core import patience
from campaigns.core.errors import NotFound, ServiceUnavailable
from campaigns.core.patience import Patience
from tests.waiting import in_time


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Questions wait for it; let go at the end."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_REST_SECONDS", 0.0)


def test_an_answer_in_time_is_returned() -> None:
    assert Patience("PostgreSQL", 1.0).ask(lambda: 42) == 42


def test_what_is_raised_is_raised_here_and_the_next_is_asked_all_the_same() -> None:
    asking = Patience("PostgreSQL", 1.0)

    def gone() -> None:
        raise NotFound("gone")

    with pytest.raises(NotFound, match="gone"):
        asking.ask(gone)
    assert asking.ask(lambda: 1) == 1


def test_a_question_that_hangs_is_left_alone(hang: threading.Event) -> None:
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=r"no answer within 0\.2 s"):
        Patience("PostgreSQL", 0.2).ask(hang.wait)
    assert time.monotonic() - began >= 0.2 and in_time(began, 1.0)


def test_after_a_failure_nothing_is_asked_for_a_while(hang: threading.Event) -> None:
    asking, asked = Patience("PostgreSQL", 0.1), []
    with pytest.raises(ServiceUnavailable):
        asking.ask(hang.wait)
    with pytest.raises(ServiceUnavailable, match="a moment ago"):
        asking.ask(lambda: asked.append(1))
    assert not asked
    time.sleep(1.0)
    assert asking.ask(lambda: 1) == 1


def test_a_service_that_says_it_is_away_is_left_alone() -> None:
    asking = Patience("PostgreSQL", 1.0)

    def away() -> None:
        raise ServiceUnavailable("PostgreSQL", "refused")

    with pytest.raises(ServiceUnavailable, match="refused"):
        asking.ask(away)
    with pytest.raises(ServiceUnavailable, match="a moment ago"):
        asking.ask(lambda: 1)


def test_what_hangs_collects_no_more_threads_than_allowed(hang: threading.Event, no_rest: None) -> None:
    # A name of its own: threads of other tests may be about to end.
    asking = Patience("nobody else", 0.01, at_once=3)

    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "ask nobody else"]

    reasons = []
    for _ in range(10):
        with pytest.raises(ServiceUnavailable) as refused:
            asking.ask(hang.wait)
        reasons.append(refused.value.message)
    assert len(threads()) == 3
    assert sum("too many" in reason for reason in reasons) == 7
    hang.set()
    for thread in threads():
        thread.join(10)
    assert asking.ask(lambda: 1) == 1, "those that hung are free again"


def test_a_machine_without_threads_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Patience("PostgreSQL", 1.0, at_once=1)

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(ServiceUnavailable, match="no thread"):
            asking.ask(lambda: 1)
    assert asking.ask(lambda: 1) == 1

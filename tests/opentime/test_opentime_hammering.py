"""One link asked for far too often gets its last answer again, and nobody else is touched."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from campaigns.opentime.serving import hammering
from campaigns.opentime.serving.hammering import MOST_IN_WINDOW, WINDOW_SECONDS, Hammering


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time.monotonic says there, and nowhere else."""
    now = [1000.0]
    monkeypatch.setattr(hammering, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def asked() -> Hammering[int]:
    """Answers of ten bytes each."""
    return Hammering(lambda answer: 10)


def ask(asked: Hammering[int], link: str, answer: int, who: str = "direct") -> int:
    """As flows/opening.py does."""
    again = asked.again(link, who)
    if again is not None:
        return again
    asked.answered(link, who, answer)
    return answer


def test_the_first_are_answered_each_and_the_rest_alike(clock: list[float], asked: Hammering[int]) -> None:
    answers = [ask(asked, "a", number) for number in range(MOST_IN_WINDOW + 30)]
    assert answers == [*range(MOST_IN_WINDOW), *[MOST_IN_WINDOW - 1] * 30]
    assert ask(asked, "b", 7) == 7


def test_a_person_is_not_answered_as_the_scanner_before(clock: list[float], asked: Hammering[int]) -> None:
    for _ in range(MOST_IN_WINDOW + 5):
        ask(asked, "a", 1, "scanner")
    assert ask(asked, "a", 2, "direct") == 2
    assert ask(asked, "a", 3, "scanner") == 1


def test_after_the_window_all_begins_anew(clock: list[float], asked: Hammering[int]) -> None:
    for _ in range(MOST_IN_WINDOW + 1):
        ask(asked, "a", 1)
    clock[0] += WINDOW_SECONDS
    assert ask(asked, "a", 2) == 1
    clock[0] += 0.1
    assert [ask(asked, "a", 3 + n) for n in range(MOST_IN_WINDOW)] == list(range(3, 3 + MOST_IN_WINDOW))


def test_who_asks_now_and_then_is_never_limited(clock: list[float], asked: Hammering[int]) -> None:
    for number in range(10 * MOST_IN_WINDOW):
        assert ask(asked, "a", number) == number
        clock[0] += 1.05 * WINDOW_SECONDS / MOST_IN_WINDOW


def test_an_answer_is_kept_only_while_it_can_be_given_again(
    clock: list[float], asked: Hammering[int]
) -> None:
    for number in range(MOST_IN_WINDOW - 1):
        ask(asked, "a", number)
    assert not asked._kept
    ask(asked, "a", 99)
    assert len(asked._kept) == 1 and asked._held == 10
    clock[0] += WINDOW_SECONDS + 0.1
    assert asked.again("b", "direct") is None
    assert not asked._kept and asked._held == 0, "forgotten with its window, whoever asks next"


def test_an_answer_behind_a_younger_one_is_not_given_too_late(
    clock: list[float], asked: Hammering[int]
) -> None:
    ask(asked, "early", 1)
    clock[0] += WINDOW_SECONDS - 1
    for link in ("late", "early"):
        for _ in range(MOST_IN_WINDOW):
            ask(asked, link, 1)
    clock[0] += 1.1
    assert ask(asked, "late", 2) == 1
    assert ask(asked, "early", 2) == 2


def test_answers_that_are_kept_are_bounded_by_their_bytes(
    clock: list[float], asked: Hammering[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hammering, "MOST_BYTES", 25)
    for link in "abc":
        for _ in range(MOST_IN_WINDOW):
            ask(asked, link, 1)
    assert asked._held == 20
    assert [ask(asked, link, 2) for link in "bca"] == [1, 1, 2], "a was kept for longest"


def test_one_answer_that_is_too_large_is_not_kept(clock: list[float]) -> None:
    asked: Hammering[int] = Hammering(lambda answer: hammering.MOST_BYTES + 1)
    for number in range(2 * MOST_IN_WINDOW):
        assert ask(asked, "a", number) == number
    assert asked._held == 0


def test_memory_is_bounded(clock: list[float], asked: Hammering[int]) -> None:
    for number in range(2 * hammering._MOST_KEPT):
        asked.answered(str(number), "direct", number)
    assert len(asked._asked) <= hammering._MOST_KEPT

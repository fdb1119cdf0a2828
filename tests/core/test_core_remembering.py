"""What is remembered in memory stays bounded, and is found again."""

from __future__ import annotations

from campaigns.core.remembering import Remembered, Tokens


def test_remembered_values_are_found_until_there_is_no_room_for_one_more() -> None:
    remembered: Remembered[int, str] = Remembered(3)
    for number in range(3):
        remembered[number] = str(number)
    assert remembered == {0: "0", 1: "1", 2: "2"}
    remembered[3] = "3"
    assert remembered == {3: "3"}


def test_what_is_kept_together_stays_together() -> None:
    remembered: Remembered[int, str] = Remembered(3)
    remembered[0] = "0"
    remembered.keep_all({1: "1", 2: "2", 3: "3", 4: "4"})
    assert remembered.get(0) == "0"
    assert len(remembered) == 5
    remembered.keep_all({5: "5", 6: "6"})
    assert remembered == {5: "5", 6: "6"}


def test_many_values_take_the_room_of_a_few() -> None:
    remembered: Remembered[int, int] = Remembered(100)
    for number in range(10_000):
        remembered[number] = number
        assert remembered.get(number) == number
        assert len(remembered) <= 100


def test_a_token_is_of_one_object_as_long_as_it_is_known() -> None:
    tokens = Tokens(most=2)
    one, other = ["same"], ["same"]
    first = tokens.of(one)
    assert tokens.of(one) == first
    assert tokens.of(other) != first
    # Two are known; a third makes room, after which an old one is numbered anew and no number comes twice.
    third = tokens.of(["third"])
    assert tokens.of(one) not in {first, third}

"""Which names a mail may show."""

from __future__ import annotations

import pytest

from campaigns.core.names import LONGEST_NAME, presentable_name


@pytest.mark.parametrize(
    "name", ["李雷", "J.R.", "Ana María", "O'Neil", "Søren", "D'Arcy & Co", "x" * LONGEST_NAME]
)
def test_names_are_shown_as_they_are(name: str) -> None:
    assert presentable_name(name) == name


def test_a_name_stays_on_its_line() -> None:
    assert presentable_name(" O'Neil\r\nBcc: x\u202e ") == "O'Neil Bcc: x"


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "http://evil", "www.evil", "evil.com", "evil.com/x", "a@b", "<b>Ana</b>", "A<br", "12345",
        "٣٤", "x" * (LONGEST_NAME + 1), "x" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_no_name_is_left_out(name: str) -> None:
    assert presentable_name(name) == ""

"""The frequency cap as a setting: read, or refused with what it must look like."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.core.errors import NotConfigured
from campaigns.core.frequency import FrequencyCap
from campaigns.core.settings import load_settings


@pytest.mark.parametrize(
    ("text", "mails", "window"),
    [
        ("3/7d", 3, timedelta(days=7)),
        (" 1 / 12 h ", 1, timedelta(hours=12)),
        ("999/30d", 999, timedelta(days=30)),
        ("2/720h", 2, timedelta(days=30)),
    ],
)
def test_a_cap_is_mails_in_a_time(text: str, mails: int, window: timedelta) -> None:
    assert load_settings({"frequency_cap": text}).cap == FrequencyCap(mails, window)


@pytest.mark.parametrize(
    "text", ["3", "0/7d", "3/0d", "-1/7d", "3/7w", "3/7", "3/7d 1/1d", "1000/7d", "٣/7d"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(NotConfigured, match=r"TAILORMAIL_FREQUENCY_CAP: must be mails/time .*3/7d"):
        load_settings({"frequency_cap": text})


@pytest.mark.parametrize("text", ["3/31d", "3/721h"])
def test_what_is_older_than_the_sends_that_are_kept_cannot_be_counted(text: str) -> None:
    with pytest.raises(NotConfigured, match="TAILORMAIL_FREQUENCY_CAP: must look back at most 30 days"):
        load_settings({"frequency_cap": text})


def test_without_a_cap_there_is_no_limit() -> None:
    assert load_settings({}).cap is None

"""Waiting for what other threads and processes do, on a machine that may be busy with other tests."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 4
"""What takes so many times as long as it should is broken; anything less may be the machine."""


def until(
    true: Callable[[], object], seconds: float = 5.0, what: Callable[[], object] = lambda: "it took too long"
) -> float:
    """Wait for what should take so many seconds at most; returns how many it took.

    It fails, saying `what`, only after `PATIENCE` times as long.
    """
    begin = time.monotonic()
    while not true():
        assert time.monotonic() < begin + PATIENCE * seconds, what()
        time.sleep(0.02)
    return time.monotonic() - begin


def in_time(began: float, seconds: float) -> bool:
    """Whether what began then (`time.monotonic`) did not take far longer than these seconds."""
    return time.monotonic() - began < PATIENCE * seconds

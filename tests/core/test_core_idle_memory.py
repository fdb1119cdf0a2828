"""What was freed goes back to the system."""

from __future__ import annotations

import platform

import psutil
import pytest

from campaigns.core.idle_memory import give_back_idle_memory

_MEGABYTES = 80


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is glibc's")
def test_what_lies_idle_below_something_that_is_used_is_given_back() -> None:
    process = psutil.Process()
    give_back_idle_memory()
    before = process.memory_info().rss
    # Too big for Python's own arenas, too small for mappings of their own; every tenth stays, so the heap cannot shrink.
    many = [bytes(4096) for _ in range(_MEGABYTES * 256)]
    kept = many[::10]
    del many
    idle = process.memory_info().rss - before
    give_back_idle_memory()
    assert idle > _MEGABYTES * 0.7e6
    assert process.memory_info().rss - before < idle / 2
    assert len(kept) == _MEGABYTES * 256 // 10

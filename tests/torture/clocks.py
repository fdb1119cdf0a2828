"""A process whose clock can be made to jump: Debian's `faketime` library before it, an offset in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

# Where distributions put it. The one for threads: workers have some.
_PLACES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)
_SLEEP = '''"""libfaketime 0.9.10 refuses the call that Python sleeps with: this one it does not know."""
import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
'''


class FakeClock:
    """A clock for processes that are started with `environment`; it begins with the right time."""

    def __init__(self, folder: Path) -> None:
        self.library = next((place for place in _PLACES if os.path.exists(place)), "")
        self._offset = folder / "offset"
        self._site = folder / "site"
        self._site.mkdir(parents=True)
        (self._site / "sitecustomize.py").write_text(_SLEEP)
        self.set(0)

    def environment(self, usual: dict[str, str]) -> dict[str, str]:
        """The environment of a process that sees this clock; time spans stay true."""
        if not self.library:
            return usual
        return {
            **usual,
            "PYTHONPATH": os.pathsep.join([str(self._site), usual.get("PYTHONPATH", "")]),
            "LD_PRELOAD": self.library,
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        """So many seconds ahead of the true time, at once; negative: behind."""
        draft = self._offset.with_suffix(".new")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._offset)


def sweep_up(processes: Iterable[int]) -> None:
    """Remove the shared memory that the library leaves behind where its process was killed."""
    for process in processes:
        for name in (f"faketime_shm_{process}", f"sem.faketime_sem_{process}"):
            Path("/dev/shm", name).unlink(missing_ok=True)

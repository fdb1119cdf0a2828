"""The memory of this process at its highest."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from types import TracebackType

import psutil

from campaigns.core.idle_memory import give_back_idle_memory

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# proc(5): writing 5 resets the peak of the resident set.
_RESET_PEAK = "5"
_MEGABYTE = 1024**2


class PeakMemory:
    """Measures the peak of this process's resident memory in a `with` block.

    What was freed earlier is given back first: otherwise a block that takes no more than lay idle seems to take
    nothing. Where the system cannot forget an earlier peak (not Linux), it is the peak since the process began.

    Attributes:
        megabytes: at the peak, all that the process held before included.
        taken: how much more that is than at the beginning of the block.
    """

    megabytes: float = 0.0
    taken: float = 0.0

    def __enter__(self) -> PeakMemory:
        give_back_idle_memory()
        self._before = psutil.Process().memory_info().rss / _MEGABYTE
        with contextlib.suppress(OSError):
            _FORGET.write_text(_RESET_PEAK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        peak = _peak_megabytes()
        self.megabytes = round(peak, 1)
        self.taken = round(max(peak - self._before, 0.0), 1)


def _peak_megabytes() -> float:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return highest / _MEGABYTE if sys.platform == "darwin" else highest / 1024

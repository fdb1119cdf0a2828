"""Writing copy offline: one request is one cell, whose words all customers in it share."""

from __future__ import annotations

from itertools import cycle, islice

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, measure
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.offline_writer import OfflineWriter

_MOST_AT_ONCE = 200
_REPETITIONS = 10


def figures(bench: Bench) -> dict[str, Figure]:
    """Cells a second, each written once: the writer remembers what it found out about a text."""
    desk = CopyDesk(None, OfflineWriter())
    cells = list({request.cell_key(desk.key_model): request for request in bench.requests.values()}.values())
    at_once = max(1, min(_MOST_AT_ONCE, len(cells) // _REPETITIONS))
    unwritten, any_cells = iter(cells), cycle(cells)

    def work() -> int:
        return sum(1 for request in islice(unwritten, at_once) if desk.copy_for(request).copy.subject)

    def key_only() -> int:
        return sum(1 for request in islice(any_cells, at_once) if request.cell_key(desk.key_model))

    floor_is = "looking for kept copy: the cell's key"
    return {"copy_offline": measure(work, "cells/s", floor=key_only, floor_is=floor_is)}

"""How a figure is measured: a warm-up, then repetitions, each one beside its floor; medians are reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

_LEAST, _MOST = 3, 9

# Does a piece of work and says how many units of it were done; 0: there is nothing left to do.
Work = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Figure:
    """A median; `unit` is "s" or something "/s".

    `floor_is` names work that cannot be left out, `floor` is its own median in the same unit, and
    `times_floor` how many times as long the figure takes (1.0 would be the floor itself).
    """

    value: float
    unit: str
    repetitions: int
    floor_is: str = ""
    floor: float | None = None
    times_floor: float | None = None


def measure(
    work: Work,
    unit: str,
    *,
    floor: Work | None = None,
    floor_is: str = "",
    prepare: Callable[[], None] | None = None,
    seconds: float = 2.5,
) -> Figure:
    """Repeat `work` for about `seconds`, at least 3 and at most 9 times, after once to warm up.

    The floor is measured right after each repetition, and the ratio is the median of the pairs: what else
    the machine does meanwhile slows both. `prepare` runs before each repetition and is not timed.

    Raises:
        RuntimeError: there was too little work to measure.
    """
    _seconds_each(work, prepare)
    if floor:
        _seconds_each(floor)
    own: list[float] = []
    bare: list[float] = []
    began = time.perf_counter()
    while len(own) < _MOST and (len(own) < _LEAST or time.perf_counter() - began < seconds):
        each = _seconds_each(work, prepare)
        if each is None:
            break
        own.append(each)
        if floor:
            bare.append(_seconds_each(floor) or 0.0)
    if not own:
        raise RuntimeError(f"nothing was left to measure after the warm-up ({unit})")
    return Figure(
        value=_in_unit(median(own), unit),
        unit=unit,
        repetitions=len(own),
        floor_is=floor_is,
        floor=_in_unit(median(bare), unit) if bare else None,
        times_floor=round(median(a / b for a, b in zip(own, bare, strict=True)), 2) if bare else None,
    )


def _seconds_each(work: Work, prepare: Callable[[], None] | None = None) -> float | None:
    if prepare:
        prepare()
    start = time.perf_counter()
    done = work()
    took = time.perf_counter() - start
    return took / done if done else None


def _in_unit(seconds_each: float, unit: str) -> float:
    return round(seconds_each, 4) if unit == "s" else round(1 / seconds_each, 1)

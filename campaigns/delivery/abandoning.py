"""A step that cannot be interrupted, and need not be waited for by a process that is to end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from campaigns.delivery.patience import LOOK_SECONDS, Patience

T = TypeVar("T")


class OutOfPatience(Exception):
    """The process is to end, and does not wait for this any longer."""


def while_patient(step: Callable[[], T], patience: Patience, put_away: Callable[[T], None]) -> T:
    """What `step` returns or raises, unless the patience is over first.

    Looking up a name, for one, cannot be left half-way and may take half a minute: so the step runs in a thread
    of its own, which is then left behind. What it still makes of itself is given to `put_away`.

    Raises:
        OutOfPatience: the patience was over, now or before.
    """
    if patience.over:
        raise OutOfPatience
    running = _Running(step, put_away)
    threading.Thread(target=running.run, name="left behind at the end", daemon=True).start()
    try:
        while not running.ended.wait(LOOK_SECONDS):
            if patience.over and running.abandon():
                raise OutOfPatience
    except BaseException:
        running.abandon()  # also where a time limit or a signal was thrown in
        raise
    return running.result()


class _Running(Generic[T]):
    def __init__(self, step: Callable[[], T], put_away: Callable[[T], None]) -> None:
        self.ended = threading.Event()
        self._step = step
        self._put_away = put_away
        self._lock = threading.Lock()
        self._abandoned = False
        self._made: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            made = self._step()
        except BaseException as error:
            self._error = error
        else:
            with self._lock:
                self._made.append(made)
                unwanted = self._abandoned
            if unwanted:
                self._put_away(made)
        self.ended.set()

    def abandon(self) -> bool:
        """Whether it was left behind; False where it has just come to its end."""
        with self._lock:
            self._abandoned = not self._made
            return self._abandoned

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._made[0]

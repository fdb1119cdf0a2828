"""Asking something that may hang, and going on without it when the time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from campaigns.core.errors import ServiceUnavailable

T = TypeVar("T")

PICTURE_SECONDS = 0.5
"""For so long somebody who waits for a picture can be let wait for one answer."""

_REST_SECONDS = 1.0


class Patience:
    """Asks from threads of its own, at most `at_once` of them, and waits at most `seconds` for an answer; None: `PICTURE_SECONDS`.

    After a failure nothing is asked for a second: whoever waits for the answer has better things to do than to
    find out again. An answer that comes too late is dropped, so what is asked must be harmless when repeated.
    """

    def __init__(self, service: str, seconds: float | None = None, at_once: int = 8) -> None:
        self._service = service
        self._seconds = PICTURE_SECONDS if seconds is None else seconds
        self._free = threading.BoundedSemaphore(at_once)
        self._rests_until = 0.0

    def ask(self, question: Callable[[], T]) -> T:
        """What `question` returns; what it raises is raised here.

        Raises:
            ServiceUnavailable: no answer in time, too many are waiting already, or it failed a moment ago.
        """
        if time.monotonic() < self._rests_until:
            raise ServiceUnavailable(self._service, "it did not answer a moment ago")
        if not self._free.acquire(blocking=False):
            raise ServiceUnavailable(self._service, "too many are waiting for it")
        answers: list[T] = []
        errors: list[BaseException] = []
        ended = threading.Event()

        def run() -> None:
            try:
                answers.append(question())
            except BaseException as error:
                errors.append(error)
            finally:
                self._free.release()
                ended.set()

        try:
            threading.Thread(target=run, daemon=True, name=f"ask {self._service}").start()
        except RuntimeError:  # the machine has no more threads
            self._free.release()
            raise ServiceUnavailable(self._service, "no thread is left to ask it") from None
        if not ended.wait(self._seconds):
            self._rests_until = time.monotonic() + _REST_SECONDS
            raise ServiceUnavailable(self._service, f"no answer within {self._seconds:g} s")
        if errors:
            if isinstance(errors[0], ServiceUnavailable):
                self._rests_until = time.monotonic() + _REST_SECONDS
            raise errors[0]
        return answers[0]

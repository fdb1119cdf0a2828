"""The crew: many cells written at the same time, each handed on when it is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.usage import Purse
from campaigns.copywriting.written import NOTHING_KNOWN, OPEN_PURSE, Stopped, WrittenCopy, never

K = TypeVar("K")
_LOOK_SECONDS = 0.2  # so often it is looked whether to stop
_BEAT_SECONDS = 1.0


def nothing() -> None:
    """Nobody wants to hear that the crew is alive."""


class Crew:
    """Threads at one desk. How many calls of the model they really make at once is the writer's pace to say.

    When `stopping` says so nothing more is begun; what is under way is waited for, because it is paid for and its
    answer is kept: at most for one call.
    """

    def __init__(self, desk: CopyDesk, most: int = 8, stopping: Callable[[], bool] = never) -> None:
        self._desk = desk
        self._most = max(most, 1)
        self._stopping = stopping

    def copies_for(
        self,
        requests: Mapping[K, CopyRequest],
        purse: Purse = OPEN_PURSE,
        known: Mapping[K, Mapping[str, str]] | None = None,
        beat: Callable[[], None] = nothing,
    ) -> Iterator[tuple[K, WrittenCopy]]:
        """The copy of each request as soon as it is written; the first of the mapping are begun first.

        `known` are the texts that are there already, for those requests of which some are (see CopyDesk.copy_for).
        `beat` is called in the thread of the caller, every second or so for as long as the crew writes: to renew a
        lease, say. What it raises comes out here and ends the crew's work.

        Fewer are given when told to stop. No thread is left when the iterator ends, is closed or raises.
        """
        over = threading.Event()
        waiting = iter(requests.items())
        under_way: dict[Future[WrittenCopy], K] = {}
        threads = ThreadPoolExecutor(min(self._most, max(len(requests), 1)), "copy")

        def stopping() -> bool:
            return over.is_set() or self._stopping()

        def begin() -> None:
            while len(under_way) < self._most and not stopping():
                following = next(waiting, None)
                if following is None:
                    return
                key, request = following
                texts = (known or {}).get(key, NOTHING_KNOWN)
                under_way[threads.submit(self._desk.copy_for, request, purse, texts, stopping)] = key

        try:
            begin()
            beaten = time.monotonic()
            while under_way:
                done, _ = wait(under_way, _LOOK_SECONDS, FIRST_COMPLETED)
                if time.monotonic() - beaten >= _BEAT_SECONDS:
                    beat()
                    beaten = time.monotonic()
                for future in done:
                    key = under_way.pop(future)
                    if not isinstance(future.exception(), Stopped):
                        yield key, future.result()
                begin()
        finally:
            over.set()
            threads.shutdown(wait=True, cancel_futures=True)

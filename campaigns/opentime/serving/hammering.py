"""The same link asked for again and again: proxies do it thousands of times, and so does whoever means harm."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from campaigns.core.remembering import Remembered

T = TypeVar("T")

MOST_IN_WINDOW = 20
WINDOW_SECONDS = 5.0
MOST_BYTES = 16_000_000
_MOST_KEPT = 20_000


class _Asked(NamedTuple):
    since: float
    times: int


class _Kept(NamedTuple, Generic[T]):
    since: float
    answer: T


class Hammering(Generic[T]):
    """Answers by link and by who asks, given again without a thought when one is asked for too often.

    Nobody is refused: who asks more than MOST_IN_WINDOW times within WINDOW_SECONDS gets the last answer once
    more until the window is over. Who asks is a word for the kind of requester: a person is not answered as the
    scanner before them was. Threads may lose counts to each other, which makes the limit a little wider.

    Only answers that can be given again are kept, as long as they can, up to MOST_BYTES; `size` says how many
    bytes an answer has.
    """

    def __init__(self, size: Callable[[T], int]) -> None:
        self._size = size
        self._asked: Remembered[tuple[str, str], _Asked] = Remembered(_MOST_KEPT)
        self._kept: OrderedDict[tuple[str, str], _Kept[T]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def again(self, link: str, who: str) -> T | None:
        """The last answer for this link and requester, if it is asked for too often."""
        if not self._kept:  # nearly always
            return None
        with self._lock:
            self._forget_old()
            kept = self._kept.get((link, who))
        return kept.answer if kept and time.monotonic() - kept.since <= WINDOW_SECONDS else None

    def answered(self, link: str, who: str, answer: T) -> None:
        """Count one more answer."""
        key, now = (link, who), time.monotonic()
        asked = self._asked.get(key)
        if asked is None or now - asked.since > WINDOW_SECONDS:
            self._asked[key] = _Asked(now, 1)
            return
        self._asked[key] = asked = _Asked(asked.since, asked.times + 1)
        if asked.times >= MOST_IN_WINDOW:
            with self._lock:
                self._forget_old()
                self._keep(key, _Kept(asked.since, answer))

    def _keep(self, key: tuple[str, str], kept: _Kept[T]) -> None:
        if key in self._kept:
            self._drop(key)
        self._kept[key] = kept
        self._held += self._size(kept.answer)
        while self._held > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _forget_old(self) -> None:
        # They stand in the order in which they were kept: behind one whose window began late, another may stay
        # a window longer than it can be used.
        oldest = time.monotonic() - WINDOW_SECONDS
        while self._kept and (first := next(iter(self._kept.items())))[1].since < oldest:
            self._drop(first[0])

    def _drop(self, key: tuple[str, str]) -> None:
        self._held -= self._size(self._kept.pop(key).answer)

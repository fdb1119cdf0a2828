"""What is large kept in memory up to a bound in bytes, least recently used out first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sized
from typing import Generic, TypeVar

V = TypeVar("V", bound=Sized)


class ByteCache(Generic[V]):
    """Any hashable key -> a value, at most `bound` bytes of values in all; for many threads.

    `size` says how many bytes a value counts for.
    """

    def __init__(self, bound: int, size: Callable[[V], int] = len) -> None:
        self._bound = bound
        self._size_of = size
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """What is kept under this key, None if nothing is (any more)."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: Hashable, value: V) -> None:
        """Keep it; one value above the bound is not kept at all."""
        with self._lock:
            if key in self._kept:
                self._size -= self._size_of(self._kept.pop(key))
            if self._size_of(value) > self._bound:
                return
            self._kept[key] = value
            self._size += self._size_of(value)
            while self._size > self._bound:
                self._size -= self._size_of(self._kept.popitem(last=False)[1])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all values kept."""
        return self._size

    def __len__(self) -> int:
        return len(self._kept)

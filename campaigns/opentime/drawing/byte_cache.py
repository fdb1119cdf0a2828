"""Bytes kept in memory up to a bound, least recently used out first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable


class ByteCache:
    """Any hashable key -> bytes, at most `bound` bytes of values in all; for many threads."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """What is kept under this key, None if nothing is (any more)."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: Hashable, value: bytes) -> None:
        """Keep it; one value above the bound is not kept at all."""
        with self._lock:
            self._size -= len(self._kept.pop(key, b""))
            if len(value) > self._bound:
                return
            self._kept[key] = value
            self._size += len(value)
            while self._size > self._bound:
                self._size -= len(self._kept.popitem(last=False)[1])

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

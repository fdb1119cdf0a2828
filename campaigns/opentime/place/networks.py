"""Sets of network prefixes: compact, sorted, answered by bisection.

A prefix is kept as the number of its first address and of its last. IPv6 prefixes up to /64, which is nearly
all of them, are told apart by the upper half of the address alone: eight bytes, where bisection is fastest.
"""

from __future__ import annotations

import socket
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_HALF = 64


class _Prefix(NamedTuple):
    """The number of the first address, the bits that are given, and the bits there are (32 or 128)."""

    first: int
    bits: int
    width: int


def _packed(address: str) -> bytes | None:
    """The 4 or 16 bytes of an address; None if it is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_pton(family, address)
    except (OSError, ValueError):  # ValueError: NUL characters, UnicodeEncodeError: lone surrogates
        return None


def _prefix(text: str) -> _Prefix | None:
    """`address/length` (or a single address); None if malformed."""
    address, slash, length = text.strip().partition("/")
    raw = _packed(address)
    if raw is None:
        return None
    width = len(raw) * 8
    if slash and not (length.isascii() and length.isdigit() and int(length[:4]) <= width):
        return None
    bits = int(length) if slash else width
    return _Prefix(int.from_bytes(raw) >> (width - bits) << (width - bits), bits, width)


class _Table:
    """Prefixes of keys of up to 64 bits (arrays), or of more (lists), with a number each."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._first: array[int] | list[int] = self._keys(())
        self._last: array[int] | list[int] = self._keys(())
        self._number = array("I")
        self._around = array("i")
        self._bits = bytearray()

    def add(self, first: int, bits: int, number: int) -> None:
        self._first.append(first)
        self._bits.append(bits)
        self._number.append(number)

    def close(self) -> None:
        """Put all rows in order; nothing may be added afterwards."""
        first, bits, width = self._first, self._bits, self._width
        # The wider of two prefixes with one start comes first, so that the narrower one is found before it.
        order = sorted(range(len(first)), key=lambda row: first[row] << 8 | bits[row])
        self._first = self._keys(first[row] for row in order)
        self._last = self._keys(first[row] | ((1 << (width - bits[row])) - 1) for row in order)
        self._number = array("I", (self._number[row] for row in order))
        self._around = array("i", _enclosing(self._first, self._last))
        self._bits = bytearray()

    def find(self, key: int) -> int | None:
        last = self._last
        index = bisect_right(self._first, key) - 1
        while index >= 0:
            if key <= last[index]:
                return self._number[index]
            index = self._around[index]
        return None

    def __len__(self) -> int:
        return len(self._number)

    def _keys(self, keys: Iterable[int]) -> array[int] | list[int]:
        return array("Q", keys) if self._width <= _HALF else list(keys)


def _enclosing(first: Sequence[int], last: Sequence[int]) -> Iterator[int]:
    """For each row the index of the narrowest prefix around it or -1 (prefixes nest or are disjoint)."""
    around: list[int] = []
    for index, start in enumerate(first):
        while around and last[around[-1]] < start:
            around.pop()
        yield around[-1] if around else -1
        around.append(index)


class NetworkMap:
    """Network prefix -> a small number; the narrowest prefix around an address wins."""

    def __init__(self, rows: Iterable[tuple[str, int]] = ()) -> None:
        """Malformed prefixes are left out and counted in `malformed`."""
        self._v4, self._v6, self._v6_narrow = _Table(32), _Table(_HALF), _Table(128)
        self.malformed = 0
        for text, number in rows:
            prefix = _prefix(text)
            if prefix is None:
                self.malformed += 1
            elif prefix.width == 32:
                self._v4.add(prefix.first, prefix.bits, number)
            elif prefix.bits <= _HALF:
                self._v6.add(prefix.first >> _HALF, prefix.bits, number)
            else:
                self._v6_narrow.add(prefix.first, prefix.bits, number)
        for table in (self._v4, self._v6, self._v6_narrow):
            table.close()
        self._has_narrow = len(self._v6_narrow) > 0

    def find(self, address: str | None) -> int | None:
        """The number of the narrowest prefix around this address, None if there is none."""
        raw = _packed(address) if address else None
        if raw is None:
            return None
        key = int.from_bytes(raw)
        if len(raw) == 4:
            return self._v4.find(key)
        narrow = self._v6_narrow.find(key) if self._has_narrow else None
        return self._v6.find(key >> _HALF) if narrow is None else narrow

    def __len__(self) -> int:
        return len(self._v4) + len(self._v6) + len(self._v6_narrow)

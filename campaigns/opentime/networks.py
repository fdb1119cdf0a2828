"""Sets of network prefixes: compact, sorted, answered by bisection.

Addresses are compared as their big-endian bytes, so one structure serves IPv4 (4 bytes a row) and IPv6 (16).
"""

from __future__ import annotations

import socket
from array import array
from bisect import bisect_right
from collections.abc import Iterable


def packed(address: str) -> bytes | None:
    """The 4 or 16 bytes of an address; None if it is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_pton(family, address)
    except (OSError, ValueError):  # ValueError: NUL characters, UnicodeEncodeError: lone surrogates
        return None


def prefix_bounds(prefix: str) -> tuple[bytes, bytes] | None:
    """First and last address of `address/length` (or of a single address); None if malformed."""
    address, slash, length = prefix.strip().partition("/")
    raw = packed(address)
    if raw is None:
        return None
    bits = len(raw) * 8
    if slash and not (length.isascii() and length.isdigit() and int(length[:4]) <= bits):
        return None
    host_bits = bits - int(length) if slash else 0
    first = int.from_bytes(raw) >> host_bits << host_bits
    last = first | ((1 << host_bits) - 1)
    return first.to_bytes(len(raw)), last.to_bytes(len(raw))


class _Rows:
    """Fixed-width byte strings one after another, seen as a sequence (for bisect)."""

    def __init__(self, width: int, body: bytes) -> None:
        self._width = width
        self._body = body

    def __len__(self) -> int:
        return len(self._body) // self._width

    def __getitem__(self, index: int) -> bytes:
        return self._body[index * self._width : (index + 1) * self._width]


class _OneVersion:
    """The prefixes of one IP version with a number each."""

    def __init__(self, width: int, rows: Iterable[tuple[bytes, bytes, int]]) -> None:
        # The wider of two prefixes with one start comes first, so that the narrower one is found before it.
        ordered = sorted(rows, key=lambda row: (row[0], -int.from_bytes(row[1])))
        self._first = _Rows(width, b"".join(row[0] for row in ordered))
        self._last = _Rows(width, b"".join(row[1] for row in ordered))
        self._number = array("I", (row[2] for row in ordered))
        self._around = array("i", _enclosing(ordered))

    def find(self, address: bytes) -> int | None:
        index = bisect_right(self._first, address) - 1
        while index >= 0:
            if address <= self._last[index]:
                return self._number[index]
            index = self._around[index]
        return None

    def __len__(self) -> int:
        return len(self._number)


def _enclosing(ordered: list[tuple[bytes, bytes, int]]) -> Iterable[int]:
    """For each row the index of the narrowest prefix around it or -1 (prefixes nest or are disjoint)."""
    around: list[int] = []
    for index, (first, _, _) in enumerate(ordered):
        while around and ordered[around[-1]][1] < first:
            around.pop()
        yield around[-1] if around else -1
        around.append(index)


class NetworkMap:
    """Network prefix -> a small number; the narrowest prefix around an address wins."""

    def __init__(self, rows: Iterable[tuple[str, int]] = ()) -> None:
        """Malformed prefixes are left out and counted in `malformed`."""
        by_width: dict[int, list[tuple[bytes, bytes, int]]] = {4: [], 16: []}
        self.malformed = 0
        for prefix, number in rows:
            bounds = prefix_bounds(prefix)
            if bounds is None:
                self.malformed += 1
            else:
                by_width[len(bounds[0])].append((*bounds, number))
        self._versions = {width: _OneVersion(width, found) for width, found in by_width.items()}

    def find(self, address: str | None) -> int | None:
        """The number of the narrowest prefix around this address, None if there is none."""
        raw = packed(address) if address else None
        return self._versions[len(raw)].find(raw) if raw is not None else None

    def __len__(self) -> int:
        return sum(len(version) for version in self._versions.values())

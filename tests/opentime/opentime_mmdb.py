"""Writes small database files in MaxMind's format, so that tests need none of MaxMind's.

Source: MaxMind DB File Format Specification 2.0. An IPv6 tree with 24-bit records; IPv4 lies at ::/96.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)


def write_mmdb(path: Path, rows: Mapping[str, Any], kind: str = "Test-City") -> Path:
    """Write network prefix -> record (wider prefixes first, so that narrower ones split them)."""
    tree = _Tree()
    data = b""
    for prefix, record in sorted(rows.items(), key=lambda row: ipaddress.ip_network(row[0]).prefixlen):
        bits = _bits(prefix)
        tree.insert(bits, len(data))
        data += _encode(record)
    metadata = {
        "node_count": _Unsigned(6, len(tree.nodes)),
        "record_size": _Unsigned(5, 24),
        "ip_version": _Unsigned(5, 6),
        "database_type": kind,
        "languages": ["en"],
        "binary_format_major_version": _Unsigned(5, 2),
        "binary_format_minor_version": _Unsigned(5, 0),
        "build_epoch": _Unsigned(9, 1_700_000_000),
        "description": {"en": "written by a test"},
    }
    path.write_bytes(tree.packed() + _SEPARATOR + data + _MARKER + _encode(metadata))
    return path


class _Tree:
    """Nodes of two records: None for nothing, ("node", index) or ("data", offset)."""

    def __init__(self) -> None:
        self.nodes: list[list[tuple[str, int] | None]] = [[None, None]]

    def insert(self, bits: str, offset: int) -> None:
        node = 0
        for bit in bits[:-1]:
            entry = self.nodes[node][int(bit)]
            if entry is None or entry[0] == "data":
                self.nodes.append([entry, entry])
                entry = ("node", len(self.nodes) - 1)
                self.nodes[node][int(bit)] = entry
            node = entry[1]
        self.nodes[node][int(bits[-1])] = ("data", offset)

    def packed(self) -> bytes:
        count = len(self.nodes)
        values = {None: lambda _: count, "node": lambda n: n, "data": lambda n: count + len(_SEPARATOR) + n}
        records = (values[e[0]](e[1]) if e else count for node in self.nodes for e in node)
        return b"".join(record.to_bytes(3) for record in records)


class _Unsigned:
    def __init__(self, kind: int, value: int) -> None:
        self.kind = kind
        self.value = value


def _bits(prefix: str) -> str:
    network = ipaddress.ip_network(prefix)
    if network.version == 4:
        return "0" * 96 + f"{int(network.network_address):032b}"[: network.prefixlen]
    return f"{int(network.network_address):0128b}"[: network.prefixlen]


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        raw = value.encode()
        return _control(2, len(raw)) + raw
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        return _encode(_Unsigned(5, value))
    if isinstance(value, _Unsigned):
        raw = value.value.to_bytes((value.value.bit_length() + 7) // 8)
        return _control(value.kind, len(raw)) + raw
    if isinstance(value, dict):
        pairs = b"".join(_encode(key) + _encode(entry) for key, entry in value.items())
        return _control(7, len(value)) + pairs
    return _control(11, len(value)) + b"".join(_encode(entry) for entry in value)


def _control(kind: int, size: int) -> bytes:
    if size >= 29 + 256:
        raise ValueError("too long for this writer")
    length = size if size < 29 else 29
    more = bytes([size - 29]) if size >= 29 else b""
    first = bytes([kind << 5 | length]) if kind <= 7 else bytes([length, kind - 7])
    return first + more

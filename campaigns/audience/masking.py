"""Addresses as people may see them who only have to recognise one."""

from __future__ import annotations

_DOTS = "•••"


def masked(address: str) -> str:
    """`ada.lovelace@mail.example` -> `a•••@m•••.example`; "" stays empty."""
    name, at, domain = address.rpartition("@")
    if not at:
        return _DOTS if address else ""
    host, dot, top = domain.rpartition(".")
    return f"{name[:1]}{_DOTS}@{(host or top)[:1]}{_DOTS}{dot}{top if host else ''}"

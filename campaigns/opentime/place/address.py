"""The client's address behind load balancers, counted from the trusted end."""

from __future__ import annotations

import ipaddress


def client_address(forwarded_for: str | None, remote: str | None, trusted_hops: int) -> str | None:
    """The public address of whoever asked, or None where it cannot be known.

    `forwarded_for` is the X-Forwarded-For header, `remote` the peer of the connection and `trusted_hops`
    the number of load balancers of our own in front. Each of them appended the address it saw, so the
    client stands `trusted_hops` places left of `remote`; what is further left anybody can have written.
    A chain that is too short did not come through our load balancers, and tells nothing.
    """
    if trusted_hops <= 0:
        return public_address(remote)
    entries = (forwarded_for or "").rsplit(",", trusted_hops)
    if len(entries) < trusted_hops:
        return None
    return public_address(entries[-trusted_hops])


def public_address(text: str | None) -> str | None:
    """The canonical form of a public unicast address (a port, brackets and quotes are dropped), or None."""
    bare = _without_port((text or "").strip().strip('"'))
    if not bare or len(bare) > 45 or "%" in bare:
        return None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address) if address.is_global and not address.is_multicast else None


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        return text.partition(":")[0]
    return text

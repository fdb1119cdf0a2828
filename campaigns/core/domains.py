"""International domain names as the DNS has them."""

from __future__ import annotations

import idna


def a_labels(domain: str) -> str | None:
    """The domain in ASCII (IDNA 2008, RFC 5891); one that is ASCII already as it is, None for what cannot be written so.

    UTS 46 maps what people type (capitals, full-width dots) to what the DNS knows.
    """
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None


def u_labels(domain: str) -> str:
    """The domain as people write it; as it is where nothing else is meant by it."""
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain

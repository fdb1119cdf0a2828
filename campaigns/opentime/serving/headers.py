"""Headers of a picture's answer."""

from __future__ import annotations

import hashlib

# `no-cache` with `max-age=0` is the pair shown to override the cache of Gmail's proxy.
_NEVER_KEPT = "no-cache, no-store, max-age=0, must-revalidate, private"
_KEPT_AN_HOUR = "public, max-age=3600"


def picture_headers(media_type: str, body: bytes, personal: bool) -> dict[str, str]:
    """Headers for 200 (and HEAD): no cookie, no redirect.

    `personal`: the picture was chosen for this person or moment, or stands in for one that was. What is
    served from URLs that identify nobody is not, and may be cached.
    """
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        "Cache-Control": _NEVER_KEPT if personal else _KEPT_AN_HOUR,
        "X-Content-Type-Options": "nosniff",
    }
    if not personal:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return headers

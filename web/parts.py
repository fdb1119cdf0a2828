"""What every view needs: the runtime of this app, who asks, and the app's own origin."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import current_app, request

from campaigns.flows.opening.askers import Asker
from campaigns.opentime.place.address import client_address
from campaigns.runtime import Runtime

EXTENSION = "tailormail"


def runtime() -> Runtime:
    """The parts that this app was made with."""
    return cast(Runtime, current_app.extensions[EXTENSION])


def asker() -> Asker:
    """Who sent this request, as far as HTTP tells; which header to believe is decided by the flow."""
    return Asker(
        user_agent=request.headers.get("User-Agent"),
        remote=request.remote_addr,
        forwarded_for=request.headers.get("X-Forwarded-For"),
    )


def caller_key() -> str:
    """What sign-ins are counted by: the client's address behind our own load balancers."""
    hops = runtime().settings.trusted_proxies
    known = client_address(request.headers.get("X-Forwarded-For"), request.remote_addr, hops)
    return known or request.remote_addr or "unknown"


def origin_of(url: str) -> str:
    """`https://shop.example/p/1` -> `https://shop.example`; empty for what is no web address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""

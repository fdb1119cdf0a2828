"""Every request has a number, in the log and in the answer; a caller may bring its own in X-Request-ID."""

from __future__ import annotations

import re

from flask import Response, g, request

from campaigns.core.log import bind_trace

_TRACE = re.compile(r"[A-Za-z0-9-]{8,64}")


def begin_trace() -> None:
    """Before a request: number it."""
    given = request.headers.get("X-Request-ID", "")
    g.trace = bind_trace(given if _TRACE.fullmatch(given) else None)


def end_trace(response: Response) -> Response:
    """After it: say the number."""
    if "trace" in g:
        response.headers["X-Request-ID"] = g.trace
    return response

"""The calendar as a feed for calendar programs, behind a link that is a person's own and can be taken back."""

from __future__ import annotations

from flask import Blueprint, Response

from web.parts import runtime

blueprint = Blueprint("calendar_feed", __name__)


@blueprint.get("/calendar/<token>.ics")
def feed(token: str) -> Response:
    """The feed (RFC 5545); 404 for a link that is forged or was taken back."""
    response = Response(runtime().calendar_feed.feed(token), mimetype="text/calendar")
    response.headers["Cache-Control"] = "private, max-age=300"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response

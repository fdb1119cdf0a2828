"""`/c/<token>`: on to where the link leads. The target comes from the database, never from the address."""

from __future__ import annotations

from flask import Blueprint, Response

from web.parts import asker, runtime

blueprint = Blueprint("clicks", __name__)


@blueprint.get("/c/<token>")
def click(token: str) -> Response:
    """302 to the target; 404 for a forged link or a mail that is gone."""
    url = runtime().feedback.click(token, asker())
    # Built by hand: Flask's redirect() would add a page that repeats the address.
    return Response("", 302, {"Location": url, "Cache-Control": "no-store", "Content-Type": "text/plain"})

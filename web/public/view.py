"""`/v/<token>`: the mail in a browser."""

from __future__ import annotations

from flask import Blueprint, Response

from web.parts import runtime
from web.security import policy_of_a_mail

blueprint = Blueprint("view", __name__)


@blueprint.get("/v/<token>")
def mail(token: str) -> Response:
    """The mail as it was sent, with the pictures that it showed; not counted as an open."""
    html = runtime().viewing.in_browser(token)
    return Response(
        html, 200, {"Content-Security-Policy": policy_of_a_mail()}, content_type="text/html; charset=utf-8"
    )

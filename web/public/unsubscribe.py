"""`/u/<token>`: GET asks and changes nothing, POST unsubscribes (RFC 8058)."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from campaigns.flows.feedback import ONE_CLICK
from web.parts import runtime
from web.public.words import words_for

blueprint = Blueprint("unsubscribe", __name__)

OWN_PAGE = "unsubscribe page"


@blueprint.get("/u/<token>")
def ask(token: str) -> Response:
    """One button, in the customer's language: link scanners follow every link and must not unsubscribe anybody."""
    return _page("public/unsubscribe.html", runtime().feedback.check_unsubscribe(token))


@blueprint.post("/u/<token>")
def do(token: str) -> Response:
    """Withdraw consent to marketing: 200 without a redirect, again and again.

    The token is the whole authority. The body only says who pressed (a mail provider sends
    `List-Unsubscribe=One-Click`); a body that cannot be read must not keep anybody subscribed.
    """
    flow = runtime().feedback
    flow.unsubscribe(token, OWN_PAGE if _from_our_page() else ONE_CLICK)
    return _page("public/unsubscribed.html", flow.check_unsubscribe(token))


def _from_our_page() -> bool:
    try:
        return request.form.get("from") == "page"
    except (HTTPException, ValueError):
        return False


def _page(template: str, language: str) -> Response:
    return make_response(render_template(template, language=language, words=words_for(language)))

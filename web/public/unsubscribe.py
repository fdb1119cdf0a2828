"""`/u/<token>`: GET asks and changes nothing, POST unsubscribes (RFC 8058)."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from campaigns.flows.customers.unsubscribing import ONE_CLICK, OWN_PAGE
from web.parts import runtime
from web.public.words import page_language, spoken, words_for

blueprint = Blueprint("unsubscribe", __name__)


@blueprint.get("/u/<token>")
def ask(token: str) -> Response:
    """One button, in the customer's language: link scanners follow every link and must not unsubscribe anybody."""
    return _page("public/unsubscribe.html", runtime().unsubscribing.check(token))


@blueprint.post("/u/<token>")
def do(token: str) -> Response:
    """Withdraw consent to marketing: 200 without a redirect, again and again, and also while PostgreSQL is away.

    The token is the whole authority. The body only says who pressed (a mail provider sends
    `List-Unsubscribe=One-Click`); a body that cannot be read must not keep anybody subscribed.
    """
    flow = runtime().unsubscribing
    flow.by_link(token, OWN_PAGE if _from_our_page() else ONE_CLICK)
    return _page("public/unsubscribed.html", flow.check(token))


def _from_our_page() -> bool:
    try:
        return request.form.get("from") == "page"
    except (HTTPException, ValueError):
        return False


def _page(template: str, language: str | None) -> Response:
    language = spoken(language) if language else page_language()
    return make_response(render_template(template, language=language, words=words_for(language)))

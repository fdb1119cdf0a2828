"""`/p/data/<token>` and `/p/erase/<token>`: links of notices; GET asks, POST downloads or erases."""

from __future__ import annotations

import json

from flask import Blueprint, Response, make_response, render_template

from campaigns.flows.own_data import DataLink, Right
from web.limits import limited
from web.parts import runtime
from web.public.preferences import gone_page
from web.public.words import page_language, spoken, words_for

blueprint = Blueprint("own_data", __name__)

# An export reads all that there is about somebody.
_LIMIT = "20 per minute; 100 per hour"
_EXPIRED = 410


@blueprint.get("/p/data/<token>")
def ask_download(token: str) -> Response:
    """One button: link scanners follow every link."""
    link = runtime().own_data.check(Right.EXPORT, token)
    return _page("public/download.html", link) if link.open else _closed(link)


@blueprint.post("/p/data/<token>")
@limited(_LIMIT, "POST")
def download(token: str) -> Response:
    """The file, which no cache may keep."""
    flow = runtime().own_data
    link = flow.check(Right.EXPORT, token)
    if not link.open:
        return _closed(link)
    body = json.dumps(flow.download(token), ensure_ascii=False, indent=2)
    response = make_response(body.encode())
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="customer.json"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@blueprint.get("/p/erase/<token>")
def ask_erasure(token: str) -> Response:
    """Says what goes and what stays, and asks."""
    link = runtime().own_data.check(Right.ERASURE, token)
    return _page("public/erase.html", link) if link.open else _after_erasure(link)


@blueprint.post("/p/erase/<token>")
@limited(_LIMIT, "POST")
def erase(token: str) -> Response:
    """Erase; the same again changes nothing and says the same."""
    flow = runtime().own_data
    link = flow.check(Right.ERASURE, token)
    if not link.open:
        return _after_erasure(link)
    flow.erase(token)
    return _page("public/erased.html", link)


def _after_erasure(link: DataLink) -> Response:
    if not link.gone:
        return _closed(link)
    return _page("public/erased.html", link)


def _closed(link: DataLink) -> Response:
    if link.gone:
        return gone_page()
    response = _page("public/expired.html", link)
    response.status_code = _EXPIRED
    return response


def _page(template: str, link: DataLink) -> Response:
    # The language went with whoever was erased.
    language = page_language() if link.gone else spoken(link.language)
    return make_response(render_template(template, language=language, words=words_for(language)))

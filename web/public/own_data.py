"""`/p/data/<token>` and `/p/erase/<token>`: links of notices; GET asks, POST downloads or erases."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from campaigns.flows.customers.own_data import DataLink, Right
from web.limits import limited
from web.parts import runtime
from web.public.preferences import gone_page
from web.public.words import page_language, spoken, words_for

blueprint = Blueprint("own_data", __name__)

# An export reads all that there is about somebody.
_LIMIT = "20 per minute; 100 per hour"
_EXPIRED = 410
_PATH = "/p/<any(data, erase):right>/<token>"
_QUESTIONS = {Right.EXPORT: "public/download.html", Right.ERASURE: "public/erase.html"}
_ERASED = "public/erased.html"


@blueprint.get(_PATH)
def ask(right: str, token: str) -> Response:
    """Says what will be done, and has one button for it: link scanners follow every link."""
    asked = Right(right)
    link = runtime().own_data.check(asked, token)
    return _page(_QUESTIONS[asked], link) if link.open else _closed(asked, link)


@blueprint.post(_PATH)
@limited(_LIMIT, "POST")
def grant(right: str, token: str) -> Response:
    """Download or erase; to erase once more changes nothing and says the same."""
    asked, flow = Right(right), runtime().own_data
    link = flow.check(asked, token)
    if not link.open:
        return _closed(asked, link)
    if asked is Right.EXPORT:
        return _file(flow.download(token))
    flow.erase(token)
    return _page(_ERASED, link)


def _file(export: dict[str, Any]) -> Response:
    """The export as a file, which no cache may keep."""
    response = make_response(json.dumps(export, ensure_ascii=False, indent=2).encode())
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="customer.json"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _closed(right: Right, link: DataLink) -> Response:
    if link.gone:
        return _page(_ERASED, link) if right is Right.ERASURE else gone_page()
    response = _page("public/expired.html", link)
    response.status_code = _EXPIRED
    return response


def _page(template: str, link: DataLink) -> Response:
    # The language went with whoever was erased.
    language = page_language() if link.gone else spoken(link.language)
    return make_response(render_template(template, language=language, words=words_for(language)))

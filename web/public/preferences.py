"""`/p/<token>`: what a customer agreed to, purpose by purpose, and changing it.

The signed token is what protects against forged requests: who does not have the link cannot make one.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from campaigns.flows.feedback import Preferences
from campaigns.models import PURPOSES
from web.parts import runtime
from web.public.words import purposes_in, words_for

blueprint = Blueprint("preferences", __name__)


@blueprint.get("/p/<token>")
def show(token: str) -> Response:
    """The page; changes nothing."""
    return _page(runtime().feedback.preferences(token), saved=False)


@blueprint.post("/p/<token>")
def save(token: str) -> Response:
    """Exactly the ticked purposes hold afterwards; the other button withdraws all of them."""
    flow = runtime().feedback
    before = flow.preferences(token)
    if request.form.get("action") == "none":
        wanted: frozenset[str] = frozenset()
    else:
        # Only what this page offers: a field that somebody added grants nothing.
        wanted = frozenset(request.form.getlist("purpose")) & frozenset(PURPOSES)
    return _page(flow.set_preferences(token, wanted, _wording(before, wanted)), saved=True)


def _wording(before: Preferences, wanted: frozenset[str]) -> str:
    """What the page said beside the boxes that were newly ticked: the proof of what was agreed to."""
    texts = purposes_in(before.language)
    fresh = [texts[purpose] for purpose in PURPOSES if purpose in wanted - before.granted]
    return " | ".join(f"{title}: {explained}" for title, explained in fresh)


def _page(preferences: Preferences, saved: bool) -> Response:
    language = preferences.language
    html = render_template(
        "public/preferences.html",
        language=language,
        words=words_for(language),
        purposes=purposes_in(language),
        granted=preferences.granted,
        saved=saved,
    )
    return make_response(html)

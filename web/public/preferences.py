"""`/p/<token>`: what a customer chose, why a mail came, and asking for one's data; changing the choices.

The signed token is what protects against forged requests: who does not have the link cannot make one.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.datastructures import MultiDict

from campaigns.compose.content import date_text
from campaigns.core.errors import BadInput, TryLater
from campaigns.core.zones import zone_named
from campaigns.flows.customers.own_data import Asked, Right
from campaigns.flows.customers.preferences import PREFERENCE_PAGE, Choices, Saved
from campaigns.models import PURPOSES
from campaigns.models.contact import FREQUENCIES
from web.parts import runtime
from web.public.words import page_language, purposes_in, spoken, words_for

blueprint = Blueprint("preferences", __name__)

_PAUSES: Mapping[str, int | None] = {"keep": None, "off": 0, "30": 30, "90": 90}
_RIGHTS = {"export": Right.EXPORT, "erase": Right.ERASURE}


@blueprint.get("/p/<token>")
def show(token: str) -> Response:
    """The page; changes nothing."""
    return _page(token, runtime().preferences.of(token), saved=False)


@blueprint.post("/p/<token>")
def save(token: str) -> Response:
    """What was chosen on the page holds afterwards; other buttons end everything, or ask for one's data."""
    flow, form = runtime().preferences, request.form
    action = form.get("action")
    if action in _RIGHTS:
        return _asked(token, _RIGHTS[action])
    if action == "none":
        return _ended(token)
    return _page(token, flow.save(token, _saved(form)), saved=True)


def _ended(token: str) -> Response:
    """Unsubscribed from everything: where PostgreSQL is away, that is put by, and said in the browser's language."""
    try:
        return _page(token, runtime().preferences.end_all(token), saved=True)
    except TryLater:
        runtime().unsubscribing.from_everything(token, PREFERENCE_PAGE)
    language = page_language()
    html = render_template("public/unsubscribed.html", language=language, words=words_for(language))
    return make_response(html)


def _saved(form: MultiDict[str, str]) -> Saved:
    """The form as it was sent off. A form without a word of what it showed was made by hand: nothing was ticked."""
    # Only what this page offers: a field that somebody added grants nothing.
    ticked = frozenset(form.getlist("purpose")) & frozenset(PURPOSES)
    frequency = form.get("frequency")
    pause = form.get("pause", "keep")
    if pause not in _PAUSES:
        raise BadInput(f"must be one of {', '.join(_PAUSES)}", where="pause")
    before = dict.fromkeys(form.getlist("topic_on"), True) | dict.fromkeys(form.getlist("topic_off"), False)
    return Saved(
        purposes=ticked,
        purposes_before=frozenset(form.getlist("purpose_on")),
        topics=frozenset(form.getlist("topic")),
        topics_before=before,
        frequency=None if frequency == form.get("frequency_before") else frequency,
        pause_days=_PAUSES[pause],
        wording=_wording(form.get("language", "")),
    )


def _wording(language: str) -> dict[str, str]:
    """What stood beside each box, in the language in which the page was shown: the proof of what was agreed to."""
    return {purpose: f"{title}: {explained}" for purpose, (title, explained) in purposes_in(language).items()}


def _page(token: str, choices: Choices, saved: bool) -> Response:
    if choices.gone:
        return gone_page()
    language = spoken(choices.language)
    why = runtime().preferences.why(token)
    html = render_template(
        "public/preferences.html",
        language=language,
        words=words_for(language),
        purposes=purposes_in(language),
        frequencies=FREQUENCIES,
        choices=choices,
        paused_until=_day(choices, language),
        saved=saved,
        why=why,
        day=lambda day: date_text(day, language),
    )
    return make_response(html)


def _day(choices: Choices, language: str) -> str:
    until = choices.wishes.paused_until
    if until is None:
        return ""
    zone = zone_named(choices.timezone)
    return date_text((until.astimezone(zone) if zone else until).date(), language)


def gone_page() -> Response:
    """For whoever has been erased, and links of nobody: kind, in the language of the browser."""
    language = page_language()
    html = render_template("public/gone.html", language=language, words=words_for(language))
    return make_response(html)


def _asked(token: str, right: Right) -> Response:
    """A link was asked for: says where to look, and never an address."""
    asked = runtime().own_data.ask(token, right)
    if asked is Asked.GONE:
        return gone_page()
    language = spoken(runtime().preferences.of(token).language)
    words = words_for(language)
    text = {
        Asked.QUEUED: words["data_asked_erase" if right is Right.ERASURE else "data_asked_export"],
        Asked.ENOUGH: words["data_enough"],
        Asked.NOWHERE: words["data_nowhere"],
    }[asked]
    title = words["data_heading" if asked is Asked.NOWHERE else "data_asked_title"]
    html = render_template("public/asked.html", language=language, words=words, title=title, text=text)
    return make_response(html)

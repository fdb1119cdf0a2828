"""The page of API keys, for admins: made and shown once, listed, revoked. And the way to the API's description."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaigns.core.errors import BadInput, Conflict
from campaigns.flows.console.api_keys import MOST_PER_MINUTE, SCOPE_WORDS
from campaigns.models import Role
from web.console.access import requires
from web.console.users import person
from web.limits import KEY_LIMIT
from web.parts import runtime

blueprint = Blueprint("api_keys", __name__)

DOCS = "/api/v1/docs"
_LASTS = [("90", "90 days"), ("30", "30 days"), ("365", "A year"), ("0", "Until it is revoked")]


class KeyForm(FlaskForm):
    """A new key."""

    name = StringField(
        "Name",
        [InputRequired("Say what the key is for."), Length(max=80)],
        description="What it is for, such as “web shop”. It stands in the audit log.",
        render_kw={"autocomplete": "off"},
    )
    scopes = SelectMultipleField("What it may do", choices=list(SCOPE_WORDS))
    lasts = SelectField("It works for", choices=_LASTS)
    per_minute = IntegerField(
        "Requests a minute",
        [Optional(), NumberRange(1, MOST_PER_MINUTE)],
        description=f"Empty: {KEY_LIMIT}. More are answered by “wait a minute”.",
        render_kw={"inputmode": "numeric"},
    )


@blueprint.get("/api-keys")
@requires(Role.ADMIN)
def index() -> ResponseReturnValue:
    """All keys, and a form to make one."""
    return _index(KeyForm(formdata=None))


@blueprint.post("/api-keys")
@requires(Role.ADMIN)
def create() -> ResponseReturnValue:
    """Make a key and show it, this once."""
    form = KeyForm()
    if not form.scopes.data:
        form.scopes.errors = ["Tick at least one thing that it may do."]
    if form.validate_on_submit() and form.scopes.data:
        days = int(form.lasts.data)
        ends = runtime().clock.now() + timedelta(days=days) if days else None
        name = (form.name.data or "").strip()
        try:
            key = runtime().api_keys.create(
                name, form.scopes.data, by=person().name, expires_at=ends, per_minute=form.per_minute.data
            )
        except (Conflict, BadInput) as error:
            form.name.errors = [f"{error.message[:1].upper()}{error.message[1:]}."]
        else:
            response = make_response(render_template("console/api_key_made.html", name=name, key=key))
            response.headers["Cache-Control"] = "no-store"
            return response
    if not form.scopes.data:
        form.scopes.errors = ["Tick at least one thing that it may do."]
    return _index(form), 400


@blueprint.post("/api-keys/revoke")
@requires(Role.ADMIN)
def revoke() -> ResponseReturnValue:
    """From now on the key opens nothing."""
    name = request.form.get("name", "")
    runtime().api_keys.revoke(name, person().name)
    flash(f"“{name}” opens nothing any more.")
    return redirect(url_for("console.api_keys.index"))


@blueprint.get("/api")
@requires(Role.AUTHOR)
def docs() -> ResponseReturnValue:
    """What the API can do."""
    return redirect(DOCS)


def _index(form: KeyForm) -> str:
    keys = [_shown(key) for key in reversed(runtime().api_keys.list())]
    return render_template(
        "console/api_keys.html",
        form=form,
        scope_words=SCOPE_WORDS,
        limit=KEY_LIMIT,
        working=[key for key in keys if key["works"]],
        ended=[key for key in keys if not key["works"]],
    )


def _shown(key: dict[str, Any]) -> dict[str, Any]:
    moments = ("created_at", "expires_at", "last_used_at", "revoked_at")
    return {**key, **{name: datetime.fromisoformat(key[name]) if key[name] else None for name in moments}}

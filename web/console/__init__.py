"""The console for marketers. Every page asks for a sign-in; a new one does so without being told to."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.console import (
    access,
    account,
    api_keys,
    audit,
    calendar,
    campaigns,
    copy,
    customers,
    editor,
    experiment,
    imports,
    outbox,
    people,
    preflight,
    preview,
    progress,
    recommender,
    report,
    reports,
    segments,
    series,
    signin,
    troubles,
    webhooks,
)
from web.console.users import person
from web.parts import runtime
from web.security import CONSOLE_PATH

blueprint = Blueprint("console", __name__, url_prefix=CONSOLE_PATH)
_PAGES = (
    signin,
    account,
    people,
    audit,
    campaigns,
    progress,
    troubles,
    series,
    calendar,
    preflight,
    preview,
    report,
    reports,
    recommender,
    copy,
    editor,
    experiment,
    segments,
    imports,
    customers,
    api_keys,
    webhooks,
    outbox,
)
for _pages in _PAGES:
    blueprint.register_blueprint(_pages.blueprint)


@blueprint.before_request
def _ask_to_sign_in() -> ResponseReturnValue | None:
    if request.blueprint == "console.signin":
        return None
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    if request.blueprint != "console.account" and person().owes_second_factor(
        runtime().settings.require_totp
    ):
        return redirect(url_for("console.account.second_factor"))
    access.refuse_unmarked()
    return None

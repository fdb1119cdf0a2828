"""The console for marketers. Every page asks for a sign-in; a new one does so without being told to."""

from __future__ import annotations

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.console import access, campaigns, copy, editor, outbox, preflight, preview, progress, report, signin
from web.security import CONSOLE_PATH

blueprint = Blueprint("console", __name__, url_prefix=CONSOLE_PATH)
for _pages in (signin, campaigns, progress, preflight, preview, report, copy, editor, outbox):
    blueprint.register_blueprint(_pages.blueprint)


@blueprint.before_request
def _ask_to_sign_in() -> ResponseReturnValue | None:
    if request.blueprint == "console.signin":
        return None
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    access.refuse_unmarked()
    return None

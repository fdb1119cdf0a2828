"""Captured mail: what would have gone out while no relay is set.

Not for viewers: it has addresses in the clear, and links that act for the recipient.
"""

from __future__ import annotations

from flask import Blueprint, abort, make_response, render_template, request
from flask.typing import ResponseReturnValue

from campaigns.delivery.capture import count_captured, list_captured, read_captured
from campaigns.models import Role
from web.console.access import requires
from web.console.mailview import allowed_by, picture_origins, read_mail, without_opens
from web.parts import runtime
from web.security import policy_showing_mail

blueprint = Blueprint("outbox", __name__)

PAGE = 50


@blueprint.before_request
def _only_while_capturing() -> None:
    if runtime().settings.smtp_url:
        abort(404)


@blueprint.get("/outbox")
@requires(Role.AUTHOR)
def index() -> ResponseReturnValue:
    """The captured mails, newest first."""
    folder = runtime().settings.captured_mail
    total = count_captured(folder)
    pages = max(1, -(-total // PAGE))
    page = min(max(request.args.get("page", 1, type=int), 1), pages)
    mails = list_captured(folder, limit=PAGE, offset=(page - 1) * PAGE)
    return render_template("console/outbox.html", mails=mails, total=total, page=page, pages=pages)


@blueprint.get("/outbox/<message_id>")
@requires(Role.AUTHOR)
def show(message_id: str) -> ResponseReturnValue:
    """One mail as its recipient sees it; looking at it here counts as nobody's open."""
    mail = read_mail(read_captured(runtime().settings.captured_mail, message_id))
    html = without_opens(runtime(), mail.html)
    allowed = allowed_by(runtime(), message_id)
    response = make_response(render_template("console/captured.html", mail=mail, html=html, allowed=allowed))
    response.headers["Content-Security-Policy"] = policy_showing_mail(picture_origins(html))
    return response

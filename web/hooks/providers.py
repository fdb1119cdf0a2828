"""`/hooks/<provider>`: kept and answered at once; workers do what follows from it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from campaigns.core.errors import BadInput, NotFound
from campaigns.delivery.hooks.vocabulary import NotAuthentic
from web.parts import runtime

blueprint = Blueprint("hooks", __name__)

# What each provider understands: Postmark sends a password, and Mailgun comes again after anything but 200 and 406.
_REFUSED = {"postmark": 401, "mailgun": 406}


@blueprint.post("/hooks/<provider>")
def hear(provider: str) -> tuple[Response, int]:
    """200 once it is on disk, also for what came before; 503 where it cannot be kept: the provider comes again."""
    try:
        new = runtime().provider_hooks.take(provider, dict(request.headers), request.get_data(cache=False))
    except NotFound:
        return _refused("there is no such webhook", 404)
    except NotAuthentic:
        return _refused("not authentic", _REFUSED.get(provider, 403))
    except BadInput as error:
        return _refused(error.message, 400)
    return jsonify(kept=new), 200


def _refused(why: str, status: int) -> tuple[Response, int]:
    response = jsonify(error=why)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="webhook"'
    return response, status

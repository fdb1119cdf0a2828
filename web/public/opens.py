"""Pictures: `/o/<token>.<ext>`, decided at open and always answered; `/i/<sha256>.<ext>`, by content."""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from campaigns.core.log import get_logger
from campaigns.opentime.headers import picture_headers
from campaigns.opentime.neutral import pixel
from web.parts import asker, runtime

log = get_logger(__name__)
blueprint = Blueprint("opens", __name__)

_EXTENSION = re.compile(r"\.(?:png|jpe?g|gif)\Z", re.IGNORECASE)
_YEAR = 365 * 24 * 3600


class _Anything(BaseConverter):
    """Whatever follows, slashes and line ends too, and nothing at all."""

    part_isolating = False
    regex = r"[\s\S]*"


@blueprint.record_once
def _know_anything(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["anything"] = _Anything


# merge_slashes: a doubled slash would otherwise be answered with a redirect, which a mail proxy does not follow.
@blueprint.get("/o")
@blueprint.get("/o/<anything:name>", merge_slashes=False)
def picture(name: str = "") -> Response:
    """200 with a picture, whatever is asked and whatever is down."""
    try:
        answer = runtime().opening.picture(_EXTENSION.sub("", name), asker())
        body, headers = answer.body, answer.headers
    except Exception:
        log.warning("open_answered_pixel", exc_info=True)
        nothing = pixel()
        body, headers = nothing.body, picture_headers(nothing.media_type, nothing.body, personal=True)
    return Response(body, 200, headers)


@blueprint.get("/i/<name>")
def hosted(name: str) -> Response:
    """A stored picture under the hash of its content, which can therefore never change."""
    sha256, _, extension = name.rpartition(".")
    found = runtime().opening.hosted(sha256) if re.fullmatch(r"[0-9a-f]{64}", sha256) and extension else None
    if found is None:
        abort(404)
    media_type, body = found
    headers = {
        "Content-Type": media_type,
        "Cache-Control": f"public, max-age={_YEAR}, immutable",
        "ETag": f'"{sha256[:32]}"',
    }
    return Response(body, 200, headers)

"""Pictures: `/o/<token>.<ext>`, decided at open and always answered; `/i/<sha256>.<ext>`, by content.

The first stand before Flask, as a plain WSGI callable of the same application: nothing of what Flask does for a
page is wanted for them, and it takes longer than choosing the picture.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort

from campaigns.core.errors import NotFound
from campaigns.core.log import get_logger
from campaigns.flows.opening.askers import Asker
from campaigns.flows.opening.opening import Opening
from campaigns.opentime.drawing.neutral import pixel
from campaigns.opentime.serving.headers import picture_headers
from web.measuring import Measures
from web.parts import runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = get_logger(__name__)
blueprint = Blueprint("opens", __name__)

_EXTENSION = re.compile(r"\.(?:png|jpe?g|gif)\Z", re.IGNORECASE)
_YEAR = 365 * 24 * 3600
_AGAIN_SECONDS = 5


class PicturesFirst:
    """WSGI (PEP 3333): `/o` and what is below it is answered here, everything else by `inner`.

    200 with a picture, whatever is asked, by whatever method, and whatever is down. The body of a request is
    not read.
    """

    def __init__(self, inner: WSGIApplication, opening: Callable[[], Opening], measures: Measures) -> None:
        self._inner = inner
        self._opening = opening
        self._measures = measures

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/o/") and path != "/o":
            return self._inner(environ, start_response)
        began = time.perf_counter()
        try:
            asker = Asker(
                environ.get("HTTP_USER_AGENT"),
                environ.get("REMOTE_ADDR"),
                environ.get("HTTP_X_FORWARDED_FOR"),
                looks=environ.get("REQUEST_METHOD") == "GET",
            )
            answer = self._opening().picture(_EXTENSION.sub("", path[3:]), asker)
            body, headers = answer.body, answer.headers
        except Exception:
            log.warning("open_answered_pixel", exc_info=True)
            nothing = pixel()
            body, headers = nothing.body, picture_headers(nothing.media_type, nothing.body, personal=True)
        start_response("200 OK", list(headers.items()))
        content = [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
        is_time = self._measures.picture(time.perf_counter() - began)
        return _Closing(content, self._measures.flush) if is_time else content


class _Closing:
    """A body after which something is done; servers call `close` when the answer is out (PEP 3333)."""

    def __init__(self, content: list[bytes], then: Callable[[], None]) -> None:
        self._content = content
        self._then = then

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._content)

    def close(self) -> None:
        self._then()


@blueprint.get("/i/<name>")
def hosted(name: str) -> Response:
    """A stored picture under the hash of its content, which can therefore never change.

    404 only where there is surely none: providers keep that answer for weeks.
    """
    sha256, _, extension = name.rpartition(".")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not extension:
        abort(404)
    try:
        media_type, body = runtime().gallery.hosted(sha256)
    except NotFound:
        abort(404)
    except Exception as error:
        log.info("hosted_picture_away", why=type(error).__name__)
        return Response("", 503, {"Cache-Control": "no-store", "Retry-After": str(_AGAIN_SECONDS)})
    headers = {
        "Content-Type": media_type,
        "Cache-Control": f"public, max-age={_YEAR}, immutable",
        "ETag": f'"{sha256[:32]}"',
    }
    return Response(body, 200, headers)

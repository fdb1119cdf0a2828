"""Errors as JSON by RFC 9457 (application/problem+json), the same for all ways of the API.

`type` names the kind of problem for programs, `title` says it in general and `detail` in this case: what is wrong and
how to mend it. `fields` say it of each field, `trace` is the number under which the log knows the request. `error`
repeats `detail`, or `title` where there is none, as the API has had it from the beginning.
"""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, jsonify
from pydantic import BaseModel

from campaigns.core import errors
from campaigns.core.log import current_trace, get_logger
from web.errors import answer_for

log = get_logger(__name__)

CONTENT_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong."""

    type: str
    title: str
    status: int
    detail: str = ""
    error: str
    fields: dict[str, Any] = {}
    trace: str = ""


def install(api: APIFlask) -> None:
    """Let the API answer every error so."""
    api.config["VALIDATION_ERROR_SCHEMA"] = _schema()
    api.config["HTTP_ERROR_SCHEMA"] = _schema()
    api.error_processor(_on_http)
    api.register_error_handler(errors.TailormailError, _on_ours)
    api.register_error_handler(Exception, _on_unexpected)


def _schema() -> dict[str, Any]:
    return Problem.model_json_schema()


def _on_http(error: HTTPError) -> Response:
    detail = error.detail if isinstance(error.detail, dict) else {}
    # Where a field stands (json, query) comes first; the fields themselves are what somebody has to mend.
    fields = {
        name: said for place in detail.values() if isinstance(place, dict) for name, said in place.items()
    }
    status = error.status_code
    kind = "fields" if fields else _dashed(HTTPStatus(status).phrase)
    message = error.message or "That does not fit"
    response = _answer(status, kind, HTTPStatus(status).phrase, message, fields)
    for name, value in dict(error.headers or {}).items():
        response.headers[name] = value
    return response


def _on_ours(error: errors.TailormailError) -> Response:
    answer = answer_for(error)
    if answer.status >= 500:
        log.warning("request_failed", why=error.message)
    message = "" if answer.status >= 500 else error.message
    response = _answer(answer.status, _dashed(type(error).__name__), answer.title, message)
    if isinstance(error, errors.TryLater):
        after = getattr(error, "retry_after", None)
        response.headers["Retry-After"] = str(math.ceil(after) if after else 30)
    return response


def _on_unexpected(error: Exception) -> Response:
    log.error("request_crashed", exc_info=error)
    return _answer(
        500, "crash", "Something went wrong", "Something went wrong; it is in the log under this trace."
    )


def _answer(
    status: int, kind: str, title: str, message: str, fields: dict[str, Any] | None = None
) -> Response:
    problem = Problem(
        type=f"urn:tailormail:problem:{kind}",
        title=title,
        status=status,
        detail=message,
        error=message or title,
        fields=fields or {},
        trace=current_trace() or "",
    )
    response = jsonify(problem.model_dump())
    response.status_code = status
    response.content_type = CONTENT_TYPE
    return response


def _dashed(name: str) -> str:
    """`NotFound` and `Not Found` -> `not-found`."""
    return re.sub(r"[^a-z]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()).strip("-")

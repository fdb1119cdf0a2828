"""Errors as JSON: `{"error": what and how to mend it, "fields": {field: [what]}, "trace": number in the log}`."""

from __future__ import annotations

import math
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, jsonify
from pydantic import BaseModel

from campaigns.core import errors
from campaigns.core.log import current_trace, get_logger
from web.errors import answer_for

log = get_logger(__name__)


class Problem(BaseModel):
    """What went wrong."""

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
    response = _answer(error.status_code, error.message or "That does not fit", fields)
    for name, value in dict(error.headers or {}).items():
        response.headers[name] = value
    return response


def _on_ours(error: errors.TailormailError) -> Response:
    answer = answer_for(error)
    if answer.status >= 500:
        log.warning("request_failed", why=error.message)
    response = _answer(answer.status, answer.title if answer.status >= 500 else error.message)
    if isinstance(error, errors.TryLater):
        after = getattr(error, "retry_after", None)
        response.headers["Retry-After"] = str(math.ceil(after) if after else 30)
    return response


def _on_unexpected(error: Exception) -> Response:
    log.error("request_crashed", exc_info=error)
    return _answer(500, "Something went wrong; it is in the log under this trace.")


def _answer(status: int, message: str, fields: dict[str, Any] | None = None) -> Response:
    response = jsonify(Problem(error=message, fields=fields or {}, trace=current_trace() or "").model_dump())
    response.status_code = status
    return response

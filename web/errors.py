"""Errors as HTTP: one table from the tree of `campaigns.core.errors`, and pages that a person can read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from campaigns.core import errors
from campaigns.core.log import current_trace, get_logger
from web.public.words import page_language, words_for
from web.security import CONSOLE_PATH

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    title: str
    advice: str


# The nearest ancestor of an error decides. A forged token is answered like an address that never was, so
# that nobody learns which of the two it is.
TABLE: dict[type[errors.TailormailError], _Answer] = {
    errors.BadInput: _Answer(400, "That does not fit yet", "Mend the field that is named and try again."),
    errors.NotFound: _Answer(
        404, "There is no such thing here", "It may have been removed, or the link is old."
    ),
    errors.BadToken: _Answer(
        404, "There is no such thing here", "It may have been removed, or the link is old."
    ),
    errors.NotAllowed: _Answer(
        403, "Not for this account", "Somebody who has the right can do it, or an admin gives it to you."
    ),
    errors.Refused: _Answer(409, "Not in this state", "Nothing was changed."),
    errors.Conflict: _Answer(409, "Somebody was faster", "Nothing was changed. Look at it again and retry."),
    errors.NotConfigured: _Answer(503, "A setting is missing", "`tailormail doctor` says which one."),
    errors.TellThePerson: _Answer(400, "That did not work", "Nothing was changed."),
    errors.TryLater: _Answer(503, "One moment, please", "A part of the system is busy. Try again shortly."),
    errors.Rejected: _Answer(502, "Another service said no", "Nothing was changed."),
    errors.GiveUp: _Answer(502, "That cannot be done", "Nothing was changed."),
    errors.TailormailError: _Answer(500, "Something went wrong", "It is in the log under the number below."),
}
_HTTP = {
    400: _Answer(400, "That does not fit", "The request could not be read."),
    403: _Answer(403, "Not for this account", "Ask an administrator for the right to do this."),
    404: _Answer(404, "There is no such page", "Check the address, or begin at the start."),
    405: _Answer(405, "Not this way", "This page does not take that kind of request."),
    413: _Answer(413, "That is too much", "The request is larger than anything this page needs."),
    429: _Answer(429, "Too many attempts", "Wait a minute, then try again."),
}
_UNEXPECTED = _Answer(500, "Something went wrong", "It is in the log under the number below.")
_CSRF = _Answer(400, "This page was open too long", "Go back, reload the page and press the button again.")


def answer_for(error: errors.TailormailError) -> _Answer:
    """The row of the table for this error."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def install(app: Flask) -> None:
    """Let the app answer every error with a page, or with JSON where JSON was asked for."""
    app.register_error_handler(errors.TailormailError, _on_ours)
    app.register_error_handler(CSRFError, lambda error: _page(_CSRF, ""))
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(Exception, _on_unexpected)


def _on_ours(error: errors.TailormailError) -> Response:
    answer = answer_for(error)
    if answer.status >= 500:
        log.warning("request_failed", path=_path_without_token(), why=error.message)
    # What a forged link lacks is nobody's business; everything else is written for the person.
    silent = isinstance(error, errors.GiveUp) or not request.path.startswith(CONSOLE_PATH)
    response = _page(answer, "" if silent else error.message)
    if isinstance(error, errors.TryLater):
        after = getattr(error, "retry_after", None)
        response.headers["Retry-After"] = str(math.ceil(after) if after else 30)
    return response


def _on_http(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return error.get_response()  # type: ignore[return-value]
    answer = _HTTP.get(code, _Answer(code, error.name, ""))
    response = _page(answer, "")
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _on_unexpected(error: Exception) -> Response:
    log.error("request_crashed", path=_path_without_token(), exc_info=error)
    return _page(_UNEXPECTED, "")


def _page(answer: _Answer, message: str) -> Response:
    if request.path.endswith(".json"):
        response = jsonify(error=message or answer.title, trace=current_trace())
    elif request.path.startswith(CONSOLE_PATH):
        html = render_template("console/error.html", answer=answer, message=message, trace=current_trace())
        response = make_response(html)
    else:
        language = page_language()
        html = render_template(
            "public/error.html",
            answer=answer,
            words=words_for(language),
            language=language,
            trace=current_trace(),
        )
        response = make_response(html)
    response.status_code = answer.status
    return response


def _path_without_token() -> str:
    # A token is a right; a log is read by many.
    return request.path if request.path.startswith(CONSOLE_PATH) else request.path[:3]

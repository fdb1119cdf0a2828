"""Requests that may be repeated without being done twice: a header `Idempotency-Key`, and a view marked for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from apiflask import HTTPError
from flask import request

from campaigns.flows.console.idempotency import OtherRequest
from web.api.keys import key_name
from web.parts import runtime

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST_KEY = 200

P = ParamSpec("P")
Answer = tuple[Any, int, dict[str, str]]


def repeatable(status: int = 200) -> Callable[[Callable[P, dict[str, Any]]], Callable[P, Answer]]:
    """A view that makes something: with the same `Idempotency-Key` it answers the same again, and makes nothing.

    It stands below all other marks of the view, which returns what `output` describes.

    Args:
        status: of an answer that went well.
    """

    def mark(view: Callable[P, dict[str, Any]]) -> Callable[P, Answer]:
        @wraps(view)
        def answered(*args: P.args, **kwargs: P.kwargs) -> Answer:
            key = request.headers.get(HEADER)
            if key is None:
                return view(*args, **kwargs), status, {}
            flow, holder = runtime().idempotency, key_name()
            try:
                before = flow.begin(holder, _checked(key), _digest())
            except OtherRequest as error:
                raise HTTPError(422, error.message) from None
            if before is not None:
                return before.body, before.status, {REPLAYED: "true"}
            try:
                body = view(*args, **kwargs)
            except BaseException:
                flow.forget(holder, key)
                raise
            flow.finish(holder, key, status, body)
            return body, status, {}

        answered.tailormail_repeatable = True  # type: ignore[attr-defined]
        return answered

    return mark


def describe(spec: dict[str, Any], marked: set[str]) -> None:
    """Say of each operation (by its operationId) that takes the header."""
    for operations in spec["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and operation.get("operationId") in marked:
                operation.setdefault("parameters", []).append(
                    {
                        "name": HEADER,
                        "in": "header",
                        "required": False,
                        "description": "Asking again with the same key does it once; kept for 24 hours.",
                        "schema": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": LONGEST_KEY,
                            "pattern": "^[!-~]+$",
                        },
                    }
                )


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY or not all("!" <= sign <= "~" for sign in key):
        raise HTTPError(400, f"{HEADER} must be 1 to {LONGEST_KEY} signs without blanks")
    return key


def _digest() -> bytes:
    """What makes two requests the same: method, way, query, and body, of a form with files as well."""
    told = hashlib.sha256(f"{request.method} {request.full_path}\n".encode("utf-8", "backslashreplace"))
    if request.mimetype == "multipart/form-data":
        for name, value in sorted((str(name), value) for name, value in request.form.items(multi=True)):
            told.update(f"{name}={value}\n".encode("utf-8", "backslashreplace"))
        sent = ((str(name), str(file.filename), file) for name, file in request.files.items(multi=True))
        for name, filename, file in sorted(sent, key=lambda each: each[:2]):
            told.update(f"{name}:{filename}\n".encode("utf-8", "backslashreplace") + file.stream.read())
            file.stream.seek(0)
    else:
        told.update(request.get_data(cache=True))
    return told.digest()

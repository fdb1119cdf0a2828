"""The description of the API for people and programs: `/api/v1/docs`, `/api/v1/openapi.json`.

The page is made on the server from the same description, without a script, so that it reads on a phone, prints, and
needs nothing from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from apiflask import APIFlask
from flask import Response, make_response, render_template

from campaigns.flows.console.api_keys import SCOPE_WORDS
from campaigns.models import WEBHOOK_EVENTS
from web.api import repeatable
from web.api.problems import CONTENT_TYPE

PAGE = "/docs"
_METHODS = ("get", "post", "put", "patch", "delete")
_SCOPES = "x-scopes"


@dataclass(frozen=True, slots=True)
class Way:
    """One operation, as the page shows it."""

    method: str
    path: str
    anchor: str
    title: str
    words: str
    scopes: str
    parameters: list[dict[str, str]]
    body: str
    example: str
    answers: list[tuple[str, str]]


def install(api: APIFlask) -> None:
    """Say in the description what APIFlask does not know, and show it on a page."""

    @api.spec_processor
    def say_more(spec: dict[str, Any] | str) -> dict[str, Any] | str:
        if isinstance(spec, dict):
            _describe(api, spec)
        return spec

    @api.get(PAGE)
    @api.doc(hide=True)
    def docs() -> Response:
        spec = cast("dict[str, Any]", api.spec)
        groups: dict[str, list[Way]] = {}
        for tag, way in _ways(spec):
            groups.setdefault(tag, []).append(way)
        html = render_template(
            "api/docs.html",
            version=api.version,
            groups=groups,
            scopes=SCOPE_WORDS,
            events=WEBHOOK_EVENTS,
            prefix=spec["servers"][0]["url"],
        )
        return make_response(html)


def _describe(api: APIFlask, spec: dict[str, Any]) -> None:
    """Scopes, the header of requests that may be repeated, and the content type of problems."""
    marked: set[str] = set()
    views = {_operation_id(method, rule): api.view_functions[rule.endpoint] for method, rule in _rules(api)}
    for operations in spec["paths"].values():
        for operation in operations.values():
            view = views.get(operation.get("operationId", "")) if isinstance(operation, dict) else None
            if view is None:
                continue
            also = {400: "requestBody" in operation}
            if getattr(view, "tailormail_repeatable", False):
                marked.add(operation["operationId"])
                also = {400: True, 409: True, 422: True}
            for status in (status for status, may in also.items() if may):
                operation["responses"].setdefault(str(status), _problem(status))
            roles = getattr(view, "_spec", {}).get("roles") or []
            operation[_SCOPES] = [" and ".join(role) if isinstance(role, list) else role for role in roles]
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if status[0] in "45" and "application/json" in content:
                    answer["content"] = {CONTENT_TYPE: content["application/json"]}
    repeatable.describe(spec, marked)


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/HTTPError"}
    return {
        "description": HTTPStatus(status).phrase,
        "content": {CONTENT_TYPE: {"schema": schema}},
    }


def _rules(api: APIFlask) -> Iterator[tuple[str, Any]]:
    for rule in api.url_map.iter_rules():
        for method in rule.methods or ():
            yield method.lower(), rule


def _operation_id(method: str, rule: Any) -> str:
    """As APIFlask makes it (AUTO_OPERATION_ID)."""
    return f"{method}_{rule.endpoint.replace('.', '_')}"


def _ways(spec: dict[str, Any]) -> Iterator[tuple[str, Way]]:
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                told = operations[method]
                yield told["tags"][0], _way(spec, method, path, told)


def _way(spec: dict[str, Any], method: str, path: str, told: dict[str, Any]) -> Way:
    body = _resolved(spec, told.get("requestBody", {}))
    kinds: dict[str, Any] = body.get("content", {})
    kind = next(iter(kinds), "")
    schema = _resolved(spec, kinds[kind].get("schema", {})) if kind else {}
    parameters = [_resolved(spec, one) for one in told.get("parameters", [])]
    return Way(
        method=method.upper(),
        path=path,
        anchor=told["operationId"],
        title=told.get("summary", ""),
        words=told.get("description", ""),
        scopes=" or ".join(told.get(_SCOPES, [])),
        parameters=[_parameter(spec, one) for one in parameters],
        body=kind,
        example=json.dumps(_example(spec, schema), indent=2, ensure_ascii=False) if schema else "",
        answers=[
            (status, answer.get("description", "")) for status, answer in sorted(told["responses"].items())
        ],
    )


def _parameter(spec: dict[str, Any], one: dict[str, Any]) -> dict[str, str]:
    schema = _resolved(spec, one.get("schema", {}))
    return {
        "name": one["name"],
        "where": {"query": "query", "path": "in the way", "header": "header"}.get(one["in"], one["in"]),
        "kind": _kind(spec, schema),
        "needed": "yes" if one.get("required") else "no",
        "words": one.get("description", ""),
    }


def _resolved(spec: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = spec
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def _kind(spec: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_kind(spec, _resolved(spec, one)) for one in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "enum" in schema:
        return " or ".join(str(one) for one in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if schema.get("format") == "date-time":
        return "moment with time zone"
    if kind == "array":
        return f"list of {_kind(spec, _resolved(spec, schema.get('items', {})))}"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)


def _example(spec: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """What a body looks like: each field with its kind in words."""
    schema = _resolved(spec, schema)
    if "anyOf" in schema:
        first: dict[str, Any] = next((one for one in schema["anyOf"] if one.get("type") != "null"), {})
        return _example(spec, first, depth)
    if schema.get("type") == "object" and schema.get("properties") and depth < 6:
        needed = set(schema.get("required", ()))
        return {
            name if name in needed else f"{name}?": _example(spec, part, depth + 1)
            for name, part in schema["properties"].items()
        }
    if schema.get("type") == "array" and depth < 6:
        return [_example(spec, schema.get("items", {}), depth + 1)]
    return _kind(spec, schema)

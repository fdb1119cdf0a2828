"""For machines that watch: alive, ready, and how much of what."""

from __future__ import annotations

import ipaddress
from typing import cast

from flask import Blueprint, Response, current_app, jsonify, request

from campaigns.core.log import get_logger
from web.measuring import CONTENT_TYPE, Measures
from web.parts import runtime

log = get_logger(__name__)
blueprint = Blueprint("health", __name__)

MEASURES = "tailormail-measures"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@blueprint.get("/healthz")
def alive() -> Response:
    """200 while this process answers at all."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 when PostgreSQL and Redis answer, else 503 naming which does not."""
    parts = {"database": _answers("database"), "redis": _answers("redis")}
    fine = all(parts.values())
    told = {name: "ok" if answers else "away" for name, answers in parts.items()}
    return jsonify(status="ok" if fine else "away", **told), 200 if fine else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus' text format; no personal data. For callers of the own network, who come directly."""
    if not _comes_from_inside():
        told = "Metrics are for the private network: ask this web process directly, not through a proxy.\n"
        return Response(told, 403, content_type="text/plain; charset=utf-8")
    measures = cast(Measures, current_app.extensions[MEASURES])
    return Response(measures.text(), content_type=CONTENT_TYPE)


def _comes_from_inside() -> bool:
    """Nobody has to remember to shut this page: what a load balancer passes on names whom it is for."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_private
    except ValueError:
        return not request.remote_addr  # a Unix socket, which is somebody on this machine


def _answers(part: str) -> bool:
    try:
        if part == "database":
            runtime().db.ping()
        else:
            runtime().redis.ping()
    except Exception as error:
        log.warning("part_is_away", part=part, why=str(error))
        return False
    return True

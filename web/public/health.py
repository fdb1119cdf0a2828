"""For machines that watch: alive, ready, and how much of what."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, jsonify

from campaigns.core.log import get_logger
from web.measuring import CONTENT_TYPE, Measures
from web.parts import runtime

log = get_logger(__name__)
blueprint = Blueprint("health", __name__)

MEASURES = "tailormail-measures"


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
    """Prometheus' text format; no personal data."""
    measures = cast(Measures, current_app.extensions[MEASURES])
    return Response(measures.text(), content_type=CONTENT_TYPE)


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

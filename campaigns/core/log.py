"""Structured logging with an id that crosses the broker (request -> task -> what the task starts)."""

from __future__ import annotations

import logging
import re
import sys
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog

_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+")
# Where PostgreSQL quotes the row that it complains of.
_QUOTED_ROW = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)


def new_trace_id() -> str:
    """An id for one request, command or scheduler tick (16 hexadecimal digits)."""
    return uuid.uuid4().hex[:16]


def bind_trace(trace_id: str | None = None, **facts: str) -> str:
    """Start a context: what is logged from now on in this thread carries `trace` and the facts."""
    trace = trace_id or new_trace_id()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(trace=trace, **facts)
    return trace


def current_trace() -> str | None:
    """The id bound by `bind_trace`, if any."""
    trace = structlog.contextvars.get_contextvars().get("trace")
    return trace if isinstance(trace, str) else None


def get_logger(name: str) -> Any:
    """A structlog logger; events are past-tense words, facts are keywords."""
    return structlog.get_logger(name)


def _hide_addresses(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # A log outlives an erasure, so addresses never enter it, not even through somebody's exception text.
    for key, value in event.items():
        event[key] = _without_addresses(value)
    if isinstance(event.get("exception"), str):
        event["exception"] = _QUOTED_ROW.sub(r"\1: <hidden>", event["exception"])
    return event


def _without_addresses(value: Any) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub("<address>", value) if "@" in value else value
    if isinstance(value, dict):
        return {_without_addresses(key): _without_addresses(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_addresses(inner) for inner in value]
    return value


def _plain_renderer(colors: bool) -> structlog.dev.ConsoleRenderer:
    # structlog's usual tracebacks show what local variables held: bodies of uploads, passwords, addresses.
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def configure_logging(level: str = "INFO", as_json: bool = False) -> None:
    """Send everything, also the standard library's logging, through structlog to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide_addresses,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer() if as_json else _plain_renderer(sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    if level.upper() == "INFO":
        # What these tell at INFO, a line for each task of each second, drowns what our own flows say.
        for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat", "alembic"):
            logging.getLogger(name).setLevel("WARNING")


if not structlog.is_configured():
    # For whoever logs before `configure_logging`, or never calls it: structlog's own default shows variables.
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            structlog.processors.format_exc_info,
            _hide_addresses,
            _plain_renderer(sys.stdout.isatty()),
        ],
    )

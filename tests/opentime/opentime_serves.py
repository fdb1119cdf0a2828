"""Serves for tests, and a WSGI app that notes one at each request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.core.meters import Meters
from campaigns.opentime.serving.serve import Serve
from campaigns.opentime.serving.serve_log import ServeLog

AT = 1_793_534_400_000  # 1 November 2026, 12:00 UTC


def serve(send: int = 1, slot: int = 0, **fields: Any) -> Serve:
    """A serve of campaign 1 to customer 1."""
    given = {
        "campaign_id": 1,
        "send_id": send,
        "customer_id": 1,
        "slot": slot,
        "requester": "direct",
        "machine": False,
        "at": AT,
        "variant": "rain",
        "link": "https://shop.example/rain",
        "signal": "home",
        "weather": "rain",
    }
    return Serve(**{**given, **fields})


def impatient(url: str) -> redis.Redis:
    """A client as the Runtime makes it."""
    return redis.Redis.from_url(
        url, socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0)
    )


def serve_log(client: redis.Redis, spools: Path) -> ServeLog:
    """A log with meters of its own."""
    return ServeLog(client, spools, Meters(client))


class _App:
    """Notes the send that the query names."""

    def __init__(self) -> None:
        self.log: ServeLog | None = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if self.log is None:
            self.log = serve_log(impatient(os.environ["SERVES_REDIS"]), Path(os.environ["SERVES_SPOOLS"]))
        self.log.add(serve(int(environ["QUERY_STRING"])))
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]


app = _App()

"""Numbers for Prometheus: requests by endpoint, and sends by status as the database has them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from campaigns.core.log import get_logger
from campaigns.models import CampaignCount
from campaigns.runtime import Runtime

log = get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measures:
    """One registry per app. With several web processes each answers for itself; let Prometheus add them up."""

    def __init__(self, runtime: Runtime) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Sends(runtime))
        self._requests = Counter(
            "tailormail_requests",
            "HTTP requests answered.",
            ("endpoint", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tailormail_request_seconds",
            "Time from request to answer.",
            ("endpoint",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )

    def install(self, app: Flask) -> None:
        """Measure every request of this app."""
        app.before_request(self._begin)
        app.after_request(self._end)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    @staticmethod
    def _begin() -> None:
        g.began = time.perf_counter()

    def _end(self, response: Response) -> Response:
        # Endpoints, not paths: a path has a token in it, and there are as many as mails.
        endpoint = request.endpoint or "none"
        method = request.method if request.method in ("GET", "HEAD", "POST") else "other"
        self._requests.labels(endpoint, method, str(response.status_code)).inc()
        if "began" in g:
            self._seconds.labels(endpoint).observe(time.perf_counter() - g.began)
        return response


class _Sends(Collector):
    """Read when asked, so that every process tells the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("tailormail_sends", "Sends of all campaigns by status.", labels=["status"])
        try:
            with self._runtime.db.transaction() as session:
                query = select(CampaignCount.status, func.sum(CampaignCount.n)).group_by(CampaignCount.status)
                for status, n in session.execute(query):
                    family.add_metric([status], float(n))
        except Exception as error:
            # The database being away is just when the other numbers are wanted.
            log.warning("sends_not_counted", why=str(error))
        yield family

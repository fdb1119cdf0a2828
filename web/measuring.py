"""Numbers for Prometheus: requests, what the workers counted, and what the servers say when asked."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

import redis
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from campaigns.core.log import get_logger
from campaigns.core.meters import METERS, Meter, Meters, Series, Sort, buckets
from campaigns.runtime import Runtime
from web.readings import Readings

log = get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FLUSH_SECONDS = 2.0


class Measures:
    """Measures the requests of one app, and tells everything.

    All web processes tell the same: their own counts go to Redis as those of the workers do.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.registry = CollectorRegistry()
        self._meters = runtime.meters
        # Noted one by one and counted together: a lock for each would cost more than many a picture.
        self._pictures: deque[float] = deque()
        self._counting = threading.Lock()
        self._flushed = time.monotonic()
        self.registry.register(_Everything(self._meters, Readings(runtime)))

    def install(self, app: Flask) -> None:
        """Measure every request of this app."""
        app.before_request(self._begin)
        app.after_request(self._end)

    def text(self) -> bytes:
        """Everything in Prometheus' text format, within two seconds whatever is down."""
        self._count_pictures()
        return generate_latest(self.registry)

    def picture(self, seconds: float) -> bool:
        """Note an open-time picture, which Flask never sees; whether it is time to `flush`."""
        self._pictures.append(seconds)
        return time.monotonic() - self._flushed >= _FLUSH_SECONDS

    def flush(self) -> None:
        """Hand on what was measured. Redis may hang, so it is for after an answer has gone out."""
        self._flushed = time.monotonic()
        self._count_pictures()
        self._meters.flush()

    def _count_pictures(self) -> None:
        with self._counting:
            took = [self._pictures.popleft() for _ in range(len(self._pictures))]
        if took:
            self._meters.add("requests", len(took), endpoint="opens.picture", method="GET", status="200")
            self._meters.observe_all("request_seconds", took, endpoint="opens.picture")

    @staticmethod
    def _begin() -> None:
        g.began = time.perf_counter()

    def _end(self, response: Response) -> Response:
        # Endpoints, not paths: a path has a token in it, and there are as many as mails.
        endpoint = request.endpoint or "none"
        method = request.method if request.method in ("GET", "HEAD", "POST") else "other"
        self._meters.add("requests", endpoint=endpoint, method=method, status=str(response.status_code))
        if "began" in g:
            self._meters.observe("request_seconds", time.perf_counter() - g.began, endpoint=endpoint)
        # After the answer has gone out: a Redis that hangs must not hold up a picture.
        response.call_on_close(lambda: self._meters.flush_every(_FLUSH_SECONDS))
        return response


class _Everything(Collector):
    """Asks when Prometheus asks; `tailormail_up` says which of the parts answered."""

    def __init__(self, meters: Meters, readings: Readings) -> None:
        self._meters = meters
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        self._readings.begin()
        up = GaugeMetricFamily("tailormail_up", "Whether a part answered just now.", labels=["part"])
        try:
            values, answered = self._meters.read(), True
        except (redis.RedisError, OSError) as error:
            log.warning("meters_not_read", why=str(error))
            values, answered = self._meters.pending(), False
        up.add_metric(["redis"], answered)
        for name, meter in METERS.items():
            yield _family(name, meter, values)
        for part, families in self._readings.results():
            up.add_metric([part], families is not None)
            yield from families or ()
        yield up


def _family(name: str, meter: Meter, values: dict[Series, float]) -> Metric:
    """One meter with all its series, as far as there are any."""
    full = f"tailormail_{name}"
    mine = [series for series in sorted(values) if series[0] == name]
    if meter.sort is Sort.HISTOGRAM:
        histogram = HistogramMetricFamily(full, meter.help, labels=meter.labels)
        for series in sorted({series[:-1] for series in mine}):
            counts, total = buckets(values, series)
            histogram.add_metric(series[1:], counts, total)
        return histogram
    made = CounterMetricFamily if meter.sort is Sort.COUNTER else GaugeMetricFamily
    family = made(full, meter.help, labels=meter.labels)
    for series in mine:
        family.add_metric(series[1:], values[series])
    return family

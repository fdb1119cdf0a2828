"""Numbers that processes keep about their work, added up in Redis for whoever watches.

Worker processes come and go and nobody can ask each of them, so each one adds its numbers to a hash in Redis,
a batch at a time. A process that ends without `flush` loses what it had not added yet, and an answer of
Redis that got lost may count a batch twice: these are for watching. What must be exact is in PostgreSQL.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import redis

from campaigns.core.log import get_logger

log = get_logger(__name__)

KEY = "tailormail:meters:1"
MOST_SERIES = 2000
RETRY_SECONDS = 5.0
_SEPARATOR = "\x1f"
_SUM, _LAST = "sum", "+Inf"

Series = tuple[str, ...]
"""The name of a meter, then the values of its labels in the order of its declaration."""


class Sort(StrEnum):
    """How values of a meter come together."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Meter:
    """What is measured. `labels` have few values each: never a person, a campaign or an address."""

    help: str
    labels: tuple[str, ...] = ()
    sort: Sort = Sort.COUNTER
    bounds: tuple[float, ...] = ()


_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LONG = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

METERS: dict[str, Meter] = {
    "mails": Meter("Mails by how handing them over ended (sent, deferred, rejected ...).", ("kind", "relay")),
    "bounces": Meter("Mails refused for good, by whose fault it is (recipient, sender).", ("fault", "relay")),
    "smtp_replies": Meter("Replies of relays by class (2xx, 4xx, 421, 5xx, none).", ("reply", "relay")),
    "stage_seconds": Meter(
        "Seconds that one batch spent in a stage (claim, pick, copy, write, consent, smtp, record).",
        ("stage",),
        Sort.HISTOGRAM,
        _LONG,
    ),
    "stage_cpu_seconds": Meter("Processor seconds of worker processes by stage.", ("stage",)),
    "statements": Meter("SQL statements of worker processes."),
    "claims": Meter("Attempts to claim a batch, by whether there was one (some, none).", ("found",)),
    "claimed_sends": Meter("Sends claimed."),
    "recoveries": Meter("Sends taken over from a worker that ended, by what became of them.", ("status",)),
    "pacing_waits": Meter(
        "Times that mail waited for its turn, by what held it (campaign, relay ...).", ("limit",)
    ),
    "pacing_wait_seconds": Meter("Seconds that mail waited for its turn.", ("limit",)),
    "letters_failed": Meter("Mails that could not be written."),
    "signups": Meter("Sign-ups by step (asked, confirmed).", ("step",)),
    "notices": Meter(
        "Notices by kind and by how handing them over ended (sent, deferred ...).", ("kind", "outcome")
    ),
    "messages": Meter(
        "Messages of programs by how handing them over ended (sent, deferred ...).", ("outcome",)
    ),
    "webhooks": Meter(
        "Deliveries of webhooks by how they ended (delivered, failed, given_up).", ("outcome",)
    ),
    "serves_drained": Meter("Open-time pictures served, as far as they are in the database."),
    "unsubscribes_put_by": Meter("Unsubscribes that were written to disk because PostgreSQL was away."),
    "serves_spooled": Meter("Open-time pictures whose record went to disk because Redis was away."),
    "serves_dropped": Meter("Open-time pictures whose record was lost: neither Redis nor the disk took it."),
    "feedback": Meter("Events that came back from recipients and providers, by kind.", ("kind",)),
    "hooks": Meter(
        "Messages of providers' webhooks, by what became of them (kept, repeated, refused, unreadable).",
        ("provider", "outcome"),
    ),
    "self_pauses": Meter(
        "Campaigns that paused themselves, by why (bounces, complaints, blocked, copy).", ("alarm",)
    ),
    "last_batch_timestamp_seconds": Meter("When a batch was last finished.", sort=Sort.GAUGE),
    "requests": Meter("HTTP requests answered.", ("endpoint", "method", "status")),
    "request_seconds": Meter("Time from request to answer.", ("endpoint",), Sort.HISTOGRAM, _SHORT),
}


class Meters:
    """The meters of one process; safe to use from several threads, and made anew after a fork.

    Adding costs a microsecond and never fails for Redis' sake. While Redis is away the values stay here, for
    at most 2,000 series; what is new beyond that is left out.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._added: dict[Series, float] = {}
        self._set: dict[Series, float] = {}
        self._lock = threading.Lock()
        self._flushed = time.monotonic()
        self._not_before = 0.0

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        """Count `value` more.

        Raises:
            ValueError: the meter is not declared as a counter with these labels.
        """
        self._put(self._added, _series(name, Sort.COUNTER, labels), value)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Say where something stands now; the last process to say so is believed.

        Raises:
            ValueError: the meter is not declared as a gauge with these labels.
        """
        with self._lock:
            self._set[_series(name, Sort.GAUGE, labels)] = value

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Count one occurrence of this size.

        Raises:
            ValueError: the meter is not declared as a histogram with these labels.
        """
        series = _series(name, Sort.HISTOGRAM, labels)
        bounds = METERS[name].bounds
        place = bisect_left(bounds, value)
        self._put(self._added, (*series, str(bounds[place]) if place < len(bounds) else _LAST), 1)
        self._put(self._added, (*series, _SUM), value)

    def observe_all(self, name: str, values: Sequence[float], **labels: str) -> None:
        """Count one occurrence of each of these sizes.

        Raises:
            ValueError: the meter is not declared as a histogram with these labels.
        """
        series = _series(name, Sort.HISTOGRAM, labels)
        bounds = METERS[name].bounds
        for place, n in Counter(bisect_left(bounds, value) for value in values).items():
            self._put(self._added, (*series, str(bounds[place]) if place < len(bounds) else _LAST), n)
        self._put(self._added, (*series, _SUM), sum(values))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Observe how long one batch spends in this stage."""
        began, busy = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.observe("stage_seconds", time.perf_counter() - began, stage=stage)
            self.add("stage_cpu_seconds", time.process_time() - busy, stage=stage)

    def flush(self) -> bool:
        """Add what was gathered to Redis, in one round trip; whether that is done now.

        Never raises. After a failure Redis is left alone for five seconds, so that one that hangs costs its
        time limit once and not at every batch.
        """
        with self._lock:
            self._flushed = time.monotonic()
            if self._flushed < self._not_before:
                return False
            added, self._added = self._added, {}
            stated, self._set = self._set, {}
        if not added and not stated:
            return True
        try:
            # One transaction: a batch of numbers is seen whole or not at all.
            pipeline = self._redis.pipeline(transaction=True)
            for series, value in added.items():
                pipeline.hincrbyfloat(KEY, _SEPARATOR.join(series), value)
            if stated:
                pipeline.hset(KEY, mapping={_SEPARATOR.join(s): value for s, value in stated.items()})
            pipeline.execute()
        except (redis.RedisError, OSError) as error:
            self._take_back(added, stated)
            log.debug("meters_not_flushed", why=str(error))
            return False
        return True

    def flush_every(self, seconds: float) -> None:
        """`flush`, unless that was done less than so many seconds ago."""
        if time.monotonic() - self._flushed >= seconds:
            self.flush()

    def read(self) -> dict[Series, float]:
        """All that is in Redis, and what this process has not added yet.

        Raises:
            redis.RedisError: Redis is away; `pending` still tells what this process knows.
        """
        kept: dict[bytes, bytes] = self._redis.hgetall(KEY)  # type: ignore[assignment]
        values = self.pending()
        for field, value in kept.items():
            series = tuple(field.decode("utf-8", "replace").split(_SEPARATOR))
            if _is_declared(series):
                gauge = METERS[series[0]].sort is Sort.GAUGE
                values[series] = float(value) + (0 if gauge else values.get(series, 0))
        return values

    def pending(self) -> dict[Series, float]:
        """What this process has not added yet."""
        with self._lock:
            return {**self._added, **self._set}

    def _put(self, into: dict[Series, float], series: Series, value: float) -> None:
        with self._lock:
            if series in into or len(into) < MOST_SERIES:
                into[series] = into.get(series, 0) + value

    def _take_back(self, added: dict[Series, float], stated: dict[Series, float]) -> None:
        for series, value in added.items():
            self._put(self._added, series, value)
        with self._lock:
            self._set = {**stated, **self._set}
            self._not_before = time.monotonic() + RETRY_SECONDS


def buckets(values: dict[Series, float], series: Series) -> tuple[list[tuple[str, float]], float]:
    """A histogram's cumulative counts by upper bound, and its sum; `series` is without a bucket."""
    total, cumulative = 0.0, []
    for bound in (*(str(bound) for bound in METERS[series[0]].bounds), _LAST):
        total += values.get((*series, bound), 0)
        cumulative.append((bound, total))
    return cumulative, values.get((*series, _SUM), 0)


def _series(name: str, sort: Sort, labels: dict[str, str]) -> Series:
    meter = METERS.get(name)
    if meter is None or meter.sort is not sort or labels.keys() != set(meter.labels):
        raise ValueError(f"there is no {sort} {name!r} with the labels {sorted(labels)} in METERS")
    return (name, *(str(labels[label]).replace(_SEPARATOR, " ") for label in meter.labels))


def _is_declared(series: Series) -> bool:
    # An older or newer release may share this Redis.
    meter = METERS.get(series[0])
    return meter is not None and len(series) - 1 == len(meter.labels) + (meter.sort is Sort.HISTOGRAM)

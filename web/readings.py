"""What PostgreSQL, the broker and the stream of serves say when Prometheus asks, each in a thread and with a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.db import Database
from campaigns.core.locks import SCHEDULER_LOCK
from campaigns.core.log import get_logger
from campaigns.opentime.serving.serve_stream import ServeStream
from campaigns.runtime import Runtime
from workers.broker import broker_url, queue_lengths
from workers.lock import is_held

log = get_logger(__name__)

PATIENCE_SECONDS = 1.5
Families = list[GaugeMetricFamily]

_SENDS = """
    select n.status, sum(n.n) from campaign_counts n join campaigns c on c.id = n.campaign_id
    where c.status in ('planning', 'sending', 'paused') or c.finished_at > now() - interval '7 days'
    group by n.status"""
_UNCERTAIN = """
    select coalesce(sum(n.n), 0) from campaigns c join campaign_counts n on n.campaign_id = c.id
    where n.status = 'uncertain' and c.sends_dropped_at is null"""
_CAMPAIGNS = """
    select status, count(*) from campaigns
    where status in ('scheduled', 'planning', 'sending', 'paused') group by status"""
# Since when something could have gone out: the first fresh send waits since its campaign started, a deferred
# one since it became due. Two looks into an index for each campaign that is sending.
_OLDEST = """
    select coalesce(extract(epoch from now() - min(waiting.since)), 0) from campaigns c cross join lateral (
        select c.started_at as since where exists (
            select 1 from sends s
            where s.campaign_id = c.id and s.status = 'planned' and s.not_before is null)
        union all (
            select s.not_before from sends s
            where s.campaign_id = c.id and s.status = 'planned' and s.not_before <= now()
            order by s.not_before limit 1)
    ) waiting where c.status = 'sending'"""
_LEASES = """
    select count(*) filter (where lease_until > clock_timestamp()),
           count(*) filter (where lease_until <= clock_timestamp()) from worker_leases"""
_CONNECTIONS = """
    select (select count(*) from pg_stat_activity where backend_type = 'client backend'),
           current_setting('max_connections')::int"""


class Readings:
    """One reading a part; a part that hangs has one thread waiting for it, never more."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._parts = (
            _Reading("database", self._read_database),
            _Reading("broker", self._read_broker),
            _Reading("serves", self._read_serves),
        )
        self._deadline = 0.0

    def begin(self) -> None:
        """Ask all parts."""
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        for part in self._parts:
            part.begin()

    def results(self) -> Iterator[tuple[str, Families | None]]:
        """What each part says, or None where it failed or did not answer in time."""
        for part in self._parts:
            yield part.name, part.result(self._deadline)

    @cached_property
    def _db(self) -> Database:
        # A connection of its own: those of the requests may all be waiting, which is when numbers are wanted.
        url = self._runtime.db.url.update_query_dict({"connect_timeout": "2"})
        return Database(url.render_as_string(hide_password=False), pool_size=1, statement_timeout_ms=1000)

    def _read_database(self) -> Families:
        with self._db.transaction() as session:
            return _database_families(session)

    def _read_broker(self) -> Families:
        family = GaugeMetricFamily("tailormail_queue_length", "Tasks that wait in a queue.", labels=["queue"])
        for queue, length in queue_lengths(broker_url(self._runtime)).items():
            family.add_metric([queue], length)
        return [family]

    def _read_serves(self) -> Families:
        length, seconds = ServeStream(self._runtime.redis).waiting()
        return [
            _one(
                "tailormail_serves_waiting", "Groups of open-time pictures served that wait in Redis.", length
            ),
            _one("tailormail_serves_waiting_seconds", "For how long the first of them has waited.", seconds),
        ]


class _Reading:
    def __init__(self, name: str, read: Callable[[], Families]) -> None:
        self.name = name
        self._read = read
        self._done = threading.Event()
        self._done.set()
        self._lock = threading.Lock()
        self._found: Families | None = None

    def begin(self) -> None:
        with self._lock:
            if self._done.is_set():
                self._done.clear()
                self._found = None
                threading.Thread(target=self._run, name=f"reading-{self.name}", daemon=True).start()

    def result(self, deadline: float) -> Families | None:
        in_time = self._done.wait(max(0.0, deadline - time.monotonic()))
        return self._found if in_time else None

    def _run(self) -> None:
        try:
            self._found = self._read()
        except Exception as error:
            log.warning("part_not_read", part=self.name, why=str(error).partition("\n")[0])
        finally:
            self._done.set()


def _database_families(session: Session) -> Families:
    leases = GaugeMetricFamily(
        "tailormail_leases", "Workers that hold sends, by their lease.", labels=["state"]
    )
    for state, n in zip(("alive", "expired"), session.execute(text(_LEASES)).one(), strict=True):
        leases.add_metric([state], n)
    used, most = session.execute(text(_CONNECTIONS)).one()
    return [
        _by_status(
            session,
            "tailormail_sends",
            "Sends by status, of campaigns that run or ended in the last 7 days.",
            _SENDS,
        ),
        _by_status(session, "tailormail_campaigns", "Campaigns that are not at their end.", _CAMPAIGNS),
        _one(
            "tailormail_uncertain",
            "Sends of which nobody knows whether they arrived.",
            session.scalar(text(_UNCERTAIN)),
        ),
        _one(
            "tailormail_oldest_planned_seconds",
            "For how long the first send that may go out now could have done so.",
            session.scalar(text(_OLDEST)),
        ),
        leases,
        _one(
            "tailormail_scheduler_alive",
            "Whether a scheduler holds the lock by which one speaks.",
            is_held(session, SCHEDULER_LOCK),
        ),
        _one("tailormail_database_connections", "Connections to PostgreSQL.", used),
        _one("tailormail_database_connections_limit", "max_connections of PostgreSQL.", most),
    ]


def _by_status(session: Session, name: str, help_: str, query: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=["status"])
    for status, n in session.execute(text(query)):
        family.add_metric([status], float(n))
    return family


def _one(name: str, help_: str, value: object) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_, value=float(value or 0))  # type: ignore[arg-type]

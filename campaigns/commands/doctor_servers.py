"""What the doctor finds at PostgreSQL, Redis and the broker, and who works there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import text

from campaigns.commands.findings import Finding, Verdict, check, error, warning, worst
from campaigns.core.db import Database
from campaigns.core.locks import SCHEDULER_LOCK
from campaigns.models import schema
from campaigns.runtime import Runtime
from workers.app import make_app
from workers.broker import QUEUES, broker_url, is_rabbitmq, queue_lengths, without_password
from workers.lock import is_held

_SECONDS = 2.0
_OLDEST_POSTGRESQL = 140000
_OLDEST_REDIS = (6, 2)
_FULL = 0.8
_SKEW_SECONDS, _BAD_SKEW_SECONDS = 2.0, 60.0
_LONG_QUEUE = 10_000


def server_findings(runtime: Runtime) -> Iterator[Finding]:
    """The servers first, then who works."""
    s = runtime.settings
    database = "TAILORMAIL_DATABASE_URL" if s.database_url else "embedded"
    answers = check("PostgreSQL", database, lambda: _postgresql(_database(runtime)))
    yield answers
    if answers.fine:
        yield from _database_findings(_database(runtime), database, bool(s.database_url))
    yield check("Redis", "TAILORMAIL_REDIS_URL" if s.redis_url else "embedded", lambda: _redis(runtime))
    broker = without_password(s.broker_url) if s.broker_url else "the Redis server"
    waiting = check("broker", broker, lambda: _broker(runtime))
    yield waiting
    if waiting.fine:
        yield check("workers", "asked through the broker", lambda: _workers(runtime))


def _database(runtime: Runtime) -> Database:
    """A connection of its own, because one that cannot be made must not keep the person waiting."""
    url = runtime.db.url.update_query_dict({"connect_timeout": "3"})
    return Database(url.render_as_string(hide_password=False), pool_size=1, statement_timeout_ms=5000)


def _database_findings(db: Database, in_force: str, named: bool) -> Iterator[Finding]:
    yield check("PostgreSQL settings", in_force, lambda: _durability(db))
    yield check("connections", in_force, lambda: _connections(db))
    yield check("clock", "this machine's against PostgreSQL's", lambda: _clock(db))
    made = check("schema", schema.head(), lambda: _schema(db, named))
    yield made
    if made.fine and schema.current(db) is not None:
        yield check("scheduler", "the lock in PostgreSQL", lambda: _scheduler(db, named))
        yield check("leases", "worker_leases", lambda: _leases(db))
    db.close()


def _ask(db: Database, query: str) -> Any:
    with db.transaction() as session:
        return session.execute(text(query)).one()


def _postgresql(db: Database) -> Verdict:
    number, name, replica = _ask(
        db,
        "select current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery()",
    )
    return worst(
        name,
        error("14 is the oldest version that will do") if number < _OLDEST_POSTGRESQL else None,
        error("this is a replica, which takes no writes: name the primary") if replica else None,
    )


def _durability(db: Database) -> Verdict:
    commit, sync, pages = _ask(
        db,
        "select current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes')",
    )
    return worst(
        f"synchronous_commit {commit}, fsync {sync}",
        error(
            "synchronous_commit off: after a power cut PostgreSQL forgets who got a mail, and sends it again"
        )
        if commit == "off"
        else None,
        error("fsync off: a power cut can destroy the database") if sync == "off" else None,
        error("full_page_writes off: a power cut can destroy the database") if pages == "off" else None,
    )


def _connections(db: Database) -> Verdict:
    used, most = _ask(
        db,
        "select (select count(*) from pg_stat_activity where backend_type = 'client backend'), "
        "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int",
    )
    return worst(
        f"{used} of {most} are in use; a worker process takes 1 to 3, a web process up to 16",
        warning("few are left: raise max_connections, or run fewer processes")
        if used > _FULL * most
        else None,
    )


def _clock(db: Database) -> Verdict:
    with db.transaction() as session:
        session.execute(text("select 1"))  # the connection is made before anything is measured
        before = datetime.now(UTC)
        theirs = cast(datetime, session.scalar(text("select clock_timestamp()")))
        after = datetime.now(UTC)
    skew = (theirs - (before + (after - before) / 2)).total_seconds()
    told = f"PostgreSQL's clock is {abs(skew):.3f} s {'ahead' if skew > 0 else 'behind'}"
    mend = "due times, quiet hours and links go by the clock: let both machines use NTP"
    return worst(
        told,
        error(mend) if abs(skew) > _BAD_SKEW_SECONDS else None,
        warning(mend) if _SKEW_SECONDS < abs(skew) <= _BAD_SKEW_SECONDS else None,
    )


def _schema(db: Database, named: bool) -> str:
    if schema.current(db) is None and not named:
        return "empty; made at the first start"
    schema.require_current(db)
    return "up to date"


def _redis(runtime: Runtime) -> Verdict:
    info = runtime.redis.info()
    version = str(info["redis_version"])
    policy, limit = str(info.get("maxmemory_policy", "unknown")), int(info.get("maxmemory", 0))
    persistent = bool(info.get("aof_enabled")) or int(info.get("rdb_last_save_time", 0)) > 0
    carries_tasks = not is_rabbitmq(broker_url(runtime))
    evicts = policy not in ("noeviction", "unknown")
    return worst(
        f"{version}, {policy}, " + ("keeps its data" if persistent else "keeps nothing, which is enough"),
        error("it is older than 6.2") if _numbers(version) < _OLDEST_REDIS else None,
        error(f"maxmemory-policy {policy} throws tasks away: set noeviction")
        if evicts and carries_tasks
        else None,
        warning(f"maxmemory-policy {policy} forgets limits of speed: set noeviction")
        if evicts and not carries_tasks
        else None,
        warning("its memory is nearly full") if limit and int(info["used_memory"]) > _FULL * limit else None,
        warning("its last save failed, and it may refuse writes")
        if info.get("rdb_last_bgsave_status") == "err"
        else None,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _broker(runtime: Runtime) -> Verdict:
    lengths = queue_lengths(broker_url(runtime), _SECONDS)
    longest = max(lengths, key=lambda name: lengths[name])
    return worst(
        "waiting: " + ", ".join(f"{name} {length}" for name, length in lengths.items()),
        warning(f"{longest} is long: start more workers for it") if lengths[longest] > _LONG_QUEUE else None,
    )


def _scheduler(db: Database, named: bool) -> str | Verdict:
    with db.transaction() as session:
        if is_held(session, SCHEDULER_LOCK):
            return "one speaks"
    return _missing(named, "no scheduler runs: lost work is not found, and scheduled campaigns do not start")


def _workers(runtime: Runtime) -> str | Verdict:
    app = make_app(broker_url(runtime), patience=_SECONDS)
    # Without Celery's pools, which are those of the process: a connection that broke meanwhile is no finding.
    app.control.mailbox.producer_pool = None
    with app.connection_for_write() as connection:
        asked = app.control.inspect(timeout=1.0, connection=connection)
        found: dict[str, list[dict[str, str]]] = asked.active_queues() or {}
    by_queue = dict.fromkeys(QUEUES, 0)
    for theirs in found.values():
        for queue in {told["name"] for told in theirs} & by_queue.keys():
            by_queue[queue] += 1
    told = f"{len(found)} answer; by queue: " + ", ".join(f"{queue} {n}" for queue, n in by_queue.items())
    without = [queue for queue, n in by_queue.items() if not n]
    if not found:
        return _missing(bool(runtime.settings.database_url), "no worker answers: nothing is sent")
    return worst(told, warning(f"nobody works on {', '.join(without)}") if without else None)


def _missing(named: bool, words: str) -> str | Verdict:
    """A warning where servers are named; on embedded ones it only says that nobody has started them yet."""
    return warning(words) if named else "not running; `tailormail serve` starts all"


def _leases(db: Database) -> Verdict:
    alive, expired = _ask(
        db,
        "select count(*) filter (where lease_until > clock_timestamp()), "
        "count(*) filter (where lease_until <= clock_timestamp() and exists ("
        "select 1 from sends where claimed_by = worker "
        "and status in ('claimed','picked','written','sending'))) from worker_leases",
    )
    return worst(
        f"{alive} alive, {expired} expired with sends in hand",
        warning("the scheduler gives their sends to others within seconds; if this stays, none runs")
        if expired
        else None,
    )

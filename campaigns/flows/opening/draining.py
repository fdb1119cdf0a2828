"""Serves out of the stream in Redis into the database, in bulk; doing it again changes nothing.

A group's number is recorded in the transaction that applies the group (models/drained_group.py), so a group
that comes a second time, because a drainer was killed or because nobody knew whether Redis had taken it, is
known. One drainer works at a time, and none while a customer is being erased.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.db import Database, rows
from campaigns.core.locks import DRAINING_LOCK
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.opentime.serving.serve import Malformed, Serve, group_id, unpack
from campaigns.opentime.serving.serve_log import adopt
from campaigns.opentime.serving.serve_stream import Entry, ServeStream

log = get_logger(__name__)

_GROUPS = 200
_SERVES = 20_000
_LARGEST_COUNT = 2**31 - 1

_NEW_GROUPS = """
    insert into drained_groups (id) select g::uuid from unnest(%(ids)s::text[]) g order by 1
    on conflict do nothing returning id::text
"""
# Whose sends are gone (flows/retention.py), and who was erased meanwhile, is left out by the joins.
_KNOWN = """
    join sends s on s.campaign_id = (e->>0)::bigint and s.id = (e->>1)::bigint
    join campaigns k on k.id = s.campaign_id and k.sends_dropped_at is null
    join customers c on c.id = s.customer_id and c.erased_at is null
"""
_EVENTS = f"""
    insert into events (key, name, campaign_id, send_id, customer_id, at, machine, detail)
    select 'opened:' || s.id || ':' || (e->>2), 'opened', s.campaign_id, s.id, s.customer_id,
           to_timestamp((e->>3)::double precision / 1000), (e->>4)::boolean,
           jsonb_build_object('requester', e->>2)
    from jsonb_array_elements(%(events)s::jsonb) e {_KNOWN}
    order by s.campaign_id, 1
    on conflict (campaign_id, key) do nothing returning 1
"""
# A group from a spool may be older than what is known already: the picture shown last stays.
_SHOWN_LATER = ", ".join(
    f"{name} = case when excluded.served_at >= v.served_at then excluded.{name} else v.{name} end"
    for name in ("variant", "link", "signal", "weather", "detail", "served_at")
)
_SLOTS = f"""
    insert into slot_serves as v
        (campaign_id, send_id, slot, variant, link, signal, weather, detail, served_at, count)
    select s.campaign_id, s.id, (e->>2)::smallint, e->>3, e->>4, e->>5, e->>6,
           nullif(e->7, 'null'::jsonb), to_timestamp((e->>8)::double precision / 1000), (e->>9)::int
    from jsonb_array_elements(%(serves)s::jsonb) e {_KNOWN}
    order by 1, 2, 3
    on conflict (campaign_id, send_id, slot) do update set {_SHOWN_LATER},
        count = least(v.count::bigint + excluded.count, {_LARGEST_COUNT})::int
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """How many groups and serves came into the database; groups that were there already are not counted."""

    groups: int = 0
    serves: int = 0


@dataclass(frozen=True, slots=True)
class _Group:
    entry: Entry
    id: UUID
    serves: list[Serve]


class Draining:
    """Drains the stream of serves; `spools` is where processes of this host leave what Redis did not take."""

    def __init__(self, db: Database, redis_client: Any, spools: Path, meters: Meters) -> None:
        self._db = db
        self._stream = ServeStream(redis_client)
        self._spools = spools
        self._meters = meters

    def drain(self, seconds: float = 5.0) -> Drained:
        """Drain until nothing waits, for so many seconds at most.

        Where Redis is away, or somebody else drains, nothing is done: it is called again in a moment.
        """
        ends = time.monotonic() + seconds
        groups = serves = 0
        try:
            self._take_over()
            while (done := self._portion()) is not None:
                groups, serves = groups + done.groups, serves + done.serves
                if time.monotonic() >= ends:
                    break
        except (redis.RedisError, OSError) as error:
            log.warning("serves_not_drained", why=type(error).__name__)
        if serves:
            self._meters.add("serves_drained", serves)
        self._meters.flush_every(2.0)
        return Drained(groups, serves)

    def _take_over(self) -> None:
        try:
            adopt(self._stream, self._spools)
        except OSError as error:
            # One file that cannot be removed must not hold up what is in the stream.
            log.warning("spools_not_taken_over", why=error.strerror or type(error).__name__)

    def waiting(self) -> int:
        """How many groups wait in the stream to be drained.

        Raises:
            redis.RedisError: Redis is away.
        """
        return self._stream.waiting()[0]

    def _portion(self) -> Drained | None:
        """Some of what waits longest; None where nothing does, or somebody else is at it."""
        entries = self._stream.oldest(_GROUPS)
        if not entries:
            return None
        groups, refused = _read(entries)
        applied = self._apply(groups)
        if applied is None:
            return None
        done, unfit = applied
        self._refuse([*refused, *(group.entry for group in unfit)])
        self._stream.remove([group.entry.place for group in groups])
        return done

    def _apply(self, groups: Sequence[_Group]) -> tuple[Drained, list[_Group]] | None:
        """What was new in these, and which the database does not take; None where somebody else drains."""
        if not groups:
            return Drained(), []
        try:
            done = self._commit(groups)
            return None if done is None else (done, [])
        except psycopg.DataError as error:
            if len(groups) == 1:
                log.error("serves_not_fit_for_the_database", why=type(error).__name__)
                return Drained(), list(groups)
        # One of them is to blame, and must not hold up the others.
        total, unfit = Drained(), []
        for group in groups:
            one = self._apply([group])
            if one is None:
                return None
            total = Drained(total.groups + one[0].groups, total.serves + one[0].serves)
            unfit += one[1]
        return total, unfit

    def _commit(self, groups: Sequence[_Group]) -> Drained | None:
        with self._db.transaction() as session:
            if not session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": DRAINING_LOCK}):
                return None
            # One group may be in the stream twice.
            by_id = {group.id.hex: group for group in groups}
            new = rows(session, _NEW_GROUPS, {"ids": sorted(by_id)})
            fresh = [by_id[UUID(row[0]).hex] for row in new]
            serves = [serve for group in fresh for serve in group.serves]
            if serves:
                opened = len(rows(session, _EVENTS, {"events": json.dumps(_events(serves))}))
                session.after_commit(lambda: self._meters.add("feedback", opened, kind="opened"))
                rows(session, _SLOTS, {"serves": json.dumps(_slots(serves))})
            return Drained(len(fresh), sum(serve.n for serve in serves))

    def _refuse(self, entries: Sequence[Entry]) -> None:
        if entries:
            log.error("serves_refused", groups=len(entries), kept_in="tailormail:open:serves:refused")
            self._stream.refuse(entries)


def hold_off_draining(session: Session) -> None:
    """Wait until nobody drains, and let nobody begin before the end of the transaction.

    For who removes what draining adds to: a serve of somebody who is being erased must not slip in.
    """
    session.execute(text("select pg_advisory_xact_lock(:n)"), {"n": DRAINING_LOCK})


def _read(entries: Iterable[Entry]) -> tuple[list[_Group], list[Entry]]:
    """Groups, of as many entries as make up one transaction, and entries in which something is unreadable."""
    groups, refused, serves = [], [], 0
    for entry in entries:
        try:
            found, unfit = unpack(entry.body)
            group = _Group(entry, group_id(entry.group), found)
        except Malformed:
            refused.append(entry)
            continue
        groups.append(group)
        if unfit:
            # What is fit counts; a copy of the whole is kept for the rest.
            refused.append(entry)
        serves += len(found)
        if serves >= _SERVES:
            break
    return groups, refused


def _events(serves: Iterable[Serve]) -> list[list[Any]]:
    """[campaign, send, requester, first time, machine] of each open that is one event."""
    first: dict[tuple[int, int, str], Serve] = {}
    for serve in serves:
        key = (serve.campaign_id, serve.send_id, serve.requester)
        if key not in first or serve.at < first[key].at:
            first[key] = serve
    return [[*key, serve.at, serve.machine] for key, serve in first.items()]


def _slots(serves: Iterable[Serve]) -> list[list[Any]]:
    """What each slot showed last, and how often it showed something."""
    last: dict[tuple[int, int, int], Serve] = {}
    counts: Counter[tuple[int, int, int]] = Counter()
    for serve in serves:
        key = (serve.campaign_id, serve.send_id, serve.slot)
        counts[key] += serve.n
        if key not in last or serve.at >= last[key].at:
            last[key] = serve
    return [
        [
            *key,
            serve.variant,
            serve.link,
            serve.signal,
            serve.weather,
            serve.detail,
            serve.at,
            min(counts[key], _LARGEST_COUNT),
        ]
        for key, serve in last.items()
    ]

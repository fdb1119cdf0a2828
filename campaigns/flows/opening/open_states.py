"""Customers' states, from the database onto the shelf that image requests read.

A change is written through right after its commit. Where that fails (Redis away, the process killed) its row in
`open_states` still says that the shelf is behind, and `catch_up`, every few seconds, brings it and sets the mark
(opentime/serving/shelf_mark.py) that lets web processes believe the shelf. A Redis that came back with the states of
before has the mark of before, too: what was written since is brought again, and only then the shelf is believed.
A shelf that cannot be told how old it is, or that knows more than a database restored from a backup, is thrown away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.compose.content import language_of
from campaigns.core.db import Database, rows
from campaigns.core.log import get_logger
from campaigns.models import Customer
from campaigns.opentime.place.coordinates import coarse, on_earth
from campaigns.opentime.serving.open_state import WITHDRAWN, OpenState
from campaigns.opentime.serving.state_shelf import StateShelf

log = get_logger(__name__)

_AT_ONCE = 1000
# For what was told to a Redis that others had given up already; longer than connections to such a one last.
_AGAIN_SECONDS = 60
# By how much the clocks of two PostgreSQL servers may differ, one of which took over from the other; and for how long
# a state may have been on its way to a shelf that was thrown away meanwhile.
_DOUBT_SECONDS = 60
# Versions that somebody may have drawn from a sequence after it went back.
_VERSIONS_APART = 100_000
_MOST_COUNTED = 100_000

# One statement, and so one snapshot: a state and the version that it belongs to.
_STATES = """
    select i.id, coalesce(o.version, 0), coalesce(g.tracking and c.id is not null, false),
           coalesce(g.location, false), c.latitude, c.longitude, c.country, c.timezone, c.locale, c.tags
    from unnest(%(ids)s::bigint[]) as i(id)
    left join customers c on c.id = i.id and c.erased_at is null
    left join open_states o on o.customer_id = i.id
    left join lateral (
        select bool_or(purpose = 'open_tracking') as tracking, bool_or(purpose = 'open_location') as location
        from consent_states where customer_id = i.id and granted) g on true
"""
_PENDING = """
    select customer_id from open_states where version > written and customer_id > %(after)s
    order by customer_id limit %(most)s
"""
_PENDING_OF = """
    select customer_id from open_states where version > written and customer_id = any(%(ids)s::bigint[])
"""
_DUE_AGAIN = """
    select customer_id from open_states where again_at <= clock_timestamp() order by again_at limit %(most)s
"""
# Who is just being changed is skipped: the row will say that the shelf is behind once more.
_MARK = """
    with held as (
        select o.customer_id, d.version from open_states o
        join (select (e->>0)::bigint as id, (e->>1)::bigint as version
              from jsonb_array_elements(%(written)s::jsonb) as e) d on d.id = o.customer_id
        where o.version >= d.version and o.written <= d.version
        for update of o skip locked
    )
    update open_states o set written = held.version,
        written_at = clock_timestamp(),
        again_at = clock_timestamp() + %(again)s::double precision * interval '1 second'
    from held where o.customer_id = held.customer_id
"""
_NOW = "select extract(epoch from clock_timestamp())::double precision, last_value from open_state_versions"
_DOUBT = """
    with held as (
        select customer_id from open_states
        where written > 0 and written_at > to_timestamp(%(moment)s::double precision)
        order by customer_id for update
    )
    update open_states o set written = 0 from held where o.customer_id = held.customer_id
"""
_STILL = """
    select 1 from open_states o
    join (select (e->>0)::bigint as id, (e->>1)::bigint as version
          from jsonb_array_elements(%(refused)s::jsonb) as e) r on r.id = o.customer_id and r.version = o.version
    limit 1
"""
_SKIP_VERSIONS = """
    select setval('open_state_versions', greatest(last_value, %(high)s::bigint)) from open_state_versions
"""
_BEHIND = text("select count(*) from (select 1 from open_states where version > written limit :most) pending")
_TRACKED = """
    select distinct customer_id from sends
    where campaign_id = %(campaign)s and tracked and status <> 'held_back' and customer_id > %(after)s
    order by customer_id limit %(most)s
"""


class OpenStates:
    """Reads states, and brings them onto the shelf."""

    def __init__(self, db: Database, shelf: StateShelf) -> None:
        self._db = db
        self._shelf = shelf

    def of(self, customer_ids: Iterable[int]) -> dict[int, OpenState]:
        """The states as the database has them now; WITHDRAWN for whoever it does not know or has erased."""
        with self._db.transaction() as session:
            return read_states(session, list(customer_ids))

    def write_through(self, customer_ids: Iterable[int]) -> None:
        """Right after the commit of a change: put the new states on the shelf. Never raises.

        What could not be done is left to `catch_up`.
        """
        ids = list(customer_ids)
        try:
            self._bring(_PENDING_OF, {"ids": ids}, _AGAIN_SECONDS)
        except Exception as error:
            log.warning("open_states_not_written_through", why=type(error).__name__)

    def catch_up(self, seconds: float = 4.0) -> int:
        """Bring what is behind, for so many seconds at most; returns how many are still behind.

        Where nothing is left, the shelf is marked as complete. Harmless when several do it at once: the shelf keeps
        the newer of two states, and one of them sets the mark.
        """
        try:
            self._catch_up(time.monotonic() + seconds)
        except redis.WatchError:
            log.info("open_states_marked_by_another")
        except (redis.RedisError, OSError) as error:
            log.warning("open_states_behind", why=type(error).__name__)
        with self._db.transaction() as session:
            return int(session.scalar(_BEHIND, {"most": _MOST_COUNTED}) or 0)

    def _catch_up(self, ends: float) -> None:
        # In this order: a version that the shelf has seen was drawn before.
        mark, high = self._shelf.past()
        moment, newest = self._now()
        if mark is None or high > newest:
            self._begin_anew(moment, high)
        with self._shelf.marking() as marking:
            if marking.before is None:
                return
            if not marking.unbroken:
                self._doubt(marking.before.moment)
            # What is pending now is brought in one pass, however much becomes pending meanwhile.
            after: int | None = 0
            while after is not None:
                if time.monotonic() >= ends:
                    return
                ids = self._bring(_PENDING, {"after": after, "most": _AT_ONCE}, _AGAIN_SECONDS)
                after = ids[-1] if len(ids) == _AT_ONCE else None
            marking.reach(moment)
        while time.monotonic() < ends:
            if len(self._bring(_DUE_AGAIN, {"most": _AT_ONCE}, None)) < _AT_ONCE:
                return

    def _now(self) -> tuple[float, int]:
        """PostgreSQL's clock, and the newest version that it has drawn."""
        with self._db.transaction() as session:
            ((moment, newest),) = rows(session, _NOW, {})
            return float(moment), int(newest)

    def _begin_anew(self, moment: float, high: int) -> None:
        log.info("open_states_begun_anew")
        if high:
            with self._db.transaction() as session:
                # Whoever still holds a state of before must not be the newer one.
                rows(session, _SKIP_VERSIONS, {"high": high + _VERSIONS_APART})
        self._shelf.clear()
        self._shelf.begin(moment)

    def _doubt(self, moment: float) -> None:
        """What was written after this moment may not be on the shelf."""
        with self._db.transaction() as session:
            rows(session, _DOUBT, {"moment": moment - _DOUBT_SECONDS})
        log.info("open_states_doubted")

    def warm(self, campaign_id: int) -> int:
        """Put the states of a campaign's tracked audience on the shelf, before their mails are opened.

        Returns how many; where Redis is away, none more are brought: each is read when it is asked for.
        """
        after = warmed = 0
        try:
            while True:
                with self._db.transaction() as session:
                    asked = {"campaign": campaign_id, "after": after, "most": _AT_ONCE}
                    ids = [row[0] for row in rows(session, _TRACKED, asked)]
                    states = read_states(session, ids)
                self._shelf.put(states)
                warmed += len(ids)
                if len(ids) < _AT_ONCE:
                    return warmed
                after = ids[-1]
        except (redis.RedisError, OSError) as error:
            log.warning("open_states_not_warmed", campaign_id=campaign_id, why=type(error).__name__)
            return warmed

    def _bring(self, which: str, asked: dict[str, Any], again: float | None) -> list[int]:
        """One batch of those that the query finds; returns whose they are, in the query's order."""
        with self._db.transaction() as session:
            ids = [row[0] for row in rows(session, which, asked)]
            states = read_states(session, ids)
        if not states:
            return ids
        refused = frozenset(self._shelf.put(states, changed=True))
        versions = [[number, state.version] for number, state in states.items()]
        written = json.dumps([pair for pair in versions if pair[0] not in refused])
        unwritten = json.dumps([pair for pair in versions if pair[0] in refused])
        with self._db.transaction() as session:
            rows(session, _MARK, {"written": written, "again": again})
            # Usually somebody has brought a newer version, that came meanwhile.
            went_back = bool(refused) and bool(rows(session, _STILL, {"refused": unwritten}))
        if went_back:
            log.warning("open_states_newer_than_the_database")
            self._shelf.distrust()
        return ids


def read_states(session: Session, customer_ids: Sequence[int]) -> dict[int, OpenState]:
    """The states of these customers, each with the version it belongs to."""
    if not customer_ids:
        return {}
    return {row[0]: _state(*row[1:]) for row in rows(session, _STATES, {"ids": list(customer_ids)})}


def state_if_tracked(person: Customer, location: bool) -> OpenState:
    """This customer's state as it is, or would be, with open_tracking; `location` is their open_location."""
    home = person.latitude, person.longitude
    return _state(
        0, True, location, *home, person.country, person.timezone, person.locale, person.tags
    )  # fmt: skip


def _state(
    version: int,
    tracking: bool,
    location: bool,
    latitude: float | None,
    longitude: float | None,
    country: str,
    timezone: str,
    locale: str,
    tags: list[str],
) -> OpenState:
    if not tracking:
        return replace(WITHDRAWN, version=version)
    if latitude is None or longitude is None or not on_earth(latitude, longitude):
        latitude = longitude = None
    return OpenState(
        version=version,
        tracking=True,
        location=location,
        latitude=None if latitude is None else coarse(latitude),
        longitude=None if longitude is None else coarse(longitude),
        country=country,
        timezone=timezone,
        language=language_of(locale or "en"),
        tags=frozenset(tags),
    )

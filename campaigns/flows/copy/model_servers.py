"""How model servers want to be asked, remembered for all processes and tried anew after some days."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from campaigns.copywriting.server_ways import Ways
from campaigns.core.db import Database, rows

REMEMBERED_DAYS = 7
"""A server may have been updated since, and take a schema now."""
_LOOK_AGAIN_SECONDS = 300.0

_FIND = """
    select answers_as, refuses from model_servers
    where server = %(server)s and model = %(model)s and found_at > now() - make_interval(days => %(days)s)
"""
_KEEP = """
    insert into model_servers (server, model, answers_as, refuses)
    values (%(server)s, %(model)s, %(answers_as)s, %(refuses)s::text[])
    on conflict (server, model) do update
    set answers_as = excluded.answers_as, refuses = excluded.refuses, found_at = now()
"""


class _Known(NamedTuple):
    ways: Ways | None
    until: float


class WaysInDatabase:
    """`ServerWays` in the table model_servers. What was read is believed for five minutes."""

    def __init__(self, db: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Known] = {}

    def find(self, server: str, model: str) -> Ways | None:
        """See ServerWays."""
        now = self._monotonic()
        with self._lock:
            known = self._known.get((server, model))
        if known is not None and now < known.until:
            return known.ways
        with self._db.transaction() as session:
            found = rows(session, _FIND, {"server": server, "model": model, "days": REMEMBERED_DAYS})
        ways = Ways(found[0][0], frozenset(found[0][1])) if found else None
        self._note(server, model, ways)
        return ways

    def keep(self, server: str, model: str, ways: Ways) -> None:
        """See ServerWays."""
        self._note(server, model, ways)
        told = {"answers_as": ways.answers_as, "refuses": sorted(ways.refuses)}
        with self._db.transaction() as session:
            rows(session, _KEEP, {"server": server, "model": model, **told})

    def _note(self, server: str, model: str, ways: Ways | None) -> None:
        with self._lock:
            self._known[server, model] = _Known(ways, self._monotonic() + _LOOK_AGAIN_SECONDS)

"""The stream of serves in Redis, between the processes that answer image requests and the one that drains it.

Everything here raises redis.RedisError (or OSError) where Redis is away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from campaigns.opentime.serving.serve import Malformed, Serve, ServeGroup, mentions, unpack, without_customers

STREAM = "tailormail:open:serves"
REFUSED = STREAM + ":refused"
_MOST_REFUSED = 1000
_REFUSED_SECONDS = 14 * 24 * 3600
# More than gather in the two seconds between drainings; where draining is behind, the database comes next.
_MOST_LOOKED_AT = 400
_A_PAGE = 20
_GROUPS_A_PAGE = 200


class Entry(NamedTuple):
    """One entry of the stream: its place there, and the group in it, as far as there is one."""

    place: bytes
    group: str
    body: bytes


class ServeStream:
    """One entry for each group of serves; `redis_client` is a `redis.Redis`."""

    def __init__(self, redis_client: Any) -> None:
        self._redis = redis_client

    def add(self, groups: Iterable[ServeGroup]) -> None:
        """Append groups; one round trip.

        After an error nobody knows whether they are in the stream: add them again, under the same numbers.
        """
        with self._redis.pipeline(transaction=False) as pipeline:
            for group in groups:
                pipeline.xadd(STREAM, {"id": group.id, "body": group.body})
            pipeline.execute()

    def oldest(self, most: int) -> list[Entry]:
        """The entries that have waited longest."""
        return [
            Entry(place, fields.get(b"id", b"").decode("ascii", "replace"), fields.get(b"body", b""))
            for place, fields in self._redis.xrange(STREAM, count=most)
        ]

    def remove(self, places: Sequence[bytes]) -> None:
        """Take entries out of the stream."""
        if places:
            self._redis.xdel(STREAM, *places)

    def refuse(self, entries: Sequence[Entry]) -> None:
        """Put entries that nobody can read aside, where somebody may look at them: the last thousand, for two weeks."""
        if not entries:
            return
        with self._redis.pipeline(transaction=True) as pipeline:
            for entry in entries:
                kept: dict[Any, Any] = {"id": entry.group, "body": entry.body}
                pipeline.xadd(REFUSED, kept, maxlen=_MOST_REFUSED, approximate=True)
            # They name sends of people who may be erased meanwhile.
            pipeline.expire(REFUSED, _REFUSED_SECONDS)
            pipeline.xdel(STREAM, *(entry.place for entry in entries))
            pipeline.execute()

    def shown(self, send_id: int) -> dict[int, Serve]:
        """What the slots of this send showed last, by slot, as far as it waits here to be drained.

        Looks through the newest entries: clicks are few, and to keep each slot's last picture under a key of
        its own would cost every open more than all the rest of writing it down.
        """
        mark, found = b",%d," % send_id, dict[int, Serve]()
        before, looked_at = "+", 0
        while looked_at < _MOST_LOOKED_AT:
            page = self._redis.xrevrange(STREAM, max=before, count=_A_PAGE)
            for _, fields in page:
                body = fields.get(b"body", b"")
                for slot, serve in _last_of(body, send_id).items() if mark in body else ():
                    # A group that came by way of a spool is newer in the stream than it is.
                    if slot not in found or found[slot].at < serve.at:
                        found[slot] = serve
            if len(page) < _A_PAGE:
                break
            looked_at += len(page)
            before = "(" + page[-1][0].decode()
        return found

    def forget(self, customer_ids: Collection[int]) -> None:
        """Take out of everything that waits here, and that was put aside, what was served to these customers.

        A group keeps its number: should it be drained at this very moment, what is put back counts as known.
        """
        for entry in self._all(STREAM):
            if not mentions(entry.body, customer_ids):
                continue
            try:
                rest = without_customers(entry.body, customer_ids)
            except Malformed:
                continue  # Draining puts it aside; there it is found by whoever looks again.
            if rest != entry.body:
                self._replace(entry, rest)
        for entry in self._all(REFUSED):
            if mentions(entry.body, customer_ids):
                self._redis.xdel(REFUSED, entry.place)

    def _all(self, stream: str) -> Iterator[Entry]:
        after = "-"
        while page := self._redis.xrange(stream, min=after, count=_GROUPS_A_PAGE):
            for place, fields in page:
                yield Entry(
                    place, fields.get(b"id", b"").decode("ascii", "replace"), fields.get(b"body", b"")
                )
            after = "(" + page[-1][0].decode()

    def _replace(self, entry: Entry, body: bytes | None) -> None:
        with self._redis.pipeline(transaction=True) as pipeline:
            if body is not None:
                pipeline.xadd(STREAM, {"id": entry.group, "body": body})
            pipeline.xdel(STREAM, entry.place)
            pipeline.execute()

    def waiting(self) -> tuple[int, float]:
        """How many groups wait, and for how many seconds the first of them has done so."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xlen(STREAM)
            pipeline.xrange(STREAM, count=1)
            pipeline.time()
            length, first, (seconds, microseconds) = pipeline.execute()
        if not first:
            return int(length), 0.0
        # An entry's place begins with the milliseconds of Redis' own clock.
        since = int(first[0][0].partition(b"-")[0]) / 1000
        return int(length), max(0.0, seconds + microseconds / 1e6 - since)


def _last_of(body: bytes, send_id: int) -> dict[int, Serve]:
    """What the slots of one send showed last in a group; nothing of one that cannot be read."""
    try:
        serves, _ = unpack(body)
    except Malformed:
        return {}
    # Stable: of two in one millisecond the later one counts.
    in_order = sorted((one for one in serves if one.send_id == send_id), key=lambda one: one.at)
    return {serve.slot: serve for serve in in_order}

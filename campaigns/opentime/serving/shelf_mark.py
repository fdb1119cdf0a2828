"""What a Redis is known to have been told of customers' states: a mark among the states themselves.

The mark names the run of the server that it was set on, and up to which moment everything that PostgreSQL
calls written is there. It lives and dies with the states: a server that comes back with those of an hour ago
comes back with the mark of an hour ago, set on another run. So whoever reads both knows whether the states
may be believed, and whoever mends them knows from which moment on something may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis

MARK = "tailormail:open:mark"


class Mark(NamedTuple):
    """`server` is a run of a server (`server_of`), `number` one more with each mark.

    `moment`, in seconds since 1970 by PostgreSQL's clock: what was marked as written before it is there.
    """

    server: str
    number: int
    moment: float

    def to_bytes(self) -> bytes:
        """As JSON."""
        return json.dumps(self).encode()

    @classmethod
    def from_bytes(cls, raw: bytes | None) -> Mark | None:
        """The reverse; None for nothing, and for what cannot be read."""
        try:
            server, number, moment = json.loads(raw or b"")
            return cls(str(server), int(number), float(moment))
        except (ValueError, TypeError):
            return None


def server_of(client: Any) -> str:
    """A name for this run of this server as the owner of its data; empty where it may not be asked (INFO).

    A server that is started again has another one, and so has one that was a replica in between.
    """
    try:
        run = client.info("server")["run_id"]
        return f"{run}:{client.info('replication').get('master_replid', '')}"
    except (redis.ResponseError, KeyError):
        return ""


def look_at_mark(client: Any) -> tuple[int, bool]:
    """The number of the mark, 0 for none; and whether it was set on this very run of the server."""
    mark = Mark.from_bytes(client.get(MARK))
    if mark is None:
        return 0, False
    return mark.number, bool(mark.server) and mark.server == server_of(client)


class Marking:
    """The mark as it was found, and whether the states are still the ones that it speaks of."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        pipeline.watch(MARK)
        self._server = server_of(pipeline)
        self.before = Mark.from_bytes(pipeline.get(MARK))

    @property
    def unbroken(self) -> bool:
        """Whether this run of the server has been there since the mark was set, and has lost nothing."""
        return bool(self._server) and self.before is not None and self.before.server == self._server

    def reach(self, moment: float) -> None:
        """Everything up to this moment is there now.

        Raises:
            redis.WatchError: another server answers now, or somebody else has set the mark meanwhile; all that
                was found out may be wrong, and nothing is set.
        """
        number = self.before.number + 1 if self.before else 1
        self._pipeline.multi()
        self._pipeline.set(MARK, Mark(self._server, number, moment).to_bytes())
        self._pipeline.execute()


@contextmanager
def marking(client: Any) -> Iterator[Marking]:
    """To bring a Redis up to a moment. One connection to one server holds from the first look to the mark."""
    with client.pipeline() as pipeline:
        yield Marking(pipeline)

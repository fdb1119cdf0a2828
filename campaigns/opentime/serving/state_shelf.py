"""Where image requests find the states of customers: Redis, written through whenever one changes.

Everything here raises redis.RedisError (or OSError) where Redis is away: it is the caller who knows what to do
without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.serving.shelf_mark import MARK, Mark, Marking, marking

CHANGED = "tailormail:open:changed"
"""The channel on which the number of each customer is told whose state has changed, or ALL."""

ALL = b"all"

KEEP_SECONDS = 30 * 86_400
HIGH = "tailormail:open:high"
"""The highest version that was ever put here: PostgreSQL's own is never below, unless it was restored."""

_PREFIX = "tailormail:open:state:"
_AT_ONCE = 250

# A state is written where none is, or none newer: so a reader that was slow to bring what it read from the
# database never overwrites a withdrawal. Versions stand second in all formats (open_state.py).
_PUT = """
local function version(value)
  return value and tonumber(string.match(value, '^%[%d+,(%d+)'))
end
local high, refused = tonumber(redis.call('get', KEYS[1]) or '0'), {}
local highest = high
for i = 2, #KEYS do
  local value, customer = ARGV[2 * i], ARGV[2 * i + 1]
  local kept = redis.call('get', KEYS[i])
  local before, now = version(kept), version(value)
  if not before or now >= before then
    redis.call('set', KEYS[i], value, 'EX', ARGV[1])
    if now > highest then highest = now end
    if ARGV[2] == '1' or (kept and kept ~= value) then
      redis.call('publish', ARGV[3], customer)
    end
  else
    refused[#refused + 1] = customer
  end
end
if highest > high then
  redis.call('set', KEYS[1], string.format('%.0f', highest))
end
return refused
"""


class StateShelf:
    """The states of customers in Redis; `redis_client` is a `redis.Redis`."""

    def __init__(self, redis_client: Any) -> None:
        self._redis = redis_client
        self._put = redis_client.register_script(_PUT)

    def read(self, customer_ids: Iterable[int]) -> dict[int, OpenState]:
        """The states that are there, of these customers; one round trip."""
        ids = list(customer_ids)
        if not ids:
            return {}
        found = zip(ids, self._redis.mget([_key(number) for number in ids]), strict=True)
        states = ((number, OpenState.from_bytes(raw)) for number, raw in found)
        return {number: state for number, state in states if state is not None}

    def put(self, states: Mapping[int, OpenState], changed: bool = False) -> list[int]:
        """Write each state unless a newer one is there, and tell all processes of what is different now.

        `changed`: they are told in any case, because they may remember what Redis has forgotten.
        Returns the customers of whom a newer state is there.
        """
        refused: list[int] = []
        for some in _portions(list(states.items())):
            arguments: list[bytes | str | int] = [KEEP_SECONDS, int(changed), CHANGED]
            for number, state in some:
                arguments += [state.to_bytes(), number]
            refused += map(int, self._put(keys=[HIGH, *(_key(n) for n, _ in some)], args=arguments))
        return refused

    def past(self) -> tuple[Mark | None, int]:
        """The mark, and the highest version that was ever put here."""
        mark, high = self._redis.mget([MARK, HIGH])
        return Mark.from_bytes(mark), int(high or 0)

    def distrust(self) -> None:
        """The states are not what PostgreSQL says: nobody believes them until they are thrown away."""
        self._redis.delete(MARK)

    def clear(self) -> None:
        """Throw all states away, here and in all processes."""
        self._redis.delete(MARK)
        some: list[bytes] = []
        for key in self._redis.scan_iter(match=f"{_PREFIX}*", count=1000):
            some.append(key)
            if len(some) >= _AT_ONCE:
                self._redis.unlink(*some)
                some = []
        if some:
            self._redis.unlink(*some)
        self._redis.delete(HIGH)
        self._redis.publish(CHANGED, ALL)

    def begin(self, moment: float) -> None:
        """Set the first mark of a shelf that was thrown away after this moment, of no server yet."""
        self._redis.set(MARK, Mark("", 0, moment).to_bytes())

    def marking(self) -> AbstractContextManager[Marking]:
        """See shelf_mark.py."""
        return marking(self._redis)


def _portions(items: list[tuple[int, OpenState]]) -> Iterable[list[tuple[int, OpenState]]]:
    # A script holds up everybody else for as long as it runs.
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _key(customer_id: int) -> str:
    return f"{_PREFIX}{customer_id}"

"""Customers' states as this process knows them, told of every change by Redis.

A state is only believed while this process hears Redis: what changed during a silence is not known, so with
the connection lost everything is forgotten, and whoever asks must ask further.

Redis itself is only believed once it is known to have been told of everything that changed before this process
began to listen (shelf_mark.py).
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Any, NamedTuple

import redis

from campaigns.core.log import get_logger
from campaigns.core.remembering import Remembered
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.serving.shelf_mark import look_at_mark
from campaigns.opentime.serving.state_shelf import ALL, CHANGED

_log = get_logger(__name__)

# After so long a state is asked for anew, in case a message was lost in spite of all.
KEPT_SECONDS = 120.0
_MOST_KEPT = 100_000
# Redis is asked for a sign of life every second, and believed for a little longer than one answer may take.
_HEARD_EVERY = 1.0
BELIEVED_SECONDS = 3.0
# One who brings Redis up to date may have begun before this process listened, and set the next mark. The one after
# that is set by who began later: no two that began together both set a mark.
_MARKS_TO_SETTLE = 2
_GENERATIONS = 4096


class _Entry(NamedTuple):
    state: OpenState
    until: float


class KnownStates:
    """States by customer; safe to use from many threads.

    `redis_client` is a `redis.Redis`, of which a connection of its own is taken by the thread that listens.
    That thread starts with the first question, so that a process may fork before.
    """

    def __init__(self, redis_client: Any, most: int = _MOST_KEPT) -> None:
        self._redis = redis_client
        self._known: Remembered[int, _Entry] = Remembered(most)
        # Counts changes by customer (modulo), for answers that were asked for before a change and come after.
        self._generations = [0] * _GENERATIONS
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._ended = threading.Event()
        self._believed_until = 0.0
        self._settled = False
        self._first_mark: int | None = None
        self._looks_at = 0.0
        self._starting = threading.Lock()
        self._listener: threading.Thread | None = None

    def after_fork(self) -> None:
        """In a child process: nobody listens there."""
        self._begin()
        self._known.clear()

    def get(self, customer_id: int) -> OpenState | None:
        """The state, if it is known and sure to be the present one."""
        entry = self._known.get(customer_id)
        now = time.monotonic()
        if entry is None or now > self._believed_until:
            if self._listener is None or not self._listener.is_alive():
                self._start()
            return None
        return entry.state if now < entry.until else None

    def mark(self, customer_id: int) -> int:
        """To be taken before Redis or the database is asked, and given to `keep` with the answer."""
        return self._generations[customer_id % _GENERATIONS]

    def keep(self, customer_id: int, state: OpenState, mark: int) -> None:
        """Remember an answer, unless the customer's state changed while it was on its way."""
        if time.monotonic() > self._believed_until:
            return
        self._known[customer_id] = _Entry(state, time.monotonic() + KEPT_SECONDS)
        if self._generations[customer_id % _GENERATIONS] != mark:
            self._known.pop(customer_id, None)

    def forget(self, customer_id: int) -> None:
        """The state changed: whoever is asking for it at this moment must not keep the old one."""
        self._generations[customer_id % _GENERATIONS] += 1
        self._known.pop(customer_id, None)

    @property
    def listening(self) -> bool:
        """Whether changes would be heard at this moment."""
        return time.monotonic() <= self._believed_until

    @property
    def settled(self) -> bool:
        """Whether Redis has been told of every change that this process has not heard of."""
        return self._settled and self.listening

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        if self._listener is not None:
            self._listener.join(2 * _HEARD_EVERY)

    def _start(self) -> None:
        with self._starting:
            if self._ended.is_set() or (self._listener is not None and self._listener.is_alive()):
                return
            listener = threading.Thread(target=self._listen, daemon=True, name="open-states")
            with suppress(RuntimeError):  # no more threads: the next question tries again
                listener.start()
                self._listener = listener

    def _listen(self) -> None:
        told = False
        while not self._ended.is_set():
            try:
                with self._redis.pubsub() as changes:
                    changes.subscribe(CHANGED)
                    self._hear(changes)
            except Exception as error:  # whatever it was: without this thread nothing is ever known again
                heard = self._believed_until > 0.0
                # Before anything that takes time: a Redis of before may answer the next question.
                self._forget_all()
                # Once for each silence, however long it lasts.
                if heard or not told:
                    _log.warning("open_states_not_heard", why=type(error).__name__)
                told = True
                self._ended.wait(_HEARD_EVERY / 2)
        self._forget_all()

    def _hear(self, changes: Any) -> None:
        while not self._ended.is_set():
            message = changes.get_message(timeout=_HEARD_EVERY)
            if message is None:
                if not self.listening:
                    raise redis.ConnectionError("no sign of life")
                changes.ping()
            elif message["type"] == "subscribe" or message["data"] == ALL:
                self._forget_all()
            elif message["type"] == "message":
                self.forget(int(message["data"]))
            if time.monotonic() >= self._looks_at:
                self._look()
            if message is not None:
                self._believed_until = time.monotonic() + BELIEVED_SECONDS

    def _look(self) -> None:
        """Whether Redis may be believed: marks come every few seconds, and servers may change behind a name."""
        number, of_this_server = look_at_mark(self._redis)
        if self._first_mark is None or not of_this_server or number < self._first_mark:
            self._first_mark = number
        self._settled = number >= self._first_mark + _MARKS_TO_SETTLE
        self._looks_at = time.monotonic() + _HEARD_EVERY

    def _forget_all(self) -> None:
        self._believed_until = 0.0
        self._generations[:] = [generation + 1 for generation in self._generations]
        self._known.clear()
        self._settled = False
        self._first_mark = None
        self._looks_at = 0.0


_all: weakref.WeakSet[KnownStates] = weakref.WeakSet()


def _begin_anew() -> None:
    for one in list(_all):
        one.after_fork()


os.register_at_fork(after_in_child=_begin_anew)

"""What this process served, on its way to the database: gathered here, sent on in groups behind the answers.

A group goes into the stream in Redis about a tenth of a second after its first serve; what only repeats an earlier
serve waits up to five seconds for more of its kind. While Redis is away groups go to disk, and from there into the
stream later; while the disk is full as well they stay in memory. Whether Redis took a group before it failed to say
so is not known: the group is kept in any case, and counted once by its number. A process that is killed loses what
it had not sent on yet; one that is asked to end loses nothing.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import redis

from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.remembering import Remembered
from campaigns.core.spool import abandoned
from campaigns.opentime.serving.serve import Serve, ServeGroup, Shown, pack
from campaigns.opentime.serving.serve_spool import ServeSpool, groups_in
from campaigns.opentime.serving.serve_stream import ServeStream

log = get_logger(__name__)

GATHER_SECONDS = 0.1

REPEATS_SECONDS = 5.0
"""What was served before and is again only counts up: that may wait, and grow together, for so long."""

MANY = 500
"""So many different serves are not waited with."""

MOST_KEPT = 100_000
"""Serves that are kept in memory while neither Redis nor the disk takes them."""

_A_GROUP = 1000
_PORTION_BYTES = 200_000
_REST_SECONDS = 1.0
_MOST_SHOWN = 20_000
_MOST_TOLD = 100_000
_REPEATS_AT_ONCE = 250
_TOLD_SECONDS = 86_400.0
_STOP_SECONDS = 3.0
_METERS_SECONDS = 5.0
_TELL_SECONDS = 10.0

_Key = tuple[int, int, str, str, str]
_Slot = tuple[int, int]


class ServeLog:
    """The log of one process; safe to use from many threads, and begun anew after a fork.

    `redis_client` is a `redis.Redis`, `spools` the folder of all spools of this host.
    """

    def __init__(self, redis_client: Any, spools: Path, meters: Meters) -> None:
        self._stream = ServeStream(redis_client)
        self._spools = spools
        self._meters = meters
        self._spool = ServeSpool(spools)
        self._begin()
        _logs.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._waiting: dict[_Key, list[Any]] = {}
        self._repeats: dict[_Key, list[Any]] = {}
        # What was told when, by the hash of its key: what is the same as then need not be told at once. Of two keys
        # with one hash the second would wait a few seconds, and nothing worse.
        self._told: Remembered[int, float] = Remembered(_MOST_TOLD)
        self._last_told: Remembered[_Slot, int] = Remembered(_MOST_TOLD)
        self._shown: dict[_Slot, Serve] = {}
        self._unsent: dict[_Slot, Serve] = {}
        self._kept: deque[ServeGroup] = deque()
        self._thread: threading.Thread | None = None
        self._finalizer: Finalize | None = None
        self._closed = False
        self._redis_not_before = 0.0
        self._disk_not_before = 0.0
        self._drops_told_until = 0.0
        self._adopted = False

    def after_fork(self) -> None:
        """In a child process: what waits, and what is on disk, is the parent's."""
        self._spool.abandon()
        self._spool = ServeSpool(self._spools)
        self._begin()

    def add(self, serve: Serve) -> None:
        """Note that this was served; never raises, and never waits for Redis or the disk."""
        try:
            with self._lock:
                self._note(serve)
                begin = self._thread is None and not self._closed
                if begin:
                    self._start()
            if not self._wake.is_set():
                self._wake.set()
            if self._closed:
                self.flush()
        except Exception:
            log.warning("serve_not_noted", exc_info=True)

    def shown(self, send_id: int) -> dict[int, Shown]:
        """What the slots of this send showed last, by slot, as far as that is not drained yet; never raises.

        What this process and Redis do not know of, the database does.
        """
        found: dict[int, Serve] = {}
        if time.monotonic() >= self._redis_not_before:
            try:
                found = self._stream.shown(send_id)
            except (redis.RedisError, OSError) as error:
                log.info("shown_not_in_redis", why=type(error).__name__)
        with self._lock:
            # From older to newer: of two in one millisecond the later one counts.
            own = [serve for (send, _), serve in self._unsent.items() if send == send_id]
            mine = [*self._repeats.items(), *self._waiting.items()]
            own += [entry[0] for key, entry in mine if key[0] == send_id]
        for serve in own:
            kept = found.get(serve.slot)
            if kept is None or kept.at <= serve.at:
                found[serve.slot] = serve
        return {slot: Shown(serve.variant, serve.link, serve.detail) for slot, serve in found.items()}

    def flush(self, seconds: float = -1) -> None:
        """Send on what waits, now; to disk where Redis does not take it. Never raises.

        `seconds`: for how long to wait for somebody who is at it already; -1 is for ever.
        """
        self._flush(seconds)

    def _flush(self, seconds: float = -1, repeats: int | None = None) -> None:
        """`repeats`: at most so many, of those whose time has come; None: all."""
        try:
            if self._sending.acquire(timeout=seconds):
                try:
                    self._send_on(repeats)
                finally:
                    self._sending.release()
            self._meters.flush_every(_METERS_SECONDS)
        except Exception:
            log.error("serves_not_sent_on", exc_info=True)

    def close(self) -> None:
        """Send on what waits and stop; called by itself when the process ends. Harmless when repeated."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
            finalizer, self._finalizer = self._finalizer, None
        self._wake.set()
        self._hurry.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_STOP_SECONDS)
        self.flush(_STOP_SECONDS)
        if self._sending.acquire(timeout=_STOP_SECONDS):
            self._spool.close()
            self._sending.release()
        if finalizer is not None:
            finalizer.cancel()

    def _note(self, serve: Serve) -> None:
        key = (serve.send_id, serve.slot, serve.requester, serve.variant, serve.link)
        gathered = self._repeats if self._is_repeat(serve, key) else self._waiting
        entry = gathered.get(key)
        if gathered is self._waiting:
            self._shown[key[:2]] = serve
        if entry is not None:
            entry[0], entry[1] = serve, entry[1] + serve.n
            return
        if len(gathered) >= MOST_KEPT:
            # Somebody has been writing to a disk that hangs for minutes.
            oldest = next(iter(gathered))
            self._shown.pop(oldest[:2], None)
            self._drop(gathered.pop(oldest)[1])
        gathered[key] = [serve, serve.n, time.monotonic()]
        if gathered is self._waiting and len(gathered) >= MANY:
            self._hurry.set()

    def _is_repeat(self, serve: Serve, key: _Key) -> bool:
        """Whether the same was served to the same before, with nothing else in between."""
        place, told, now = (serve.send_id, serve.slot), hash(key), time.monotonic()
        shown = hash((serve.variant, serve.link))
        # What is drawn may look different each time, and a click or `/v/` wants the last.
        same = serve.detail is None and self._last_told.get(place) == shown
        if same and now - self._told.get(told, -_TOLD_SECONDS) < _TOLD_SECONDS:
            return True
        self._told[told], self._last_told[place] = now, shown
        return False

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, daemon=True, name="serve-log")
        try:
            thread.start()
        except RuntimeError:
            return  # No more threads, or the process is ending: the next one, or `close`, sends it on.
        self._thread = thread
        # Not `atexit`, which is not called in the processes that granian forks; this is called in all.
        self._finalizer = Finalize(None, self.close, exitpriority=100)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(None if self._nothing_left() else _REST_SECONDS)
            self._wake.clear()
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            self._flush(repeats=_REPEATS_AT_ONCE)

    def _nothing_left(self) -> bool:
        return self._spool.empty and not self._kept and not self._repeats

    def _send_on(self, repeats: int | None) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            for key in self._repeats_due(repeats):
                again = self._repeats.pop(key)
                if key in waiting:
                    again = _together(again, waiting[key])
                waiting[key] = again
            taken = [(serve, n) for serve, n, _ in waiting.values()]
            shown = self._shown
            self._shown = {}
            self._unsent.update(shown)
        parts = (taken[start : start + _A_GROUP] for start in range(0, len(taken), _A_GROUP))
        self._kept.extend(pack(part) for part in parts)
        if time.monotonic() >= self._redis_not_before and self._to_redis():
            return
        self._to_disk()
        with self._lock:
            while len(self._unsent) > _MOST_SHOWN:
                self._unsent.pop(next(iter(self._unsent)))

    def _repeats_due(self, most: int | None) -> list[_Key]:
        """A few at a time, those that have waited long enough: many at once would hold up requests."""
        if most is None:
            return list(self._repeats)
        due = time.monotonic() - REPEATS_SECONDS
        ripe = itertools.takewhile(lambda item: item[1][2] <= due, self._repeats.items())
        return [key for key, _ in itertools.islice(ripe, most)]

    def _to_redis(self) -> bool:
        """Everything that is left, into the stream; whether that is done."""
        with self._lock:
            shown = dict(self._unsent)
        try:
            for some in _portions(list(self._kept)):
                self._stream.add(some)
                for _ in some:
                    self._kept.popleft()
            self._empty_spool()
            if not self._adopted:
                self._adopted = True
                adopt(self._stream, self._spools)
        except (redis.RedisError, OSError) as error:
            if time.monotonic() - self._redis_not_before > 2 * _REST_SECONDS:
                log.warning("serves_to_disk", why=type(error).__name__)
            self._redis_not_before = time.monotonic() + _REST_SECONDS
            return False
        self._forget(shown)
        return True

    def _forget(self, shown: dict[_Slot, Serve]) -> None:
        """These are in the stream now, where everybody finds them."""
        with self._lock:
            for place, serve in shown.items():
                if self._unsent.get(place) is serve:
                    del self._unsent[place]

    def _empty_spool(self) -> None:
        if not self._spool.empty:
            moved = move(self._stream, self._spool.groups())
            self._spool.clear()
            log.info("spool_moved", groups=moved)

    def _to_disk(self) -> None:
        if time.monotonic() >= self._disk_not_before:
            try:
                while self._kept:
                    self._spool.append(self._kept[0])
                    self._meters.add("serves_spooled", self._kept.popleft().n)
            except OSError as error:
                log.warning("serves_stay_in_memory", why=error.strerror or str(error))
                self._disk_not_before = time.monotonic() + _REST_SECONDS
        excess = sum(group.n for group in self._kept) - MOST_KEPT
        while excess > 0 and self._kept:
            oldest = self._kept.popleft()
            excess -= oldest.n
            self._drop(oldest.n)

    def _drop(self, n: int) -> None:
        self._meters.add("serves_dropped", n)
        if time.monotonic() >= self._drops_told_until:
            self._drops_told_until = time.monotonic() + _TELL_SECONDS
            log.error("serves_dropped", hint="neither Redis nor the disk takes what was served")


def _together(one: list[Any], other: list[Any]) -> list[Any]:
    """Two entries of one key as one: the later serve, and how often in all."""
    later = max(one, other, key=lambda entry: entry[0].at)
    return [later[0], one[1] + other[1], later[2]]


def move(stream: ServeStream, groups: Iterable[ServeGroup]) -> int:
    """Put groups into the stream, some at a time; returns how many there were.

    Raises:
        redis.RedisError: some may be there now: move all again later, they are counted once.
    """
    moved = 0
    for some in _portions(groups):
        stream.add(some)
        moved += len(some)
    return moved


def adopt(stream: ServeStream, spools: Path) -> int:
    """Move what dead processes of this host left on disk into the stream; returns how many groups.

    Raises:
        redis.RedisError: it is tried again by whoever comes next.
    """
    moved = 0
    for spool in abandoned(spools):
        moved += move(stream, groups_in(spool.lines()))
        spool.remove()
    if moved:
        log.warning("spools_of_the_dead_moved", groups=moved)
    return moved


def _portions(groups: Iterable[ServeGroup]) -> Iterator[list[ServeGroup]]:
    """Some at a time: what is sent to Redis at once must fit into its time limit."""
    some: list[ServeGroup] = []
    size = 0
    for group in groups:
        if some and size + len(group.body) > _PORTION_BYTES:
            yield some
            some, size = [], 0
        some.append(group)
        size += len(group.body)
    if some:
        yield some


_logs: weakref.WeakSet[ServeLog] = weakref.WeakSet()


def _begin_anew() -> None:
    for one in list(_logs):
        one.after_fork()


os.register_at_fork(after_in_child=_begin_anew)

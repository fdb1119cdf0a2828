"""The scheduler: any number of beats may run, and the one that holds the lock speaks.

Its schedule is kept in memory. What was due while nobody spoke is done at once by who takes over, and all of
it is harmless to do twice.
"""

from __future__ import annotations

from typing import Any

from celery.beat import ScheduleEntry, Scheduler

from campaigns.core.errors import TailormailError
from campaigns.core.locks import SCHEDULER_LOCK
from campaigns.core.log import get_logger
from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
from workers.lock import SessionLock

log = get_logger(__name__)

STANDBY_SECONDS = 1.0
# What comes so often that it would pile up while no worker is there, and the queue that it waits in.
_FREQUENT = {
    "tailormail.sweep": "plan",
    "tailormail.open_states": "feedback",
    "tailormail.drain": "feedback",
    "tailormail.erasures": "feedback",
    "tailormail.provider_payloads": "feedback",
    "tailormail.notices": "send",
    "tailormail.import_files": "plan",
    "tailormail.webhooks": "feedback",
}


class LockedScheduler(Scheduler):
    """Celery's scheduler in memory, silent while another one holds the lock in PostgreSQL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Celery makes a `lazy` one only to ask it for its interval.
        self._lock: SessionLock | None = None
        self._speaks: bool | None = None
        self._quiet = False
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One round of Celery's own, or none; returns the seconds until the next."""
        speaks = self._has_lock()
        if speaks != self._speaks:
            log.info("scheduler_speaks" if speaks else "scheduler_stands_by")
            self._speaks = speaks
            # Forget what was due when, so that it is worked out anew from when it last ran here.
            self._heap = None
        return float(super().tick(*args, **kwargs)) if speaks else STANDBY_SECONDS

    def _has_lock(self) -> bool:
        if self._lock is None:
            try:
                self._runtime = Runtime(load_settings())
                self._lock = SessionLock(self._runtime.urls[0], SCHEDULER_LOCK)
            except TailormailError as error:
                log.warning("scheduler_cannot_start", why=error.message)
                return False
        return self._lock.held()

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Publish what is due. A broker that is away is one line: it is due again in a moment."""
        try:
            queue = _FREQUENT.get(entry.task)
            if queue is not None and self.app.room_for_hints(queue) <= 0:
                return
            # Without the producer that Celery keeps for beat: that one waits for the broker, silently,
            # and meanwhile the lock would be held by somebody who does nothing.
            self.apply_async(entry, producer=None, advance=False)
        except Exception as error:
            if not self._quiet:
                log.warning("not_scheduled", task=entry.task, why=str(error))
            self._quiet = True
        else:
            self._quiet = False

    @property
    def producer(self) -> None:
        """None: `apply_entry` takes one from the app's pool."""
        return

    def close(self) -> None:
        """Let the next one speak at once."""
        super().close()
        if self._lock is not None:
            self._lock.release()

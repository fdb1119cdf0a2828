"""The Runtime of a worker process: made after the fork, because connections do not survive one."""

from __future__ import annotations

import gc
import importlib
import os

from celery import current_app
from celery.signals import worker_init, worker_process_shutdown

from campaigns.copywriting.preparing import prepare as prepare_writing
from campaigns.core.server_clock import ServerClock
from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
from workers.jobs import CeleryJobs
from workers.stopping import stopping

_runtimes: dict[int, Runtime] = {}


@worker_init.connect
def _share(**_: object) -> None:
    """Before a worker forks: what all its processes need, they have together."""
    # What the recommender imports at a process's first batch: some fifty megabytes.
    importlib.import_module("sklearn.feature_extraction.text")
    prepare_writing()
    # They share it as long as nobody writes to it, and looking for garbage would.
    gc.collect()
    gc.freeze()


def runtime() -> Runtime:
    """This process's Runtime.

    Raises:
        NotConfigured: settings or schema do not fit; the message says what to do.
    """
    process = os.getpid()
    if process not in _runtimes:
        _runtimes.clear()
        made = Runtime(load_settings(), CeleryJobs(current_app._get_current_object()), stopping=stopping)
        _runtimes[process] = made.start()
        # What is there now stays; looking through it again and again cost some percent of all the time.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        made.clock = ServerClock(made.db)
    return _runtimes[process]


@worker_process_shutdown.connect
def _close(**_: object) -> None:
    made = _runtimes.pop(os.getpid(), None)
    if made is not None:
        made.close()
